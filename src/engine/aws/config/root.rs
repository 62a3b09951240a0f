//! `config/root`: the keys that the engine itself works with, and where AWS is.
//!
//! Invariant: the secret key goes in and never comes out. Writing calls nobody: a configuration can be laid down while AWS
//! cannot be reached.

use crate::base::template::Template;
use crate::base::{Error, Result, Secret, outbound};
use crate::engine::aws::client::{Client, Keys, Service};
use crate::engine::aws::names::DEFAULT_TEMPLATE;
use crate::engine::aws::{iam, sts_api};
use crate::logical::route::ORDINARY;
use crate::logical::{Action, Ctx, Field, Input, Operation, Response, Route};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::json;
use std::time::Instant;

pub static ROUTE: Route<Ctx> = Route {
    pattern: "config/root",
    fields: &[
        Field::text("access_key", "Id of the access key that the engine works with (AKIA…)."),
        Field::text("secret_key", "The secret that belongs to access_key. It is never read back."),
        Field::text("region", "Region of the account. Without it: us-east-1."),
        Field::text("iam_endpoint", "Address of IAM, where it is not AWS's own for the region: https://host[:port]."),
        Field::text("sts_endpoint", "Address of STS, where it is not AWS's own for the region: https://host[:port]."),
        Field::text("sts_region", "Region of STS, where it differs from region."),
        Field::integer(
            "max_retries",
            "How often a call that AWS throttles or fails is tried again; -1: up to 8 times.",
        )
        .default("-1"),
        Field::text(
            "username_template",
            "Template for the names of users and sessions. It may use .Type (IAM or STS), .DisplayName and .PolicyName.",
        ),
    ],
    actions: &[
        Action::new(Operation::Read, read, "Show the configuration, less the secret key."),
        Action::new(
            Operation::Update,
            write,
            "Set the whole configuration; what is not given goes back to its default.",
        ),
        Action::new(Operation::Delete, delete, "Forget the keys; leases wait until there are keys again."),
    ],
    exists: None,
    summary: "The keys that the engine works with, and where AWS is.",
    help: "The engine needs an access key of a user that may manage other users (docs/aws.md lists the grants) and, for \
        roles of type assumed_role, that may assume them. Use a user made for this purpose, never the account's root user, \
        and rotate the key afterwards with config/rotate-root, so that nobody else knows it.\n\n\
        Writing sets the configuration as a whole and does not call AWS. Leases remember the account that they belong to: \
        after a change to another account they are reported as \"target changed\" and stay listed.",
    flags: ORDINARY,
};

const RECORD: &str = "config/root";
const DEFAULT_REGION: &str = "us-east-1";

/// The record.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Root {
    pub access_key: String,
    #[serde(serialize_with = "write_secret", deserialize_with = "read_secret")]
    pub secret_key: Secret<String>,
    pub region: String,
    pub iam_endpoint: String,
    pub sts_endpoint: String,
    pub sts_region: String,
    pub max_retries: i64,
    pub username_template: String,
}

pub(in crate::engine::aws) fn write_secret<S: Serializer>(secret: &Secret<String>, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(secret.expose())
}

pub(in crate::engine::aws) fn read_secret<'de, D: Deserializer<'de>>(from: D) -> Result<Secret<String>, D::Error> {
    String::deserialize(from).map(Secret::new)
}

impl Root {
    /// # Errors
    /// `BadRequest` when nothing is configured yet.
    pub fn load(ctx: &Ctx) -> Result<Self> {
        ctx.load(RECORD)?
            .ok_or_else(|| Error::bad_request("the engine has no keys to AWS yet: write config/root first"))
    }

    /// # Errors
    /// `Internal` when the store fails.
    pub fn store_in(&self, records: &mut dyn crate::logical::Records) -> Result<()> {
        crate::logical::ctx::store(records, RECORD, self)
    }

    /// # Errors
    /// `Internal` when the record does not open.
    pub fn load_in(records: &dyn crate::logical::Records) -> Result<Option<Self>> {
        crate::logical::ctx::load(records, RECORD)
    }

    /// A client of IAM. IAM has one region in each partition, and its signatures name that one.
    #[must_use]
    pub fn iam(&self, ctx: &Ctx, deadline: Instant) -> Client {
        let (region, endpoint) = match self.region() {
            region if region.starts_with("cn-") => ("cn-north-1", "https://iam.cn-north-1.amazonaws.com.cn/"),
            region if region.starts_with("us-gov-") => ("us-gov-west-1", "https://iam.us-gov.amazonaws.com/"),
            _ => (DEFAULT_REGION, "https://iam.amazonaws.com/"),
        };
        let endpoint = or(&self.iam_endpoint, endpoint).to_owned();
        self.client(ctx, deadline, Service { name: "iam", version: iam::VERSION, endpoint, region: region.to_owned() })
    }

    /// A client of STS in its region.
    #[must_use]
    pub fn sts(&self, ctx: &Ctx, deadline: Instant) -> Client {
        let region = or(&self.sts_region, self.region()).to_owned();
        let suffix = if region.starts_with("cn-") { ".cn" } else { "" };
        let regional = format!("https://sts.{region}.amazonaws.com{suffix}/");
        let endpoint = or(&self.sts_endpoint, &regional).to_owned();
        self.client(ctx, deadline, Service { name: "sts", version: sts_api::VERSION, endpoint, region })
    }

    fn region(&self) -> &str {
        or(&self.region, DEFAULT_REGION)
    }

    fn client(&self, ctx: &Ctx, deadline: Instant, service: Service) -> Client {
        let keys = Keys { access_key: self.access_key.clone(), secret_key: self.secret_key.clone() };
        Client { service, keys, clock: ctx.clock.clone(), deadline, retries: u32::try_from(self.max_retries).ok() }
    }
}

fn or<'t>(text: &'t str, otherwise: &'t str) -> &'t str {
    if text.is_empty() { otherwise } else { text }
}

fn read(ctx: &mut Ctx, _input: &Input) -> Result<Response> {
    let root: Root = ctx.load(RECORD)?.ok_or_else(|| Error::not_found(""))?;
    Ok(Response::json(json!({
        "access_key": root.access_key,
        "region": root.region,
        "iam_endpoint": root.iam_endpoint,
        "sts_endpoint": root.sts_endpoint,
        "sts_region": root.sts_region,
        "max_retries": root.max_retries,
        "username_template": root.username_template,
    })))
}

fn write(ctx: &mut Ctx, input: &Input) -> Result<Response> {
    let text = |name| input.text(name).unwrap_or_default();
    let root = Root {
        access_key: input.required("access_key")?,
        secret_key: input.required("secret_key")?.into(),
        region: text("region"),
        iam_endpoint: text("iam_endpoint"),
        sts_endpoint: text("sts_endpoint"),
        sts_region: text("sts_region"),
        max_retries: input.integer("max_retries").unwrap_or(-1),
        username_template: input
            .text("username_template")
            .filter(|template| !template.is_empty())
            .unwrap_or_else(|| DEFAULT_TEMPLATE.to_owned()),
    };
    for (field, region) in [("region", &root.region), ("sts_region", &root.sts_region)] {
        check_region(region).map_err(|error| error.context(field))?;
    }
    for (field, address) in [("iam_endpoint", &root.iam_endpoint), ("sts_endpoint", &root.sts_endpoint)] {
        if !address.is_empty() {
            outbound::check_address(address).map_err(|error| error.context(field))?;
        }
    }
    Template::parse(&root.username_template).map_err(|error| error.context("username_template"))?;
    ctx.store(RECORD, &root)?;
    Ok(Response::empty())
}

fn delete(ctx: &mut Ctx, _input: &Input) -> Result<Response> {
    ctx.delete(RECORD)?;
    Ok(Response::empty())
}

/// A region becomes part of a host's name: nothing else may come in with it.
fn check_region(region: &str) -> Result<()> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if region.bytes().all(plain) { Ok(()) } else { Err(Error::bad_request(format!("{region:?} is not a region"))) }
}

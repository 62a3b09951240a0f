//! `config/root`: the keys that the engine itself works with, or none for those of its surroundings, and where AWS is.
//!
//! Invariant: the secret key goes in and never comes out. Writing calls nobody unless leases live: a configuration can be laid
//! down while AWS cannot be reached.

use crate::base::template::Template;
use crate::base::{Error, Result, Secret, Timestamp, outbound};
use crate::engine::aws::client::{Client, Keys, Service, Signer};
use crate::engine::aws::config::{guard, retired, rotate_root};
use crate::engine::aws::names::DEFAULT_TEMPLATE;
use crate::engine::aws::{iam, sources, sts_api};
use crate::logical::route::ORDINARY;
use crate::logical::{Action, Ctx, Field, Input, Operation, Records, Response, Route};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

pub static ROUTE: Route<Ctx> = Route {
    pattern: "config/root",
    fields: &[
        Field::text(
            "access_key",
            "Id of the access key that the engine works with (AKIA…). Without it: the keys of the server's surroundings.",
        ),
        Field::text("secret_key", "The secret that belongs to access_key. It is never read back."),
        Field::text("region", "Region of the account. Without it: what AWS_REGION says, else us-east-1."),
        Field::text("iam_endpoint", "Address of IAM, where it is not AWS's own for the region: https://host[:port]."),
        Field::text("sts_endpoint", "Address of STS, where it is not AWS's own for the region: https://host[:port]."),
        Field::text("sts_region", "Region of STS, where it differs from region."),
        Field::list(
            "sts_fallback_endpoints",
            "Further addresses of STS, asked in this order when nobody answers before.",
        ),
        Field::list("sts_fallback_regions", "The regions of sts_fallback_endpoints, one for each."),
        Field::integer(
            "max_retries",
            "How often a call that AWS throttles or fails is tried again; -1: up to 8 times.",
        )
        .default("-1"),
        Field::text(
            "username_template",
            "Template for the names of users and sessions. It may use .Type (IAM or STS), .DisplayName and .PolicyName.",
        ),
        Field::seconds(
            "rotation_period",
            "How often the access key is replaced, as config/rotate-root does. Without it: never.",
        ),
        Field::flag("disable_automated_rotation", "Keeps rotation_period and does not act on it.").default("false"),
        Field::text("rotation_schedule", "Not supported: give rotation_period."),
        Field::seconds("rotation_window", "Not supported: it goes with rotation_schedule."),
        Field::text("role_arn", "Not supported: give the server a web identity in its environment."),
        Field::text("identity_token_audience", "Not supported, as role_arn."),
        Field::seconds("identity_token_ttl", "Not supported, as role_arn."),
        guard::FORCE,
    ],
    actions: &[
        Action::new(Operation::Read, read, "Show the configuration, less the secret key."),
        Action::new(
            Operation::Update,
            write,
            "Set the whole configuration; what is not given goes back to its default.",
        ),
        Action::new(
            Operation::Delete,
            delete,
            "Forget the keys, where no lease needs them; forced, the leases are ended.",
        ),
    ],
    exists: None,
    summary: "The keys that the engine works with, and where AWS is.",
    help: "The engine needs an access key of a user that may manage other users (docs/aws.md lists the grants) and, for \
        roles of type assumed_role, that may assume them. Use a user made for this purpose, never the account's root user, \
        and rotate the key afterwards with config/rotate-root, so that nobody else knows it. Without an access key here it takes \
        what the server's surroundings give: the environment, a web identity, the shared files, the container, the instance.\n\n\
        Writing sets the configuration as a whole, and calls AWS only to learn the account of other keys while leases live. \
        Leases remember the account that they belong to. A change to another is refused with their number unless force is \
        given; they are then reported as \"target changed\" and stay listed. So is forgetting the keys; forced, it ends the \
        leases, and the keys are kept out of sight until the last of them has ended, and for ten minutes at least.",
    flags: ORDINARY,
};

pub const RECORD: &str = "config/root";
const DEFAULT_REGION: &str = "us-east-1";

/// The record.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Root {
    /// Empty: whatever the surroundings give.
    pub access_key: String,
    #[serde(serialize_with = "write_secret", deserialize_with = "read_secret")]
    pub secret_key: Secret<String>,
    pub region: String,
    pub iam_endpoint: String,
    pub sts_endpoint: String,
    pub sts_region: String,
    pub sts_fallback_endpoints: Vec<String>,
    pub sts_fallback_regions: Vec<String>,
    pub max_retries: i64,
    pub username_template: String,
    /// In seconds; zero for never.
    pub rotation_period: u64,
    pub disable_automated_rotation: bool,
    /// When its access key is to be replaced next.
    pub rotate_at: Option<Timestamp>,
    /// The region of the environment, for where none is configured.
    #[serde(skip)]
    pub usual_region: String,
}

pub(in crate::engine::aws) fn write_secret<S: Serializer>(secret: &Secret<String>, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(secret.expose())
}

pub(in crate::engine::aws) fn read_secret<'de, D: Deserializer<'de>>(from: D) -> Result<Secret<String>, D::Error> {
    String::deserialize(from).map(Secret::new)
}

impl Root {
    /// What is configured; where nothing is, the defaults, with the keys of the surroundings.
    ///
    /// # Errors
    /// `Internal` when the record does not open, `BadRequest` when the environment's region is none.
    pub fn load(ctx: &Ctx) -> Result<Self> {
        let nothing = || Self { max_retries: -1, username_template: DEFAULT_TEMPLATE.to_owned(), ..Self::default() };
        ctx.load::<Self>(RECORD)?.unwrap_or_else(nothing).in_its_region()
    }

    /// A record as it is worked with: in the environment's region where it names none.
    ///
    /// # Errors
    /// `BadRequest` when the environment's region is none.
    pub fn in_its_region(mut self) -> Result<Self> {
        self.usual_region = sources::region().unwrap_or_else(|| DEFAULT_REGION.to_owned());
        check_region(&self.usual_region).map_err(|error| error.context("AWS_REGION"))?;
        Ok(self)
    }

    /// # Errors
    /// `Internal` when the store fails.
    pub fn store_in(&self, records: &mut dyn Records) -> Result<()> {
        crate::logical::ctx::store(records, RECORD, self)
    }

    /// # Errors
    /// `Internal` when the record does not open.
    pub fn load_in(records: &dyn Records) -> Result<Option<Self>> {
        crate::logical::ctx::load(records, RECORD)
    }

    /// Whether its own access key is to be replaced by schedule, and how often.
    #[must_use]
    pub fn rotates_every(&self) -> Option<Duration> {
        let asked = self.rotation_period > 0 && !self.disable_automated_rotation && !self.access_key.is_empty();
        asked.then(|| Duration::from_secs(self.rotation_period))
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

    /// A client of STS in its region, with those that stand in for it.
    #[must_use]
    pub fn sts(&self, ctx: &Ctx, deadline: Instant) -> Client {
        let others = self.sts_fallback_endpoints.iter().zip(&self.sts_fallback_regions);
        let fallbacks = others.map(|(endpoint, region)| sts_at(endpoint.clone(), region.clone())).collect();
        Client { fallbacks, ..self.client(ctx, deadline, self.sts_service()) }
    }

    fn sts_service(&self) -> Service {
        let region = or(&self.sts_region, self.region()).to_owned();
        let suffix = if region.starts_with("cn-") { ".cn" } else { "" };
        let regional = format!("https://sts.{region}.amazonaws.com{suffix}/");
        sts_at(or(&self.sts_endpoint, &regional).to_owned(), region)
    }

    fn region(&self) -> &str {
        or(&self.region, or(&self.usual_region, DEFAULT_REGION))
    }

    fn client(&self, ctx: &Ctx, deadline: Instant, service: Service) -> Client {
        let signer = if self.access_key.is_empty() {
            Signer::Surroundings(Box::new(self.sts_service()))
        } else {
            let (access_key, secret_key) = (self.access_key.clone(), self.secret_key.clone());
            Signer::Keys(Keys { access_key, secret_key, session_token: None })
        };
        let (clock, retries) = (ctx.clock.clone(), u32::try_from(self.max_retries).ok());
        Client { service, fallbacks: Vec::new(), signer, clock, deadline, retries }
    }
}

fn sts_at(endpoint: String, region: String) -> Service {
    Service { name: "sts", version: sts_api::VERSION, endpoint, region }
}

fn or<'t>(text: &'t str, otherwise: &'t str) -> &'t str {
    if text.is_empty() { otherwise } else { text }
}

fn read(ctx: &mut Ctx, _input: &Input) -> Result<Response> {
    let root: Root = ctx.load(RECORD)?.ok_or_else(|| Error::not_found(""))?;
    let mut shown = json!({
        "access_key": root.access_key,
        "region": root.region,
        "iam_endpoint": root.iam_endpoint,
        "sts_endpoint": root.sts_endpoint,
        "sts_region": root.sts_region,
        "sts_fallback_endpoints": root.sts_fallback_endpoints,
        "sts_fallback_regions": root.sts_fallback_regions,
        "max_retries": root.max_retries,
        "username_template": root.username_template,
        "rotation_period": root.rotation_period,
        "disable_automated_rotation": root.disable_automated_rotation,
        "rotation_schedule": "",
        "rotation_window": 0,
        "role_arn": "",
        "identity_token_audience": "",
        "identity_token_ttl": 0,
    });
    if root.access_key.is_empty() {
        shown["credentials_from"] = sources::describe().into();
    }
    Ok(Response::json(shown))
}

fn write(ctx: &mut Ctx, input: &Input) -> Result<Response> {
    refuse_unsupported(input)?;
    let text = |name| input.text(name).unwrap_or_default();
    let mut root = Root {
        access_key: text("access_key"),
        secret_key: text("secret_key").into(),
        region: text("region"),
        iam_endpoint: text("iam_endpoint"),
        sts_endpoint: text("sts_endpoint"),
        sts_region: text("sts_region"),
        sts_fallback_endpoints: input.list("sts_fallback_endpoints").unwrap_or_default(),
        sts_fallback_regions: input.list("sts_fallback_regions").unwrap_or_default(),
        max_retries: input.integer("max_retries").unwrap_or(-1),
        username_template: input
            .text("username_template")
            .filter(|template| !template.is_empty())
            .unwrap_or_else(|| DEFAULT_TEMPLATE.to_owned()),
        rotation_period: input.duration("rotation_period").unwrap_or_default().as_secs(),
        disable_automated_rotation: input.flag("disable_automated_rotation").unwrap_or_default(),
        ..Root::default()
    };
    root.check()?;
    if input.flag("force") != Some(true) {
        let before = Root::load(ctx)?;
        root.usual_region.clone_from(&before.usual_region);
        guard::may_become(ctx, &before, &root)?;
    }
    root.rotate_at = root.rotates_every().map(|period| ctx.now().plus(period));
    ctx.write(|records| {
        root.store_in(records)?;
        rotate_root::schedule(records, &root)
    })?;
    Ok(Response::empty())
}

fn delete(ctx: &mut Ctx, input: &Input) -> Result<Response> {
    let leases = guard::leases(ctx)?;
    if leases > 0 && input.flag("force") != Some(true) {
        guard::may_go(ctx)?;
    }
    if leases > 0 {
        let root = Root::load(ctx)?;
        retired::retire(ctx, root)?;
        return Ok(Response::empty().warn(format!("{leases} leases of users at AWS are being ended")));
    }
    ctx.write(|records| forget_in(records))?;
    Ok(Response::empty())
}

/// Takes the configuration out of the records, with its schedule.
///
/// # Errors
/// `Internal` when the store fails.
pub fn forget_in(records: &mut dyn Records) -> Result<()> {
    records.unschedule(rotate_root::TASK.kind, rotate_root::TASK_NAME)?;
    records.delete(RECORD).map(drop)
}

fn refuse_unsupported(input: &Input) -> Result<()> {
    let given = |field: &&str| match input.value(field) {
        Some(Value::String(text)) => !text.is_empty(),
        Some(Value::Number(number)) => number.as_u64() != Some(0),
        _ => false,
    };
    let unsupported = [
        ("rotation_schedule", "give rotation_period"),
        ("rotation_window", "it goes with rotation_schedule"),
        ("role_arn", "give the server a web identity in its environment"),
        ("identity_token_audience", "give the server a web identity in its environment"),
        ("identity_token_ttl", "give the server a web identity in its environment"),
    ];
    match unsupported.iter().find(|(field, _)| given(field)) {
        Some((field, instead)) => Err(Error::bad_request(format!("{field} is not supported: {instead}"))),
        None => Ok(()),
    }
}

impl Root {
    /// Holds the parameters against each other.
    fn check(&self) -> Result<()> {
        match (self.access_key.is_empty(), self.secret_key.is_empty()) {
            (true, false) => return Err(Error::bad_request("missing access_key: it goes with secret_key")),
            (false, true) => return Err(Error::bad_request("missing secret_key: it goes with access_key")),
            _ => {}
        }
        if self.rotation_period > 0 && self.access_key.is_empty() {
            return Err(Error::bad_request(
                "rotation_period needs an access_key: keys of the surroundings are not ours",
            ));
        }
        if (1..rotate_root::SHORTEST_PERIOD).contains(&self.rotation_period) {
            return Err(Error::bad_request(format!("rotation_period is at least {}s", rotate_root::SHORTEST_PERIOD)));
        }
        if self.sts_fallback_endpoints.len() != self.sts_fallback_regions.len() {
            return Err(Error::bad_request("sts_fallback_endpoints and sts_fallback_regions must be as many"));
        }
        let fallbacks = self.sts_fallback_regions.iter().map(|region| ("sts_fallback_regions", region));
        for (field, region) in [("region", &self.region), ("sts_region", &self.sts_region)].into_iter().chain(fallbacks)
        {
            check_region(region).map_err(|error| error.context(field))?;
        }
        let fallbacks = self.sts_fallback_endpoints.iter().map(|address| ("sts_fallback_endpoints", address));
        let usual = [("iam_endpoint", &self.iam_endpoint), ("sts_endpoint", &self.sts_endpoint)].into_iter();
        for (field, address) in usual.filter(|(_, address)| !address.is_empty()).chain(fallbacks) {
            outbound::check_address(address).map_err(|error| error.context(field))?;
        }
        Template::parse(&self.username_template).map_err(|error| error.context("username_template")).map(drop)
    }
}

/// A region becomes part of a host's name: nothing else may come in with it.
fn check_region(region: &str) -> Result<()> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if region.bytes().all(plain) { Ok(()) } else { Err(Error::bad_request(format!("{region:?} is not a region"))) }
}

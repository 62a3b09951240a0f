//! `config/root`: the keys that the engine works with, and where AWS is.

use super::Root;
use crate::base::{Error, Result};
use crate::logical::route::ORDINARY;
use crate::logical::{Action, Ctx, Field, Input, Operation, Response, Route};
use serde_json::json;

pub const RECORD: &str = "config/root";

pub static ROUTE: Route<Ctx> = Route {
    pattern: "config/root",
    fields: &[
        Field::text("access_key", "Id of the access key that the engine works with."),
        Field::text("secret_key", "Secret of that key. Written, never read back."),
        Field::text("region", "Region that calls are signed for; us-east-1 unless given."),
        Field::text("iam_endpoint", "URL of IAM, where it is not AWS's own."),
        Field::text("sts_endpoint", "URL of STS, where it is not AWS's own."),
        Field::text("sts_region", "Region that calls to STS are signed for, where it differs."),
        Field::integer("max_retries", "Kept for clients that set it: calls are tried again within the request's time.")
            .default("-1"),
        Field::text("username_template", "Template for the names of IAM users."),
    ],
    actions: &[
        Action::new(Operation::Read, read, "Show the configuration, without the secret key."),
        Action::new(Operation::Update, write, "Set the keys and endpoints."),
        Action::new(Operation::Delete, delete, "Forget the keys."),
    ],
    exists: None,
    summary: "Keys and endpoints that the engine works with.",
    help: "The user of these keys makes and deletes IAM users and assumes roles; docs/aws.md lists the rights that it \
           needs. The endpoints are for AWS-compatible services and emulators.",
    flags: ORDINARY,
};

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
    for endpoint in ["iam_endpoint", "sts_endpoint"] {
        let given = input.text(endpoint).unwrap_or_default();
        if !given.is_empty() && !given.starts_with("http://") && !given.starts_with("https://") {
            return Err(Error::bad_request(format!("{endpoint} must be a URL that begins with https:// or http://")));
        }
    }
    let template = input.text("username_template").unwrap_or_default();
    if !template.is_empty() {
        crate::base::template::Template::parse(&template).map_err(|error| error.context("username_template"))?;
    }
    let root = Root {
        access_key: input.required("access_key")?,
        secret_key: input.required("secret_key")?,
        region: input.text("region").unwrap_or_default(),
        iam_endpoint: input.text("iam_endpoint").unwrap_or_default(),
        sts_endpoint: input.text("sts_endpoint").unwrap_or_default(),
        sts_region: input.text("sts_region").unwrap_or_default(),
        max_retries: input.integer("max_retries").unwrap_or(-1),
        username_template: template,
    };
    ctx.store(RECORD, &root)?;
    Ok(Response::empty())
}

fn delete(ctx: &mut Ctx, _input: &Input) -> Result<Response> {
    ctx.delete(RECORD)?;
    Ok(Response::empty())
}

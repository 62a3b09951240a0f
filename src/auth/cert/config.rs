//! `config`: what holds for all roles of the mount.

use crate::base::Result;
use crate::logical::route::ORDINARY;
use crate::logical::{Action, Ctx, Field, Input, Operation, Response, Route};
use serde::{Deserialize, Serialize};
use serde_json::json;

const RECORD: &str = "config";

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Config {
    /// A token is renewed also by who does not show its certificate.
    pub disable_binding: bool,
    pub enable_identity_alias_metadata: bool,
}

pub static ROUTE: Route<Ctx> = Route {
    pattern: "config",
    fields: &[
        Field::flag(
            "disable_binding",
            "Renews a token whether or not its certificate is shown again. Without it, that very one has to be.",
        ),
        Field::flag("enable_identity_alias_metadata", "Keeps the token's metadata with the entity's alias as well."),
        Field::integer("ocsp_cache_size", "Without effect: there is no OCSP."),
        Field::integer("role_cache_size", "Without effect: roles are read when they are needed."),
    ],
    actions: &[
        Action::new(Operation::Read, read, "Show the configuration."),
        Action::new(Operation::Update, write, "Change the given parameters."),
    ],
    exists: None,
    summary: "What holds for all roles.",
    help: "What is not given stays as it is.",
    flags: ORDINARY,
};

impl Config {
    /// # Errors
    /// `Internal` when it does not open.
    pub fn load(ctx: &Ctx) -> Result<Self> {
        Ok(ctx.load(RECORD)?.unwrap_or_default())
    }
}

fn read(ctx: &mut Ctx, _input: &Input) -> Result<Response> {
    let config = Config::load(ctx)?;
    Ok(Response::json(json!({
        "disable_binding": config.disable_binding,
        "enable_identity_alias_metadata": config.enable_identity_alias_metadata,
    })))
}

fn write(ctx: &mut Ctx, input: &Input) -> Result<Response> {
    ctx.write(|records| {
        let mut config: Config = crate::logical::ctx::load(records, RECORD)?.unwrap_or_default();
        for (field, place) in [
            ("disable_binding", &mut config.disable_binding),
            ("enable_identity_alias_metadata", &mut config.enable_identity_alias_metadata),
        ] {
            if input.given(field) {
                *place = input.flag(field).unwrap_or_default();
            }
        }
        crate::logical::ctx::store(records, RECORD, &config)
    })?;
    let idle = ["ocsp_cache_size", "role_cache_size"].into_iter().filter(|name| input.given(name));
    let warnings = idle.map(|name| format!("{name} has no effect here: there is no such cache")).collect();
    Ok(Response { warnings, ..Response::empty() })
}

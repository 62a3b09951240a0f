//! `create`, `create-orphan`: makes a token below the caller's, or one that stands alone.

use super::rules::{self, Asked, Life, Parent};
use crate::base::{Error, Result, Secret};
use crate::core::tokens::{NewToken, PREFIX, TokenRecord, new_accessor};
use crate::core::{Call, Identity, Live};
use crate::logical::route::{ORDINARY, SUDO};
use crate::logical::{Action, Field, Input, Operation, Response, Route};

const FIELDS: &[Field] = &[
    Field::text("id", "The token itself, chosen rather than random; needs root."),
    Field::list("policies", "The token's policies; without, those of its parent."),
    Field::pairs("meta", "Notes on the token, shown in look-ups and audit entries."),
    Field::flag("no_parent", "Makes a token that does not end with the caller's; needs sudo.").default("false"),
    Field::flag("no_default_policy", "Leaves the policy `default` out.").default("false"),
    Field::flag("renewable", "Whether the token can be renewed.").default("true"),
    Field::seconds("ttl", "How long the token lives, up to the maximum.").default("0"),
    Field::seconds("lease", "Older name of ttl.").default("0"),
    Field::seconds("explicit_max_ttl", "The end of the token's life, counted from now, whatever renews it.")
        .default("0"),
    Field::seconds("period", "Each renewal gives the token this long again, without maximum; needs sudo.").default("0"),
    Field::text("display_name", "A name for logs and audit entries; `token-` is put before it.").default(""),
    Field::integer("num_uses", "How many requests the token is good for; 0 is any number.").default("0"),
    Field::text("type", "The kind of token: service.").default("service"),
    Field::text("entity_alias", "Not available in this version."),
];

pub static CREATE: Route<Call> = Route {
    pattern: "create",
    fields: FIELDS,
    actions: &[Action::new(Operation::Update, create, "Makes a token below the caller's.")],
    exists: None,
    summary: "Makes a token.",
    help: "The new token ends with the caller's at the latest. Its policies are among the caller's own, unless the caller \
           has sudo on this path. The token is shown in this answer only.",
    flags: ORDINARY,
};

pub static CREATE_ORPHAN: Route<Call> = Route {
    pattern: "create-orphan",
    fields: FIELDS,
    actions: &[Action::new(Operation::Update, create_orphan, "Makes a token that stands alone.")],
    exists: None,
    summary: "Makes a token without a parent.",
    help: "As create, but the token does not end when the caller's does.",
    flags: SUDO,
};

pub static CREATE_WITH_ROLE: Route<Call> = Route {
    pattern: "create/{role_name}",
    fields: &[Field::text("role_name", "The token role.")],
    actions: &[Action::new(Operation::Update, with_role, "Not available in this version.")],
    exists: None,
    summary: "Makes a token by a token role.",
    help: "Token roles are not available in this version: use auth/token/create.",
    flags: ORDINARY,
};

fn create(call: &mut Call, input: &Input) -> Result<Response> {
    make(call, input, input.flag("no_parent").unwrap_or_default())
}

fn create_orphan(call: &mut Call, input: &Input) -> Result<Response> {
    make(call, input, true)
}

fn with_role(_call: &mut Call, _input: &Input) -> Result<Response> {
    Err(Error::bad_request("token roles are not available in this version: use auth/token/create"))
}

fn make(call: &mut Call, input: &Input, orphan: bool) -> Result<Response> {
    let (live, identity) = (call.live()?, call.identity()?);
    let parent =
        Parent { policies: &identity.token.policies, expires: identity.row.expires.is_some(), sudo: call.has_sudo() };
    refuse_unavailable(input)?;
    refuse_limited_parent(identity)?;
    let asked = asked_life(input);
    let privileged = parent.sudo || parent.is_root();
    if orphan && !privileged {
        return Err(Error::bad_request("root or sudo privileges required to create orphan token"));
    }
    if !asked.period.is_zero() && !privileged {
        return Err(Error::bad_request("root or sudo privileges required to create periodic token"));
    }
    let id = chosen_id(input, &parent)?;
    let policies = rules::policies(
        &parent,
        &input.list("policies").unwrap_or_default(),
        input.flag("no_default_policy").unwrap_or_default(),
    )?;
    let is_root = policies.iter().any(|name| name == "root");
    let mount = live.mount_at("auth/token/")?;
    let limits = live.limits(&mount);
    let life = rules::life(&parent, is_root, asked, limits, live.now())?;
    let warnings = unknown_policies(live, &policies);
    let record = record(call, input, identity, policies, &life, orphan)?;
    let new = NewToken {
        id,
        parent: if orphan { 0 } else { identity.row.id },
        folder: record.path.strip_prefix(&mount.path).unwrap_or(&record.path).to_owned(),
        mount,
        record,
        // One that never ends has nothing to renew.
        renewable: life.expires.is_some() && input.flag("renewable").unwrap_or(true),
        expires: life.expires,
        maximum: life.maximum,
        request_id: call.request_id.clone(),
    };
    let draft = live.draft_token(new)?;
    let mut response = Response { auth: Some(draft.auth()), ..Response::default() };
    response.warnings = [warnings, life.warnings].concat();
    call.prepared.token = Some(draft);
    Ok(response)
}

fn refuse_unavailable(input: &Input) -> Result<()> {
    match input.text("type").as_deref() {
        None | Some("" | "service") => {}
        Some("batch") => {
            return Err(Error::bad_request("batch tokens are not available in this version: use type=service"));
        }
        Some(_) => return Err(Error::bad_request("invalid 'token_type' value: there is only service")),
    }
    if input.text("entity_alias").is_some_and(|alias| !alias.is_empty()) {
        return Err(Error::bad_request("entity_alias is not available in this version"));
    }
    Ok(())
}

/// A token that is good for so many requests would escape its limit through its children.
fn refuse_limited_parent(identity: &Identity) -> Result<()> {
    if identity.token.num_uses > 0 || identity.last_use {
        return Err(Error::bad_request("restricted use token cannot generate child tokens"));
    }
    Ok(())
}

fn asked_life(input: &Input) -> Asked {
    let given = |name| input.duration(name).unwrap_or_default();
    let ttl = if given("ttl").is_zero() { given("lease") } else { given("ttl") };
    Asked { ttl, explicit_max: given("explicit_max_ttl"), period: given("period") }
}

fn chosen_id(input: &Input, parent: &Parent<'_>) -> Result<Option<Secret<String>>> {
    let Some(id) = input.text("id").filter(|id| !id.is_empty()).map(Secret::new) else { return Ok(None) };
    if !parent.is_root() {
        return Err(Error::bad_request("root privileges required to specify token id"));
    }
    if id.expose().starts_with(PREFIX) || id.expose().contains('.') {
        return Err(Error::bad_request(format!("a chosen token id must not begin with {PREFIX:?} nor hold a '.'")));
    }
    Ok(Some(id))
}

fn record(
    call: &Call,
    input: &Input,
    identity: &Identity,
    policies: Vec<String>,
    life: &Life,
    orphan: bool,
) -> Result<TokenRecord> {
    let now = call.live()?.now();
    let num_uses = input.integer("num_uses").unwrap_or_default();
    if num_uses < 0 {
        return Err(Error::bad_request("number of uses cannot be negative"));
    }
    let granted = life.expires.map_or(0, |expires| now.until(expires).as_millis().div_ceil(1000));
    Ok(TokenRecord {
        accessor: new_accessor(now)?,
        policies,
        display_name: rules::display_name(&input.text("display_name").unwrap_or_default()),
        meta: input.map("meta").filter(|meta| !meta.is_empty()),
        path: call.path.trim_end_matches('/').to_owned(),
        num_uses: u32::try_from(num_uses).map_err(|_| Error::bad_request("number of uses is too large"))?,
        period: life.period.as_secs(),
        explicit_max_ttl: life.explicit_max.as_secs(),
        creation_ttl: u64::try_from(granted).unwrap_or(u64::MAX),
        orphan,
        entity_id: if orphan { String::new() } else { identity.token.entity_id.clone() },
    })
}

fn unknown_policies(live: &Live, policies: &[String]) -> Vec<String> {
    let unknown = policies.iter().filter(|name| live.policies.text(name).is_none());
    unknown.map(|name| format!("Policy {name:?} does not exist")).collect()
}

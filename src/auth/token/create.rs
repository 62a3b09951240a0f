//! `create`, `create-orphan`, `create/{role}`: makes a token below the caller's, one that stands alone, or what a role says.

use super::roles::Role;
use super::rules::{self, Parent};
use crate::base::{Error, Result, Secret, glob};
use crate::core::batch::NewBatchToken;
use crate::core::mounts::Mount;
use crate::core::tokens::{NewToken, TokenRecord, new_accessor};
use crate::core::ttl::Asked;
use crate::core::{Call, Identity, Live, identity};
use crate::logical::route::{ORDINARY, SUDO};
use crate::logical::{Action, Field, Input, Operation, Response, Route};
use crate::storage::LeaseRow;
use std::time::Duration;

const FIELDS: [Field; 14] = [
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
    Field::text("type", "The kind of token: service or batch; without, the role's, or service."),
    Field::text("entity_alias", "The alias that the token is for, at the token mount; needs a role that allows it."),
];

pub static CREATE: Route<Call> = Route {
    pattern: "create",
    fields: &FIELDS,
    actions: &[Action::new(Operation::Update, create, "Makes a token below the caller's.")],
    exists: None,
    summary: "Makes a token.",
    help: "The new token ends with the caller's at the latest. Its policies are among the caller's own, unless the caller \
           has sudo on this path. The token is shown in this answer only.",
    flags: ORDINARY,
};

pub static CREATE_ORPHAN: Route<Call> = Route {
    pattern: "create-orphan",
    fields: &FIELDS,
    actions: &[Action::new(Operation::Update, create_orphan, "Makes a token that stands alone.")],
    exists: None,
    summary: "Makes a token without a parent.",
    help: "As create, but the token does not end when the caller's does.",
    flags: SUDO,
};

pub static CREATE_WITH_ROLE: Route<Call> = Route {
    pattern: "create/{role_name}",
    fields: &WITH_ROLE,
    actions: &[Action::new(Operation::Update, with_role, "Makes a token by a token role.")],
    exists: None,
    summary: "Makes a token by a token role.",
    help: "As create, with what the role says: which policies the token may have, whether it has a parent, how long it lives \
           and what it is. Of two lengths and two numbers of uses the smaller one holds.",
    flags: ORDINARY,
};

static WITH_ROLE: [Field; FIELDS.len() + 1] = Field::joined([Field::text("role_name", "The token role.")], FIELDS);

fn create(call: &mut Call, input: &Input) -> Result<Response> {
    let orphan = input.flag("no_parent").unwrap_or_default();
    if orphan && !call.has_sudo() {
        return Err(Error::bad_request("root or sudo privileges required to create orphan token"));
    }
    make(call, input, None, orphan)
}

fn create_orphan(call: &mut Call, input: &Input) -> Result<Response> {
    make(call, input, None, true)
}

fn with_role(call: &mut Call, input: &Input) -> Result<Response> {
    let name = input.required("role_name")?;
    let role = Role::find(call.live()?, &name)?.ok_or_else(|| Error::bad_request(format!("unknown role {name}")))?;
    let orphan = role.orphan;
    make(call, input, Some((&name, &role)), orphan)
}

fn make(call: &mut Call, input: &Input, named_role: Option<(&str, &Role)>, orphan: bool) -> Result<Response> {
    let (live, identity) = (call.live()?, call.identity()?);
    let role = named_role.map(|(_, role)| role);
    let parent = Parent {
        policies: &identity.token().policies,
        expires: identity.living.expires.is_some(),
        sudo: call.has_sudo(),
    };
    let own_row = refuse_childless(identity)?;
    let is_batch = rules::is_batch(role, &input.text("type").unwrap_or_default())?;
    if is_batch {
        refuse_beyond_batch(input)?;
    }
    let asked = asked_life(input, role, &parent)?;
    let id = chosen_id(input, &parent)?;
    let policies = rules::policies(
        &parent,
        role,
        &input.list("policies").unwrap_or_default(),
        input.flag("no_default_policy").unwrap_or_default(),
    )?;
    let is_root = policies.iter().any(|name| name == "root");
    if is_root && is_batch {
        return Err(Error::bad_request("batch tokens cannot be root tokens"));
    }
    let mount = live.mount_at("auth/token/")?;
    let life = rules::life(&parent, is_root, asked, live.limits(&mount), live.now())?;
    let mut record = record(call, input, named_role, policies)?;
    record.orphan = orphan;
    record.entity_id = entity(live, input, role, &mount, orphan, identity)?;
    if let Some(life) = &life {
        record.period = life.period.as_secs();
        record.explicit_max_ttl = life.explicit_max.as_secs();
        record.creation_ttl = whole_seconds(live.now().until(life.expires));
        record.bound_cidrs = role.map(|role| role.token.bound_cidrs.clone()).unwrap_or_default();
    }
    let warnings = unknown_policies(live, &record.policies);
    let mut response = Response { warnings, ..Response::default() };
    if let Some(life) = life.as_ref().filter(|_| is_batch) {
        if record.num_uses > 0 {
            return Err(Error::bad_request("batch tokens cannot have \"num_uses\" set, and the role says it"));
        }
        let parent = (!orphan).then_some(own_row.key);
        response.auth = Some(live.make_batch_token(NewBatchToken { parent, mount, record, expires: life.expires })?);
        response.warnings.extend(life.warnings.clone());
        return Ok(response);
    }
    // One that never ends has nothing to renew.
    let renewable = life.is_some() && input.flag("renewable").unwrap_or(true) && role.is_none_or(|role| role.renewable);
    let new = NewToken {
        id,
        parent: if orphan { 0 } else { own_row.id },
        folder: record.path.strip_prefix(&mount.path).unwrap_or(&record.path).to_owned(),
        mount,
        record,
        renewable,
        expires: life.as_ref().map(|life| life.expires),
        maximum: life.as_ref().and_then(|life| life.maximum),
        request_id: call.request_id.clone(),
    };
    let draft = live.draft_token(new)?;
    response.auth = Some(live.auth_of(&draft)?);
    response.warnings.extend(life.map(|life| life.warnings).unwrap_or_default());
    call.prepared.token = Some(draft);
    Ok(response)
}

/// The caller's row, below which tokens can be made. One that is good for so many requests would escape its limit through its
/// children, and a batch token has no row that they could hang at.
fn refuse_childless(identity: &Identity) -> Result<&LeaseRow> {
    if identity.token().num_uses > 0 || identity.last_use {
        return Err(Error::bad_request("restricted use token cannot generate child tokens"));
    }
    identity.living.row.as_ref().ok_or_else(|| Error::bad_request("batch tokens cannot create more tokens"))
}

/// A batch token lives for one fixed time and is counted nowhere.
fn refuse_beyond_batch(input: &Input) -> Result<()> {
    let given = |name: &&str| match *name {
        "num_uses" => input.integer(name).unwrap_or_default() != 0,
        "id" => input.text(name).is_some_and(|id| !id.is_empty()),
        _ => !input.duration(name).unwrap_or_default().is_zero(),
    };
    match ["explicit_max_ttl", "num_uses", "period", "id"].iter().find(|name| given(name)) {
        Some(name) => Err(Error::bad_request(format!("batch tokens cannot have {name:?} set"))),
        None => Ok(()),
    }
}

/// The lengths that are asked for, or that the role says where it is the smaller one. Only a role gives a period to those who
/// may not ask for one.
fn asked_life(input: &Input, role: Option<&Role>, parent: &Parent<'_>) -> Result<Asked> {
    let given = |name| input.duration(name).unwrap_or_default();
    if !given("period").is_zero() && !parent.sudo && !parent.is_root() {
        return Err(Error::bad_request("root or sudo privileges required to create periodic token"));
    }
    let by_role = role.map(|role| role.token.clone()).unwrap_or_default();
    Ok(Asked {
        ttl: if given("ttl").is_zero() { given("lease") } else { given("ttl") },
        explicit_max: smaller(given("explicit_max_ttl"), by_role.explicit_max_ttl()),
        period: smaller(given("period"), by_role.period()),
    })
}

/// The smaller of two limits, of which one that is nothing is none.
fn smaller<T: Default + Ord>(one: T, other: T) -> T {
    let none = T::default();
    match (one == none, other == none) {
        (true, _) => other,
        (_, true) => one,
        _ => one.min(other),
    }
}

fn chosen_id(input: &Input, parent: &Parent<'_>) -> Result<Option<Secret<String>>> {
    let Some(id) = input.text("id").filter(|id| !id.is_empty()).map(Secret::new) else { return Ok(None) };
    if !parent.is_root() {
        return Err(Error::bad_request("root privileges required to specify token id"));
    }
    if id.expose().contains('.') {
        return Err(Error::bad_request("a chosen token id must not hold a '.'"));
    }
    Ok(Some(id))
}

fn record(call: &Call, input: &Input, role: Option<(&str, &Role)>, policies: Vec<String>) -> Result<TokenRecord> {
    let uses = input.integer("num_uses").unwrap_or_default();
    if uses < 0 {
        return Err(Error::bad_request("number of uses cannot be negative"));
    }
    let uses = u32::try_from(uses).map_err(|_| Error::bad_request("number of uses is too large"))?;
    let mut path = call.path.trim_end_matches('/').to_owned();
    if let Some((_, role)) = role.filter(|(_, role)| !role.path_suffix.is_empty()) {
        path = format!("{path}/{}", role.path_suffix);
    }
    Ok(TokenRecord {
        accessor: new_accessor(call.live()?.now())?,
        policies,
        display_name: rules::display_name(&input.text("display_name").unwrap_or_default()),
        meta: input.map("meta").filter(|meta| !meta.is_empty()),
        path,
        num_uses: smaller(uses, role.map_or(0, |(_, role)| role.token.num_uses)),
        role: role.map(|(name, _)| name.to_owned()).unwrap_or_default(),
        ..TokenRecord::default()
    })
}

/// Who the token is for: the entity of the alias that is asked for, else that of the parent, which an orphan leaves behind.
fn entity(
    live: &Live,
    input: &Input,
    role: Option<&Role>,
    mount: &Mount,
    orphan: bool,
    identity: &Identity,
) -> Result<String> {
    let alias = identity::fold(&input.text("entity_alias").unwrap_or_default());
    if alias.is_empty() {
        return Ok(if orphan { String::new() } else { identity.token().entity_id.clone() });
    }
    let role =
        role.ok_or_else(|| Error::bad_request("'entity_alias' is only allowed in combination with token role"))?;
    if !role.allowed_entity_aliases.iter().any(|pattern| glob::matches(pattern, &alias)) {
        return Err(Error::bad_request("invalid 'entity_alias' value"));
    }
    let presented = identity::login::Presented {
        mount_accessor: mount.accessor.clone(),
        name: alias,
        ..identity::login::Presented::default()
    };
    let entity = live.change_identities(|records| identity::login::entity_of(records, &presented, live.now()))?;
    Ok(entity.id)
}

fn whole_seconds(length: Duration) -> u64 {
    u64::try_from(length.as_millis().div_ceil(1000)).unwrap_or(u64::MAX)
}

fn unknown_policies(live: &Live, policies: &[String]) -> Vec<String> {
    let unknown = policies.iter().filter(|name| live.policies.text(name).is_none());
    unknown.map(|name| format!("Policy {name:?} does not exist")).collect()
}

//! `role/{role_name}/policies` and the like: one parameter of a role each, so that somebody may be let change that alone. They
//! are one table and three handlers.

use super::{
    BIND_SECRET_ID as BIND, BOUND_CIDR_LIST as OLD_CIDRS, LOCAL_SECRET_IDS as LOCAL, PERIOD as OLD_PERIOD,
    POLICIES as OLD_POLICIES, ROLE_NAME, SECRET_ID_BOUND_CIDRS as CIDRS, SECRET_ID_NUM_USES as USES,
    SECRET_ID_TTL as TTL, describe, named, take,
};
use crate::auth::approle::stored::Role;
use crate::base::{Error, Result};
use crate::logical::route::ORDINARY;
use crate::logical::{Action, Ctx, Field, Input, Map, Operation, Response, Route};

macro_rules! part {
    ($route:ident, $segment:literal, [$($field:expr),+], $summary:literal) => {
        pub static $route: Route<Ctx> = Route {
            pattern: concat!("role/{role_name}/", $segment),
            fields: &[ROLE_NAME, $($field),+],
            actions: &[
                Action::new(Operation::Read, read, "Show it."),
                Action::new(Operation::Update, write, "Change it."),
                Action::new(Operation::Delete, reset, "Make it what it is in a new role."),
            ],
            exists: None,
            summary: $summary,
            help: "One parameter of the role: a policy that allows this path lets its holders change nothing else.",
            flags: ORDINARY,
        };
    };
}

part!(
    POLICIES,
    "policies",
    [OLD_POLICIES, Field::list("token_policies", "The policies of the tokens.")],
    "The policies of the role's tokens."
);
part!(BOUND_CIDR_LIST, "bound-cidr-list", [OLD_CIDRS], "The older name of secret-id-bound-cidrs.");
part!(SECRET_ID_BOUND_CIDRS, "secret-id-bound-cidrs", [CIDRS], "Where one can sign in from.");
part!(
    TOKEN_BOUND_CIDRS,
    "token-bound-cidrs",
    [Field::list("token_bound_cidrs", "Blocks of addresses from which a token can be had and used; none are all.")],
    "Where the role's tokens can be used."
);
part!(BIND_SECRET_ID, "bind-secret-id", [BIND], "Whether a secret id is needed to sign in.");
part!(SECRET_ID_NUM_USES, "secret-id-num-uses", [USES], "How many log-ins a secret id is good for.");
part!(SECRET_ID_TTL, "secret-id-ttl", [TTL], "How long a secret id lives.");
part!(
    PERIOD,
    "period",
    [OLD_PERIOD, Field::seconds("token_period", "Each renewal gives a token this long again; 0 is none.")],
    "The period of the role's tokens."
);
part!(
    TOKEN_NUM_USES,
    "token-num-uses",
    [Field::integer("token_num_uses", "How many requests a token is good for; 0 is any number.")],
    "How many requests the role's tokens are good for."
);
part!(
    TOKEN_TTL,
    "token-ttl",
    [Field::seconds("token_ttl", "How long a token lives at first, and with each renewal.")],
    "How long the role's tokens live."
);
part!(
    TOKEN_MAX_TTL,
    "token-max-ttl",
    [Field::seconds("token_max_ttl", "How long a token may live, counted from its making.")],
    "How long the role's tokens may live."
);

pub static LOCAL_SECRET_IDS: Route<Ctx> = Route {
    pattern: "role/{role_name}/local-secret-ids",
    fields: &[ROLE_NAME, LOCAL],
    actions: &[Action::new(Operation::Read, read, "Show it.")],
    exists: None,
    summary: "Whether secret ids stay on this cluster.",
    help: "Set when the role is made, and not changed later. A single server has nowhere to replicate to.",
    flags: ORDINARY,
};

/// What a path is about: its names in an answer, and how it becomes that of a new role.
struct Part {
    segment: &'static str,
    shown: &'static [&'static str],
    reset: fn(&mut Role),
}

static PARTS: [Part; 12] = [
    Part {
        segment: "policies",
        shown: &["token_policies", "policies"],
        reset: |role| {
            role.token.policies = Vec::new();
            role.token.older.retain(|name| name != "policies");
        },
    },
    Part {
        segment: "bound-cidr-list",
        shown: &["bound_cidr_list"],
        reset: |role| role.secret_id_bound_cidrs = Vec::new(),
    },
    Part {
        segment: "secret-id-bound-cidrs",
        shown: &["secret_id_bound_cidrs"],
        reset: |role| role.secret_id_bound_cidrs = Vec::new(),
    },
    Part {
        segment: "token-bound-cidrs",
        shown: &["token_bound_cidrs"],
        reset: |role| role.token.bound_cidrs = Vec::new(),
    },
    Part { segment: "bind-secret-id", shown: &["bind_secret_id"], reset: |role| role.bind_secret_id = true },
    Part { segment: "secret-id-num-uses", shown: &["secret_id_num_uses"], reset: |role| role.secret_id_num_uses = 0 },
    Part { segment: "secret-id-ttl", shown: &["secret_id_ttl"], reset: |role| role.secret_id_ttl = 0 },
    Part {
        segment: "period",
        shown: &["token_period", "period"],
        reset: |role| {
            role.token.period = 0;
            role.token.older.retain(|name| name != "period");
        },
    },
    Part { segment: "token-num-uses", shown: &["token_num_uses"], reset: |role| role.token.num_uses = 0 },
    Part { segment: "token-ttl", shown: &["token_ttl"], reset: |role| role.token.ttl = 0 },
    Part { segment: "token-max-ttl", shown: &["token_max_ttl"], reset: |role| role.token.max_ttl = 0 },
    Part { segment: "local-secret-ids", shown: &["local_secret_ids"], reset: |_| {} },
];

impl Part {
    fn of(input: &Input) -> Result<&'static Self> {
        let segment = input.path.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
        PARTS.iter().find(|part| part.segment == segment).ok_or_else(|| Error::not_found(""))
    }
}

fn read(ctx: &mut Ctx, input: &Input) -> Result<Response> {
    let part = Part::of(input)?;
    let name = input.required("role_name")?;
    let role = ctx.read(|records| Role::find(records, &name))?.ok_or_else(|| Error::not_found(""))?;
    let mut all = describe(&role);
    all.insert("bound_cidr_list".to_owned(), role.secret_id_bound_cidrs.clone().into());
    let shown = part.shown.iter().filter_map(|name| Some(((*name).to_owned(), all.get(*name)?.clone())));
    Ok(Response::data(shown.collect::<Map>()))
}

fn write(ctx: &mut Ctx, input: &Input) -> Result<Response> {
    let part = Part::of(input)?;
    if !part.shown.iter().any(|name| input.given(name)) {
        return Err(Error::bad_request(format!("missing {}", part.shown[0])));
    }
    let longest = ctx.mount.max_lease_ttl.as_secs();
    change(ctx, input, |role| take(role, input, longest))
}

fn reset(ctx: &mut Ctx, input: &Input) -> Result<Response> {
    let part = Part::of(input)?;
    change(ctx, input, |role| {
        (part.reset)(role);
        Ok(Vec::new())
    })
}

fn change(ctx: &mut Ctx, input: &Input, mut change: impl FnMut(&mut Role) -> Result<Vec<String>>) -> Result<Response> {
    let name = input.required("role_name")?;
    let warnings = ctx.write(|records| {
        let before = named(records, &name)?;
        let mut role = before.clone();
        let warnings = change(&mut role)?;
        role.save(records, &name, Some(&before))?;
        Ok(warnings)
    })?;
    Ok(Response { warnings, ..Response::empty() })
}

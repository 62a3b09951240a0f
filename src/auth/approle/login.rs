//! `login`: a token for whoever has a role's id and a secret id of it.

use super::stored::{LONGEST, Role, SecretId, check_subset, is_inside, secret_hash};
use crate::base::{Error, Result, Secret, Timestamp};
use crate::logical::route::PUBLIC;
use crate::logical::{
    Action, Along, Ctx, Field, Input, Login, LoginRenewal, LoginView, Map, Operation, Records, Response, Route,
    TokenParameters,
};
use serde::{Deserialize, Serialize};
use serde_json::json;

pub static ROUTE: Route<Ctx> = Route {
    pattern: "login",
    fields: &[Field::text("role_id", "The role's id."), Field::text("secret_id", "A secret id of the role.")],
    actions: &[Action::new(Operation::Update, sign_in, "Sign in with a role's id and a secret id.")],
    exists: None,
    summary: "Sign in with a role's id and a secret id.",
    help: "The answer's auth holds the token. A role with bind_secret_id off needs no secret id, and is bound to addresses \
           alone. A secret id with a number of uses has one less then, or is gone.",
    flags: PUBLIC,
};

const REFUSED: &str = "invalid role or secret ID";

/// Who signs in.
struct Found {
    name: String,
    role: Role,
    secret: Option<Presented>,
}

/// The secret id that was shown.
struct Presented {
    hash: String,
    is: SecretId,
}

fn sign_in(ctx: &mut Ctx, input: &Input) -> Result<Response> {
    let text = |name| input.text(name).map(|text| text.trim().to_owned()).unwrap_or_default();
    let (role_id, secret_id) = (text("role_id"), Secret::from(text("secret_id")));
    if role_id.is_empty() {
        return Err(Error::bad_request("missing role_id"));
    }
    if role_id.len() > LONGEST {
        return Err(Error::bad_request(REFUSED));
    }
    let found = ctx.attempt(&role_id, REFUSED, |ctx| find(ctx, &role_id, &secret_id))?;
    check_peer(ctx, &found)?;
    Ok(Response { login: Some(Box::new(login(found)?)), ..Response::default() })
}

fn find(ctx: &mut Ctx, role_id: &str, secret_id: &Secret<String>) -> Result<Option<Found>> {
    let now = ctx.now();
    ctx.read(|records| {
        let Some((name, role)) = Role::by_id(records, role_id)? else { return Ok(None) };
        if !role.bind_secret_id {
            return Ok(Some(Found { name, role, secret: None }));
        }
        if secret_id.is_empty() {
            return Err(Error::bad_request("missing secret_id"));
        }
        let hash = secret_hash(ctx, &role.uid, secret_id.expose());
        let secret = SecretId::find(records, &role.uid, &hash, now)?;
        Ok(secret.map(|is| Found { name, role, secret: Some(Presented { hash, is }) }))
    })
}

/// The blocks of the role and those of the secret id both hold, as they are now.
fn check_peer(ctx: &Ctx, found: &Found) -> Result<()> {
    let peer = ctx.caller.peer;
    let refused = |bound: &str| {
        let address = peer.map(|peer| peer.ip().to_string()).unwrap_or_default();
        Error::bad_request(format!("source address {address:?} unauthorized through CIDR restrictions on the {bound}"))
    };
    if let Some(secret) = &found.secret {
        check_subset(&secret.is.cidr_list, &found.role.secret_id_bound_cidrs)?;
        if !is_inside(&secret.is.cidr_list, peer) {
            return Err(refused("secret ID"));
        }
    }
    if is_inside(&found.role.secret_id_bound_cidrs, peer) { Ok(()) } else { Err(refused("role")) }
}

fn login(found: Found) -> Result<Login> {
    let Found { name, role, secret } = found;
    let mut token = role.token.clone();
    let mut metadata = Map::new();
    let use_of = Use { name: name.clone(), uid: role.uid, hash: secret.as_ref().map(|secret| secret.hash.clone()) };
    if let Some(Presented { is, .. }) = secret {
        if !is.token_bound_cidrs.is_empty() {
            token.bound_cidrs = is.token_bound_cidrs;
        }
        metadata = is.metadata;
    }
    metadata.insert("role_name".to_owned(), name.clone().into());
    let with = serde_json::to_string(&use_of).map_err(|_| Error::internal("a use cannot be written as JSON"))?;
    Ok(Login {
        alias: role.role_id,
        alias_metadata: metadata.clone(),
        role: name.clone(),
        metadata,
        token,
        internal: json!({ "role_name": name }),
        along: Some(Along { change: spend, with: with.into() }),
        ..Login::default()
    })
}

/// What a log-in uses.
#[derive(Serialize, Deserialize)]
struct Use {
    name: String,
    uid: String,
    hash: Option<String>,
}

/// Spends one use. The role and the secret id may be gone by now, or another may have had the last use: then there is no token.
fn spend(records: &mut dyn Records, with: &str, now: Timestamp) -> Result<()> {
    let Use { name, uid, hash } =
        serde_json::from_str(with).map_err(|_| Error::internal("a use of a secret id does not parse"))?;
    let refused = || Error::bad_request(REFUSED);
    Role::find(records, &name)?.filter(|role| role.uid == uid).ok_or_else(refused)?;
    let Some(hash) = hash else { return Ok(()) };
    let mut secret = SecretId::find(records, &uid, &hash, now)?.ok_or_else(refused)?;
    match secret.num_uses {
        0 => Ok(()),
        1 => secret.delete(records, &uid, &hash),
        _ => {
            secret.num_uses -= 1;
            secret.updated = now;
            secret.save(records, &uid, &hash)
        }
    }
}

/// A token is renewed for as long as its role is there, with the lengths that the role has now and the policies that the token
/// has.
pub fn renew(ctx: &mut Ctx, login: &LoginView) -> Result<LoginRenewal> {
    let role = ctx.read(|records| Role::find(records, &login.role))?;
    let role = role.ok_or_else(|| {
        Error::bad_request(format!("role {:?} does not exist during renewal, not renewing", login.role))
    })?;
    let token = TokenParameters { policies: login.policies.clone(), no_default_policy: true, ..role.token };
    Ok(LoginRenewal { token, groups: None })
}

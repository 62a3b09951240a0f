//! Signing in: what an auth method says of somebody becomes an entity and a token, and at each renewal is asked anew.
//!
//! Invariants: a disabled entity gets no token and renews none; no method gives `root`; a token that a method made is renewed
//! only as long as the method still vouches for it, with the policies that it had.

use crate::base::{Error, Result, Timestamp};
use crate::core::batch::NewBatchToken;
use crate::core::denial;
use crate::core::identity::login::{self, Presented, Standing};
use crate::core::identity::{Resolved, entities, texts};
use crate::core::live::Live;
use crate::core::mounts::Mount;
use crate::core::revocation::TRY_DEADLINE;
use crate::core::tokens::{Draft, NewToken, TokenRecord, new_accessor};
use crate::core::ttl::{self, Asked, Limits};
use crate::logical::{Auth, Login, LoginRenewal, LoginView, Request, TokenParameters, TokenType};
use crate::policy::{DEFAULT_NAME, ROOT_NAME};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What signing in comes to.
pub struct SignedIn {
    pub auth: Auth,
    /// None for a batch token, which is never stored.
    pub draft: Option<Draft>,
    /// What is noted of the entity's alias when the token comes to life.
    pub noted: Option<Presented>,
    pub warnings: Vec<String>,
}

impl Live {
    /// The token for somebody who has signed in at a mount, stored nowhere yet.
    ///
    /// # Errors
    /// `Denied` for a disabled entity and an address that the token would not be good for.
    pub fn sign_in(&self, mount: &Arc<Mount>, login: &Login, request: &Request) -> Result<SignedIn> {
        let policies = granted(&login.token)?;
        let (entity, noted) = self.entity_of_login(mount, login)?;
        let now = self.now();
        let life = ttl::life(asked(&login.token), self.login_limits(mount, &login.token), now);
        let folder = request.path.as_str().strip_prefix(&mount.path).unwrap_or_default().trim_matches('/').to_owned();
        let record = TokenRecord {
            accessor: new_accessor(now)?,
            policies: policies.clone(),
            display_name: display_name(mount, &login.display_name),
            meta: Some(login.metadata.clone()).filter(|meta| !meta.is_empty()),
            path: request.path.as_str().trim_end_matches('/').to_owned(),
            num_uses: login.token.num_uses,
            period: life.period.as_secs(),
            explicit_max_ttl: life.explicit_max.as_secs(),
            creation_ttl: now.until(life.expires).as_millis().div_ceil(1000).try_into().unwrap_or(u64::MAX),
            orphan: true,
            entity_id: entity.as_ref().map(|entity| entity.entity.id.clone()).unwrap_or_default(),
            bound_cidrs: login.token.bound_cidrs.clone(),
            login: Some(LoginView {
                alias: login.alias.clone(),
                role: login.role.clone(),
                internal: login.internal.clone(),
                policies,
                metadata: login.metadata.clone(),
            }),
            ..TokenRecord::default()
        };
        record.check_peer(request.peer.map(|peer| peer.ip()))?;
        if is_batch(mount.token_type, &login.token)? {
            let (mount, expires) = (mount.clone(), life.expires);
            let auth = self.make_batch_token(NewBatchToken { parent: None, mount, record, expires })?;
            return Ok(SignedIn { auth, draft: None, noted, warnings: life.warnings });
        }
        let new = NewToken {
            id: None,
            parent: 0,
            mount: mount.clone(),
            folder,
            record,
            renewable: true,
            expires: Some(life.expires),
            maximum: life.maximum,
            request_id: request.id.clone(),
        };
        let draft = self.draft_token(new)?;
        Ok(SignedIn { auth: self.auth_of(&draft)?, draft: Some(draft), noted, warnings: life.warnings })
    }

    /// Asks the method of a token whether it may be renewed; the limits of the renewal, and how long it gives where nothing
    /// else is asked.
    ///
    /// # Errors
    /// The method's refusal; `Denied` for a disabled entity; `BadRequest` where the policies are others than they were.
    pub fn renewal_of_login(
        self: &Arc<Self>,
        mount: &Arc<Mount>,
        record: &TokenRecord,
        login: &LoginView,
        caller: crate::logical::Caller,
        issued: Timestamp,
    ) -> Result<(Duration, Limits)> {
        let engine = self.engine(mount)?;
        let parameters = match engine.renew_login {
            Some(renew) => {
                let mut ctx = self.context_for(mount, caller, None, Instant::now() + TRY_DEADLINE);
                let LoginRenewal { token, groups } = renew(&mut ctx, login)?;
                if granted(&token)? != record.policies {
                    return Err(Error::bad_request("policies have changed, not renewing: sign in again"));
                }
                self.refresh_groups(mount, login, groups)?;
                token
            }
            None => TokenParameters { ttl: record.creation_ttl, period: record.period, ..TokenParameters::default() },
        };
        self.living_entity(&record.entity_id)?;
        Ok(renewal_limits(&parameters, record, self.limits(mount), issued, self.now()))
    }

    /// The entity that a token belongs to, if it belongs to one.
    ///
    /// # Errors
    /// `Denied` where it is gone or disabled.
    pub fn living_entity(&self, id: &str) -> Result<Option<Arc<Resolved>>> {
        if id.is_empty() {
            return Ok(None);
        }
        let resolved = self.resolve_entity(id)?.filter(|resolved| !resolved.entity.disabled);
        resolved.map(Some).ok_or_else(denial::without_entity)
    }

    /// Finds the entity, or makes it. It is written to only where something changed that decides what the token may do; what
    /// else is new is written with the token, so that signing in again is one transaction.
    fn entity_of_login(&self, mount: &Mount, login: &Login) -> Result<(Option<Arc<Resolved>>, Option<Presented>)> {
        if login.alias.is_empty() {
            return Ok((None, None));
        }
        let presented = Presented {
            mount_accessor: mount.accessor.clone(),
            name: login.alias.clone(),
            metadata: texts(&login.alias_metadata),
            groups: login.groups.clone(),
        };
        let known = self.read_identities(|records| {
            let entity = entities::by_alias(records, &presented.mount_accessor, &presented.name)?;
            let Some(entity) = entity else { return Ok(None) };
            Ok(Some((login::standing(records, &entity, &presented)?, entity.id)))
        })?;
        let (id, noted) = match known {
            Some((Standing::Current, id)) => (id, None),
            Some((Standing::Renoted, id)) => (id, Some(presented)),
            Some((Standing::Changed, _)) | None => {
                (self.change_identities(|records| login::entity_of(records, &presented, self.now()))?.id, None)
            }
        };
        Ok((self.living_entity(&id)?, noted))
    }

    fn refresh_groups(&self, mount: &Mount, login: &LoginView, groups: Option<Vec<String>>) -> Result<()> {
        let Some(groups) = groups.filter(|_| !login.alias.is_empty()) else { return Ok(()) };
        self.change_identities(|records| match entities::by_alias(records, &mount.accessor, &login.alias)? {
            Some(entity) => login::refresh_groups(records, &entity, &mount.accessor, &groups),
            None => Ok(()),
        })
    }

    fn login_limits(&self, mount: &Mount, token: &TokenParameters) -> Limits {
        let seconds = |seconds: u64| Some(Duration::from_secs(seconds)).filter(|length| !length.is_zero());
        self.limits(mount).narrowed(seconds(token.ttl), seconds(token.max_ttl))
    }
}

/// Whether the token is to be a batch token, which is none of what else a method may make of one.
fn is_batch(mounts: TokenType, token: &TokenParameters) -> Result<bool> {
    if !kind(mounts, token.token_type).is_batch() {
        return Ok(false);
    }
    let refused = [(token.period > 0, "period"), (token.num_uses > 0, "num_uses")];
    match refused.into_iter().find(|(is_set, _)| *is_set) {
        Some((_, name)) => Err(Error::bad_request(format!("batch tokens cannot have {name:?} set"))),
        None => Ok(true),
    }
}

/// The kind of token: what the mount was tuned to without a choice, else what the method's role says, else the mount's own.
fn kind(mounts: TokenType, roles: TokenType) -> TokenType {
    match (mounts, roles) {
        (TokenType::Service | TokenType::Batch, _) | (_, TokenType::Default) => mounts,
        _ => roles,
    }
}

fn asked(token: &TokenParameters) -> Asked {
    Asked { ttl: Duration::ZERO, explicit_max: token.explicit_max_ttl(), period: token.period() }
}

/// What each renewal gives, and the end that none passes: a period begins anew, all else counts from the issue.
fn renewal_limits(
    now_allowed: &TokenParameters,
    record: &TokenRecord,
    mount: Limits,
    issued: Timestamp,
    now: Timestamp,
) -> (Duration, Limits) {
    let seconds = |seconds: u64| Some(Duration::from_secs(seconds)).filter(|length| !length.is_zero());
    let explicit = seconds(record.explicit_max_ttl);
    let period = now_allowed.period();
    if period.is_zero() {
        let ttl = seconds(now_allowed.ttl).or(seconds(record.creation_ttl));
        let limits = mount.narrowed(ttl, seconds(now_allowed.max_ttl)).narrowed(None, explicit);
        return (Duration::ZERO, limits);
    }
    let period = period.min(mount.max);
    // The extension looks at the clock once more, a little later than here.
    let end = issued.until(now) + period + Duration::from_secs(60);
    (period, Limits { default: period, max: explicit.map_or(end, |explicit| explicit.min(end)) })
}

/// The policies that a method gives, with `default` unless that is left out.
fn granted(token: &TokenParameters) -> Result<Vec<String>> {
    let mut names = token.policies.clone();
    if names.iter().any(|name| name == ROOT_NAME) {
        return Err(Error::bad_request("auth methods cannot create root tokens"));
    }
    if !token.no_default_policy {
        names.push(DEFAULT_NAME.to_owned());
    }
    names.sort_unstable();
    names.dedup();
    Ok(names)
}

/// As `userpass-alice`: the mount's name, then who it is.
fn display_name(mount: &Mount, name: &str) -> String {
    let place = mount.path.strip_prefix("auth/").unwrap_or(&mount.path).trim_end_matches('/').replace('/', "-");
    if name.is_empty() { place } else { format!("{place}-{name}") }
}

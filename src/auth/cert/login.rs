//! `login`: finds the role that trusts what the client shows, and says what token that makes. The same search is made at each
//! renewal.

use super::config::Config;
use super::crls;
use super::presented::{self, Presented};
use super::role::{FOLDER, Role, record};
use crate::base::{Error, Result, tls};
use crate::logical::ctx::{Records, load};
use crate::logical::route::PUBLIC;
use crate::logical::{Action, Ctx, Field, Input, Login, LoginRenewal, LoginView, Map, Operation, Response, Route};
use rustls_pki_types::{CertificateDer, UnixTime};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::Duration;

pub static ROUTE: Route<Ctx> = Route {
    pattern: "login",
    fields: &[
        Field::text("name", "The role to sign in for; without it, the first that trusts the certificate.").folded()
    ],
    actions: &[Action::new(Operation::Update, login, "Sign in by the client certificate of this connection.")],
    exists: None,
    summary: "Sign in by a client certificate.",
    help: "The certificate is the one that the client shows when the connection is made.",
    flags: PUBLIC,
};

const NO_CHAIN: &str = "invalid certificate or no client certificate supplied";
const UNMET: &str = "no chain matching all constraints could be found for this login certificate";
const ANOTHER: &str = "client identity during renewal not matching client identity used during login";

fn login(ctx: &mut Ctx, input: &Input) -> Result<Response> {
    let shown = Presented::read(&ctx.caller.certificates)?;
    let role = find(ctx, &shown, &input.text("name").unwrap_or_default())?;
    let metadata = shown.metadata(&role.name, &role.allowed_metadata_extensions);
    let keeps = Config::load(ctx)?.enable_identity_alias_metadata;
    let login = Login {
        alias: shown.common_name.clone(),
        alias_metadata: if keeps { metadata.clone() } else { Map::new() },
        display_name: role.display_name,
        role: role.name.clone(),
        metadata,
        internal: json!({ "role": role.name, "certificate": shown.fingerprint() }),
        token: role.token,
        ..Login::default()
    };
    Ok(Response { login: Some(Box::new(login)), ..Response::default() })
}

/// Whether a token is renewed: its role is still there, and its certificate is shown again and still good.
pub fn renew(ctx: &mut Ctx, login: &LoginView) -> Result<LoginRenewal> {
    let kept = |name: &str| login.internal.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let name = kept("role");
    if Config::load(ctx)?.disable_binding {
        let role: Option<Role> = ctx.load(&record(&name))?;
        let role = role.ok_or_else(|| Error::bad_request(format!("the role {name:?} is not there any more")))?;
        return Ok(LoginRenewal { token: role.token, groups: None });
    }
    let shown = Presented::read(&ctx.caller.certificates)?;
    if shown.fingerprint() != kept("certificate") {
        return Err(Error::bad_request(ANOTHER));
    }
    Ok(LoginRenewal { token: find(ctx, &shown, &name)?.token, groups: None })
}

/// The role that trusts the certificate: the one of that name, or where none is named, the first. Roles that trust it as it is
/// come before those that trust an authority.
fn find(ctx: &Ctx, shown: &Presented, name: &str) -> Result<Role> {
    let now = UnixTime::since_unix_epoch(Duration::from_millis(u64::try_from(ctx.now().0).unwrap_or_default()));
    let (candidates, revoked) = ctx.read(|records| {
        let mut candidates = candidates(records, name)?;
        // Lists are long: they are read only for a certificate that would be believed without them.
        candidates.retain(|candidate| candidate.vouches_for(shown, &BTreeSet::new(), now));
        if candidates.is_empty() {
            return Ok((candidates, BTreeSet::new()));
        }
        let chain = shown.serials.iter().cloned();
        let serials = chain.chain(candidates.iter().flat_map(|candidate| candidate.serials.iter().cloned())).collect();
        let revoked = crls::revoked(records, &serials)?;
        Ok((candidates, revoked))
    })?;
    let mut why = NO_CHAIN;
    for candidate in candidates {
        if candidate.vouches_for(shown, &revoked, now) {
            if candidate.role.takes(shown) {
                return Ok(candidate.role);
            }
            why = UNMET;
        }
    }
    Err(Error::bad_request(why))
}

/// A role with its certificates read.
struct Candidate {
    role: Role,
    trusted: Vec<CertificateDer<'static>>,
    /// In decimal, one for each of them.
    serials: Vec<String>,
    /// Its certificates are authorities.
    by_authority: bool,
}

fn candidates(records: &dyn Records, name: &str) -> Result<Vec<Candidate>> {
    let names = if name.is_empty() { records.list(FOLDER)? } else { vec![name.to_owned()] };
    let mut found = Vec::new();
    for name in names {
        let Some(role) = load::<Role>(records, &record(&name))? else { continue };
        found.push(Candidate::new(role)?);
    }
    found.sort_by_key(|candidate| candidate.by_authority);
    Ok(found)
}

impl Candidate {
    fn new(role: Role) -> Result<Self> {
        let trusted = role.certificates()?;
        let serials = trusted.iter().map(|der| presented::serial(der)).collect::<Result<_>>()?;
        let by_authority = trusted.first().is_some_and(|first| presented::is_authority(first));
        Ok(Self { role, trusted, serials, by_authority })
    }

    /// Whether there is a way from the client's certificate to a trusted one on which nothing is revoked.
    fn vouches_for(&self, shown: &Presented, revoked: &BTreeSet<String>, now: UnixTime) -> bool {
        let standing = |certificates: &[CertificateDer<'static>], serials: &[String]| -> Vec<CertificateDer<'static>> {
            let pairs = certificates.iter().zip(serials);
            pairs.filter(|(_, serial)| !revoked.contains(*serial)).map(|(certificate, _)| certificate.clone()).collect()
        };
        let Some(own) = shown.chain.first() else { return false };
        let chain = standing(&shown.chain, &shown.serials);
        // Where a certificate itself is trusted it is the first one alone, also when that one is revoked.
        let counted = if self.by_authority { self.trusted.len() } else { self.trusted.len().min(1) };
        let mut trusted = standing(&self.trusted[..counted], &self.serials);
        // An authority that has ended vouches for nobody, whoever has its key by now.
        trusted.retain(|trusted| presented::is_current(trusted, now));
        if !self.by_authority {
            trusted.retain(|trusted| trusted == own);
        }
        // A revoked certificate of one's own is none to begin with; and without authorities there is nothing to build on.
        chain.first() == Some(own) && !trusted.is_empty() && tls::clients::verify_client(&chain, &trusted, now).is_ok()
    }
}

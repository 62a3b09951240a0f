//! The way of one request: resolve, authenticate, authorise, audit, run, wrap, audit, activate. Each step is a function here, and
//! the order is the one place where it is written down.

use crate::audit;
use crate::base::{Error, Kind, Result, Secret};
use crate::core::absent;
use crate::core::answers::Turn;
use crate::core::authentication::{Presented, Uses};
use crate::core::authorize::{self, Authorized, authorize};
use crate::core::causes::{Cause, Event};
use crate::core::denial;
use crate::core::hints;
use crate::core::issue::Issuer;
use crate::core::prepared::Prepared;
use crate::core::quotas::Place;
use crate::core::quotas::limiter::Stage;
use crate::core::routing::{Endpoint, Target, run_route};
use crate::core::{Call, Core, Identity, Live, wrapping, wrapping_jwt};
use crate::logical::route::{self, Flags};
use crate::logical::{Caller, Ctx, Input, Login, Operation, Request, Response, help};
use serde_json::Value;
use std::sync::Arc;
use std::time::Instant;

impl Core {
    /// Serves one request.
    ///
    /// # Errors
    /// What the caller did wrong, may not do, or what failed; each already audited where auditing is on.
    pub fn handle(self: &Arc<Self>, request: &mut Request) -> Result<Response> {
        if let Some(answer) = self.serve_sealed(request) {
            return answer;
        }
        let live = match self.live() {
            Ok(live) => live,
            Err(sealed) => {
                return Err(if self.is_initialized()? {
                    sealed
                } else {
                    Error::not_initialized("server is not yet initialized")
                });
            }
        };
        let target = Target::resolve(self, &live, request.path.as_str())?;
        Exchange { core: self, live: &live, target, identity: None, allowed: None, granting: Vec::new() }.run(request)
    }

    /// Routes that answer whether sealed or not bypass the rest of the way.
    fn serve_sealed(self: &Arc<Self>, request: &Request) -> Option<Result<Response>> {
        let below = request.path.as_str().strip_prefix("sys/")?;
        let (route, captures) = route::find(self.registry.system.iter().copied(), below)?;
        if !route.flags.sealed_ok {
            return None;
        }
        let mut call = self.call(request, self.live_or_none(), None);
        let captures: Vec<_> = captures.into_iter().map(|(name, value)| (name, value.to_owned())).collect();
        Some(run_route(
            route,
            &mut call,
            request.operation,
            below,
            &captures,
            request,
            &format!("sys/{}", route.pattern),
        ))
    }

    fn call(self: &Arc<Self>, request: &Request, live: Option<Arc<Live>>, identity: Option<Arc<Identity>>) -> Call {
        Call {
            core: self.clone(),
            live,
            identity,
            token: request.token.clone(),
            request_id: request.id.clone(),
            path: request.path.as_str().to_owned(),
            peer: request.peer,
            certificates: request.certificates.clone(),
            deadline: request.deadline,
            wrap_ttl: request.wrap_ttl.filter(|ttl| !ttl.is_zero()),
            wrap_format: request.wrap_format,
            prepared: Prepared::default(),
        }
    }
}

/// What a request came to: the answer, and what it brings to life when it is sent.
struct Answered {
    response: Response,
    prepared: Prepared,
}

/// One request on its way through an unsealed server.
struct Exchange<'r> {
    core: &'r Arc<Core>,
    live: &'r Arc<Live>,
    target: Target,
    identity: Option<Arc<Identity>>,
    /// How the policy check ended; none where it was not reached.
    allowed: Option<bool>,
    /// The policies that allow it, for audit entries.
    granting: Vec<String>,
}

impl Exchange<'_> {
    fn run(mut self, request: &mut Request) -> Result<Response> {
        self.limit(request, Stage::Arrived)?;
        let authenticated = self.open_jwt(request).and_then(|()| self.authenticate(request));
        let entity = self.identity.as_ref().map(|identity| identity.token().entity_id.clone());
        self.core.watch.note(&request.id, self.mount_path(), entity.as_deref());
        self.limit(request, Stage::Known(entity.as_deref().filter(|entity| !entity.is_empty())))?;
        let authorized = authenticated.and_then(|()| {
            self.tell_create_from_update(request)?;
            let authorized = self.authorize(request);
            self.allowed = Some(authorized.is_ok());
            self.granting = self.granting(request, authorized.is_ok());
            authorized
        });
        self.audit(request, None, authorized.as_ref().err(), false)?;
        let answered = authorized
            .and_then(|authorized| self.dispatch(&authorized, request))
            .and_then(|answered| self.wrap(request, answered));
        let outcome = self.send(request, answered);
        if let Some(identity) = self.identity.as_deref().filter(|identity| identity.last_use) {
            // Where this fails, the sweeper comes for it when the request's time is over.
            let cause = Cause { request_id: request.id.clone(), ..Cause::of(Event::UsedUp) };
            if let Err(error) = self.live.revoke_row(identity.living.leases_at, &cause) {
                log::error!("a token that is used up is cleaned up later: {}", error.for_log());
            }
        }
        outcome
    }

    /// Puts the answer on record, and brings to life what it speaks of.
    fn send(&self, request: &Request, answered: Result<Answered>) -> Result<Response> {
        let response = answered.as_ref().ok().map(|answered| &answered.response);
        let heard = self.audit(request, response, answered.as_ref().err(), true);
        let Answered { response, prepared } = match answered {
            Ok(answered) => answered,
            Err(error) => return Err(heard.err().unwrap_or(error)),
        };
        if let Err(refused) = heard {
            self.live.abandon(&prepared);
            return Err(refused);
        }
        if let Err(error) = self.live.activate(&prepared) {
            // The answer is on record already: the last word is that it was not given.
            self.audit(request, None, Some(&error), true)?;
            return Err(error);
        }
        Ok(response)
    }

    /// Wraps the answer, where that is asked for and there is anything in it.
    fn wrap(&self, request: &Request, answered: Answered) -> Result<Answered> {
        let Answered { response, mut prepared } = answered;
        let asked = request.wrap_ttl.filter(|ttl| !ttl.is_zero());
        let Some(ttl) = asked.filter(|_| prepared.wrapping.is_none() && !response.is_empty()) else {
            return Ok(Answered { response, prepared });
        };
        let replay_of = response.replay_of.clone();
        match self.live.wrap(request, response, ttl) {
            Ok((response, wrapping)) => {
                prepared.wrapping = Some(wrapping);
                let response = Response { replay_of, ..response };
                Ok(Answered { response, prepared })
            }
            Err(error) => {
                self.live.abandon(&prepared);
                Err(error)
            }
        }
    }

    /// The path of the mount that serves it; empty where none does.
    fn mount_path(&self) -> &str {
        if self.target.is_mounted { &self.target.mount.path } else { "" }
    }

    fn flags(&self) -> Flags {
        self.target.flags()
    }

    /// Counts the request against the rate limit of its path. What is refused is put on record only where that is asked for:
    /// it is what comes in floods.
    fn limit(&self, request: &mut Request, stage: Stage<'_>) -> Result<()> {
        let place = Place { mount: &self.target.mount, below: &self.target.below, role: None };
        let Err(refused) = self.live.limit_rate(request, &place, stage) else { return Ok(()) };
        if self.live.quotas.table().config.enable_rate_limit_audit_logging {
            self.audit(request, None, Some(&refused), false)?;
        }
        Err(refused)
    }

    /// Where a wrapping token comes as a JWT, the token inside takes its place, for the audit as for all that follows.
    fn open_jwt(&self, request: &mut Request) -> Result<()> {
        if !self.flags().takes_wrapping {
            return Ok(());
        }
        if let Some(jwt) = request.token.as_ref().filter(|token| wrapping_jwt::is_jwt(token.expose())) {
            request.token = Some(self.live.token_in_jwt(jwt)?);
        }
        if let Some(Value::String(named)) = request.data.get_mut("token").filter(|named| is_jwt_text(named)) {
            let token = self.live.token_in_jwt(&Secret::new(std::mem::take(named)))?;
            named.clone_from(token.expose());
        }
        Ok(())
    }

    fn authenticate(&mut self, request: &Request) -> Result<()> {
        if self.flags().public {
            return Ok(());
        }
        let token = request.token.as_ref().filter(|token| !token.is_empty()).ok_or_else(denial::without_token)?;
        let unwraps = self.flags().unwraps;
        let uses = if unwraps { Uses::SpentUnlessWrapping } else { Uses::Spent };
        let time_left = request.deadline.saturating_duration_since(Instant::now());
        let identity =
            self.live.authenticate(token, Presented { peer: request.peer.map(|peer| peer.ip()), uses, time_left });
        // Whoever comes with a wrapping token that is spent is told of that, and not of missing rights.
        let own_is_meant = unwraps && !request.data.contains_key("token");
        let told =
            |error: Error| if own_is_meant && error.kind() == Kind::Denied { wrapping::invalid() } else { error };
        self.identity = Some(Arc::new(identity.map_err(told)?));
        Ok(())
    }

    fn authorize(&self, request: &Request) -> Result<Authorized> {
        let wanted = self.target.wanted(&request.path, request.operation, &request.data, request.wrap_ttl);
        let caller = self.identity.as_deref();
        authorize(caller, &wanted).map_err(|denied| match caller {
            Some(caller) => hints::add_to_denial(denied, self.live, &caller.acl, request.path.as_str()),
            None => denied,
        })
    }

    /// The policies that let the request through, where somebody puts them on record.
    fn granting(&self, request: &Request, is_allowed: bool) -> Vec<String> {
        let identity = self.identity.as_deref().filter(|_| is_allowed && !self.live.audit.is_empty());
        let Some(identity) = identity else { return Vec::new() };
        let wanted = self.target.wanted(&request.path, request.operation, &request.data, request.wrap_ttl);
        authorize::granting(&identity.acl, &wanted.question())
    }

    /// A write is a create where the route can tell that nothing is there yet. What it finds is never shown.
    fn tell_create_from_update(&self, request: &mut Request) -> Result<()> {
        if request.operation != Operation::Update {
            return Ok(());
        }
        let Some((endpoint, captures)) = &self.target.endpoint else { return Ok(()) };
        let captures: Vec<_> = captures.iter().map(|(name, value)| (*name, value.as_str())).collect();
        // Only the path decides: a body that does not parse is reported later, to those who may write.
        let input = |fields| {
            Input::parse(request.operation, &self.target.below, fields, &captures, &crate::logical::Map::new())
        };
        let is_there = match endpoint {
            Endpoint::Engine(route) => match route.exists {
                Some(exists) => exists(&mut self.context(request, false), &input(route.fields)?.0)?,
                None => true,
            },
            Endpoint::System(route) => match route.exists {
                Some(exists) => {
                    let mut call = self.core.call(request, Some(self.live.clone()), self.identity.clone());
                    exists(&mut call, &input(route.fields)?.0)?
                }
                None => true,
            },
        };
        if !is_there {
            request.operation = Operation::Create;
        }
        Ok(())
    }

    fn dispatch(&self, authorized: &Authorized, request: &Request) -> Result<Answered> {
        let mut prepared = Prepared::default();
        let claim = match self.turn(request)? {
            Some(Turn::Again(response)) => return Ok(Answered { response: *response, prepared }),
            Some(Turn::First(claim)) => Some(claim),
            None => None,
        };
        let mut response = self.operate(authorized, request, &mut prepared)?;
        // A pending lease, from the engine.
        prepared.lease = response.issued.take();
        if let Some(login) = response.login.take() {
            self.sign_in(&login, request, &mut response, &mut prepared)?;
        }
        if response.request_id.is_none() && response.wrap_info.is_none() {
            response.mount_type = self.target.mount.kind.clone();
        }
        if let (Some(claim), Some(_)) = (claim, prepared.lease) {
            match self.live.keep(claim, request, &response) {
                Ok(keeping) => prepared.answer = keeping,
                Err(error) => {
                    self.live.abandon(&prepared);
                    return Err(error);
                }
            }
        }
        Ok(Answered { response, prepared })
    }

    /// Whether this request repeats one by its idempotency key; none where it has no key, or where no leases are made.
    fn turn(&self, request: &Request) -> Result<Option<Turn>> {
        let (Some(key), Some(identity)) = (&request.idempotency_key, &self.identity) else { return Ok(None) };
        let asks = matches!(request.operation, Operation::Read | Operation::Create | Operation::Update);
        let makes_leases = || self.live.engine(&self.target.mount).is_ok_and(|engine| !engine.secrets.is_empty());
        if !asks || !matches!(self.target.endpoint, Some((Endpoint::Engine(_), _))) || !makes_leases() {
            return Ok(None);
        }
        self.live.turn(&identity.key, request, key).map(Some)
    }

    /// Makes the token for whoever an auth method says has signed in.
    fn sign_in(
        &self,
        login: &Login,
        request: &Request,
        response: &mut Response,
        prepared: &mut Prepared,
    ) -> Result<()> {
        let signed_in = self.live.sign_in(&self.target.mount, login, request)?;
        response.auth = Some(signed_in.auth);
        response.warnings.extend(signed_in.warnings);
        prepared.token = signed_in.draft;
        prepared.noted = signed_in.noted;
        prepared.along = login.along.clone().map(|along| (self.target.mount.clone(), along));
        Ok(())
    }

    fn operate(&self, _authorized: &Authorized, request: &Request, prepared: &mut Prepared) -> Result<Response> {
        let mount = &self.target.mount;
        if request.operation == Operation::Help && self.target.below.is_empty() && mount.kind != "system" {
            return Ok(Response::bare(serde_json::json!({ "help": self.mount_help()? })));
        }
        let Some((endpoint, captures)) = &self.target.endpoint else { return Err(self.no_route(request)) };
        let below = &self.target.below;
        match endpoint {
            Endpoint::Engine(route) => {
                let mut ctx = self.context(request, true);
                run_route(
                    route,
                    &mut ctx,
                    request.operation,
                    below,
                    captures,
                    request,
                    &format!("{}{}", mount.path, route.pattern),
                )
            }
            Endpoint::System(route) => {
                let mut call = self.core.call(request, Some(self.live.clone()), self.identity.clone());
                let full_pattern = format!("{}{}", mount.path, route.pattern);
                let answer = run_route(route, &mut call, request.operation, below, captures, request, &full_pattern);
                *prepared = call.prepared;
                answer
            }
        }
    }

    fn no_route(&self, request: &Request) -> Error {
        let path = request.path.as_str();
        let missing = path.strip_prefix("sys/").and_then(|below| absent::find(self.core.registry.absent, below));
        if let Some(what) = missing {
            let words =
                format!("no handler for route {path:?}: {what} is not here. docs/system-api.md lists what is not.");
            return Error::not_found(words);
        }
        let error = Error::not_found(format!("no handler for route {path:?}. route entry not found."));
        match &self.identity {
            Some(caller) => error.because(hints::no_route(self.core, self.live, &caller.acl, &self.target, path)),
            None => error,
        }
    }

    fn mount_help(&self) -> Result<String> {
        let mount = &self.target.mount;
        Ok(match mount.kind.as_str() {
            "token" => help::mount(
                "token",
                "Tokens: made, looked up, renewed and revoked.",
                self.core.registry.token.iter().map(|route| route.doc()),
            ),
            "identity" => help::mount(
                "identity",
                "Entities and groups: who is behind a token, however it was signed in.",
                self.core.registry.identity.iter().map(|route| route.doc()),
            ),
            _ => help::engine(self.live.engine(mount)?, &mount.path),
        })
    }

    fn context(&self, request: &Request, may_issue: bool) -> Ctx {
        let caller = self.caller(request);
        let issuer = self.identity.as_ref().filter(|_| may_issue).map(|identity| Issuer {
            live: self.live.clone(),
            mount: self.target.mount.clone(),
            parent: identity.living.leases_at,
            ends: identity.living.expires.filter(|_| identity.living.row.is_none()),
            entity_id: identity.token().entity_id.clone(),
            path: self.target.below.trim_end_matches('/').to_owned(),
            request_id: request.id.clone(),
            deadline: request.deadline,
        });
        self.live.context_for(&self.target.mount, caller, issuer, request.deadline)
    }

    fn caller(&self, request: &Request) -> Caller {
        let caller = self.identity.as_ref().map(|identity| identity.caller()).unwrap_or_default();
        Caller { peer: request.peer, certificates: request.certificates.clone(), ..caller }
    }

    fn audit(
        &self,
        request: &Request,
        response: Option<&Response>,
        error: Option<&Error>,
        is_response: bool,
    ) -> Result<()> {
        if self.live.audit.is_empty() {
            return Ok(());
        }
        let auth = self.identity.as_deref().map(|identity| self.audited_caller(identity));
        let mount = &self.target.mount;
        let mount = audit::Mount {
            path: mount.path.clone(),
            kind: mount.kind.clone(),
            class: if mount.path.starts_with("auth/") { "auth" } else { "secret" }.to_owned(),
            accessor: mount.accessor.clone(),
            clear_request_keys: mount.listed("audit_non_hmac_request_keys"),
            clear_response_keys: mount.listed("audit_non_hmac_response_keys"),
        };
        let headers = self.core.watch.audited_headers(&request.id);
        let event = audit::Event {
            time: self.live.now(),
            request,
            headers: &headers,
            auth: auth.as_ref(),
            mount: Some(&mount),
            response,
            error,
        };
        if is_response { self.live.audit.response(&event) } else { self.live.audit.request(&event) }
    }

    fn audited_caller(&self, identity: &Identity) -> audit::Auth {
        let (living, token) = (&identity.living, identity.token());
        audit::Auth {
            accessor: token.accessor.clone(),
            display_name: token.display_name.clone(),
            policies: identity.policies(),
            identity_policies: identity.identity_policies(),
            token_policies: token.policies.clone(),
            metadata: token.meta.clone().unwrap_or_default(),
            entity_id: token.entity_id.clone(),
            token_type: living.kind().to_owned(),
            issued: living.issued,
            ttl: living.expires.map(|expires| self.live.now().until(expires)),
            allowed: self.allowed,
            granting: self.granting.clone(),
        }
    }
}

fn is_jwt_text(value: &Value) -> bool {
    value.as_str().is_some_and(wrapping_jwt::is_jwt)
}

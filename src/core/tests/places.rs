//! An engine whose outside is a table in this process: targets that answer, refuse connections or swallow packets, as a test
//! has them do. A lease's target is in its path: `creds/TARGET`.

use crate::base::{Error, Result, random};
use crate::logical::route::ORDINARY;
use crate::logical::{
    Action, Created, Ctx, Engine, Field, Input, Intent, LeaseView, Operation, Outside, Renewal, Response, Revoked,
    Route, SecretKind,
};
use serde_json::json;
use std::collections::{BTreeSet, HashMap};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

pub static ENGINE: Engine = Engine {
    name: "outside",
    summary: "For tests.",
    help: "For tests.",
    routes: &[&CREDS],
    secrets: &[SecretKind { kind: "user", settle: Duration::from_secs(60), expires_only: false, renew, revoke }],
    ..Engine::BLANK
};

static CREDS: Route<Ctx> = Route {
    pattern: "creds/{target}",
    fields: &[Field::text("target", "Where it is to live."), Field::seconds("ttl", "How long.")],
    actions: &[Action::new(Operation::Update, issue, "Hands one out.")],
    exists: None,
    summary: "For tests.",
    help: "For tests.",
    flags: ORDINARY,
};

/// How a target behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Manner {
    #[default]
    Answers,
    /// Nobody listens.
    Refuses,
    /// Nothing comes back before the deadline.
    Swallows,
    /// It answers, and says no.
    Denies,
}

#[derive(Default)]
struct State {
    manner: Manner,
    held: BTreeSet<String>,
    /// Calls to end something.
    tries: usize,
}

static WORLD: Mutex<Option<HashMap<String, State>>> = Mutex::new(None);
static CHANGED: Condvar = Condvar::new();

fn world() -> MutexGuard<'static, Option<HashMap<String, State>>> {
    WORLD.lock().unwrap_or_else(PoisonError::into_inner)
}

fn with<T>(target: &str, ask: impl FnOnce(&mut State) -> T) -> T {
    ask(world().get_or_insert_default().entry(target.to_owned()).or_default())
}

/// A target of one test's own.
pub struct Target(pub String);

impl Target {
    pub fn new() -> Self {
        Self(random::base62(12).unwrap())
    }

    pub fn behave(&self, manner: Manner) {
        with(&self.0, |state| state.manner = manner);
        CHANGED.notify_all();
    }

    /// How many credentials there are.
    pub fn held(&self) -> usize {
        with(&self.0, |state| state.held.len())
    }

    pub fn tries(&self) -> usize {
        with(&self.0, |state| state.tries)
    }

    pub fn creds(&self) -> String {
        format!("outside/creds/{}", self.0)
    }
}

impl Drop for Target {
    /// Lets go of the threads that it holds.
    fn drop(&mut self) {
        self.behave(Manner::Refuses);
    }
}

/// One call, which waits as long as the target has it wait.
fn call(target: &str, outside: &Outside<'_>, act: impl FnOnce(&mut State)) -> Result<()> {
    let mut world = world();
    loop {
        let state = world.get_or_insert_default().entry(target.to_owned()).or_default();
        match state.manner {
            Manner::Answers => {
                act(state);
                return Ok(());
            }
            Manner::Denies => return Err(Error::bad_request("the target says no")),
            Manner::Refuses => return Err(Error::upstream("connection refused")),
            Manner::Swallows => {
                let left = outside.deadline().saturating_duration_since(Instant::now());
                if left.is_zero() {
                    return Err(Error::upstream("no answer came in time"));
                }
                world = CHANGED.wait_timeout(world, left).unwrap_or_else(PoisonError::into_inner).0;
            }
        }
    }
}

fn issue(ctx: &mut Ctx, input: &Input) -> Result<Response> {
    let target = input.required("target")?;
    let subject = random::base62(12)?;
    let intent = Intent {
        kind: "user",
        role: "role".to_owned(),
        subject: subject.clone(),
        target: format!("outside {target}"),
        revocation: json!({ "target": target, "subject": subject }),
        ttl: input.duration("ttl"),
        max_ttl: None,
        renewable: true,
    };
    ctx.issue(&intent, |outside| {
        call(&target, outside, |state| state.held.extend([subject.clone()]))?;
        let data = json!({ "subject": subject });
        Ok(Created { data: data.as_object().cloned().unwrap_or_default(), ..Created::default() })
    })
}

fn renew(_ctx: &mut Ctx, _lease: &LeaseView) -> Result<Renewal> {
    Ok(Renewal::default())
}

fn revoke(ctx: &mut Ctx, lease: &LeaseView) -> Result<Revoked> {
    let text = |name: &str| lease.revocation[name].as_str().unwrap_or_default().to_owned();
    let (target, subject) = (text("target"), text("subject"));
    with(&target, |state| state.tries += 1);
    let mut was_there = false;
    call(&target, &ctx.outside(), |state| was_there = state.held.remove(&subject))?;
    Ok(if was_there { Revoked::Done } else { Revoked::Gone })
}

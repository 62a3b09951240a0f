//! An engine made for tests that makes users of a server which does not exist: they are names in this process's memory, which
//! a test can look at, and which can be told to fail.

use super::Bench;
use crate::base::{Error, Result};
use crate::core::Registry;
use crate::logical::route::ORDINARY;
use crate::logical::{
    Action, Created, Ctx, Engine, Field, Input, Intent, LeaseView, Operation, Renewal, Response, Revoked, Route,
    SecretKind,
};
use crate::server;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::time::Duration;

static ENGINE: Engine = Engine {
    name: "outside",
    summary: "Makes users outside.",
    help: "Makes users outside.",
    routes: &[&CREDS],
    secrets: &[KIND],
    ..Engine::BLANK
};

static ENGINES: &[&Engine] = &[&ENGINE];

const KIND: SecretKind =
    SecretKind { kind: "user", settle: Duration::from_secs(60), expires_only: false, renew, revoke };

static CREDS: Route<Ctx> = Route {
    pattern: "creds/{name}",
    fields: &[Field::text("name", "The role."), Field::seconds("ttl", "How long.").default("1h")],
    actions: &[Action::new(Operation::Read, issue, "Make."), Action::new(Operation::Update, issue, "Make.")],
    exists: None,
    summary: "Makes a user.",
    help: "Makes a user.",
    flags: ORDINARY,
};

/// What is outside, by the mount that made it.
static WORLD: Mutex<BTreeMap<String, World>> = Mutex::new(BTreeMap::new());

#[derive(Default, Clone)]
pub struct World {
    pub users: BTreeSet<String>,
    pub made: usize,
    /// Users are neither made nor removed.
    pub is_down: bool,
}

/// Looks at what a mount has made, or changes it.
pub fn world<T>(mount: &str, look: impl FnOnce(&mut World) -> T) -> T {
    look(WORLD.lock().unwrap().entry(mount.to_owned()).or_default())
}

fn issue(ctx: &mut Ctx, input: &Input) -> Result<Response> {
    let role = input.required("name")?;
    let mount = ctx.mount.uuid.clone();
    let number = world(&mount, |world| {
        world.made += 1;
        world.made
    });
    let user = format!("{role}-{number}");
    let intent = Intent {
        kind: KIND.kind,
        role,
        subject: user.clone(),
        target: "outside".to_owned(),
        revocation: json!({ "user": user }),
        ttl: input.duration("ttl"),
        max_ttl: None,
        renewable: true,
    };
    ctx.issue(&intent, |_| {
        world(&mount, |world| {
            if world.is_down {
                return Err(Error::upstream("the outside is down"));
            }
            world.users.insert(user.clone());
            Ok(())
        })?;
        let data = json!({ "user": user, "key": format!("key-{number}") });
        let subjects = vec![format!("key-{number}")];
        Ok(Created { data: data.as_object().cloned().unwrap_or_default(), subjects, ..Created::default() })
    })
}

fn renew(_: &mut Ctx, _: &LeaseView) -> Result<Renewal> {
    Ok(Renewal::default())
}

fn revoke(ctx: &mut Ctx, lease: &LeaseView) -> Result<Revoked> {
    world(&ctx.mount.uuid, |world| {
        if world.is_down {
            return Err(Error::upstream("the outside is down"));
        }
        let there = world.users.remove(lease.revocation["user"].as_str().unwrap_or_default());
        Ok(if there { Revoked::Done } else { Revoked::Gone })
    })
}

/// A server with the engine at `db/`.
pub fn bench() -> Bench {
    let bench = Bench::with(Registry { engines: ENGINES, ..server::registry() });
    bench.write("sys/mounts/db", json!({ "type": "outside" })).unwrap();
    bench
}

impl Bench {
    pub fn write(&self, path: &str, data: Value) -> Result<Value> {
        self.call(&self.root, Operation::Update, path, data).map(|response| data_of(&response))
    }

    pub fn read(&self, path: &str) -> Result<Value> {
        self.call(&self.root, Operation::Read, path, Value::Null).map(|response| data_of(&response))
    }

    pub fn delete(&self, path: &str) -> Result<Value> {
        self.call(&self.root, Operation::Delete, path, Value::Null).map(|response| data_of(&response))
    }

    /// Sweeps until something holds: the server's own sweeper may have taken up some of the work.
    pub fn sweep_until(&self, holds: impl Fn() -> bool) {
        let begun = std::time::Instant::now();
        loop {
            self.sweep();
            if holds() {
                return;
            }
            assert!(begun.elapsed() < Duration::from_secs(20), "it does not come to hold");
            std::thread::yield_now();
        }
    }

    /// The uuid of a mount, by which its world is known.
    pub fn uuid(&self, mount: &str) -> String {
        self.live().mount_at(mount).unwrap().uuid.clone()
    }

    /// Makes a user, and answers its lease's id.
    pub fn lease(&self, token: &str, path: &str, ttl: &str) -> Result<String> {
        let answer = self.call(token, Operation::Update, path, json!({ "ttl": ttl }))?;
        Ok(answer.lease.as_ref().unwrap().id.clone())
    }
}

/// The data of an answer, as JSON.
pub fn data_of(response: &Response) -> Value {
    match &response.body {
        crate::logical::Body::Data(data) | crate::logical::Body::DataAndTop(data) => Value::Object(data.clone()),
        crate::logical::Body::Bare(value) => value.clone(),
        _ => Value::Null,
    }
}

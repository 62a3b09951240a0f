//! A mount in memory, for the engines' own tests: it calls handlers as the core does, less policies and leases.

use crate::base::{Error, ManualClock, Result, Secret, Timestamp};
use crate::logical::ctx::{Backing, MountView, Records, Services, View, Which};
use crate::logical::route::find;
use crate::logical::{Caller, Ctx, Engine, Input, Map, Operation, Response};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use zeroize::Zeroizing;

/// One mount of an engine.
pub(crate) struct Mount {
    engine: &'static Engine,
    records: Arc<MemoryView>,
    /// Stands still until a test turns it.
    pub(crate) clock: Arc<ManualClock>,
}

impl Mount {
    pub(crate) fn new(engine: &'static Engine) -> Self {
        Self { engine, records: Arc::default(), clock: Arc::new(ManualClock::at(Timestamp(0))) }
    }

    /// The same records, served by another version of the engine from now on.
    pub(crate) fn becomes(&mut self, engine: &'static Engine) {
        self.engine = engine;
    }

    /// Asks as the token of that name, with a body written by `json!({…})`.
    pub(crate) fn ask(&self, token: &str, operation: Operation, path: &str, body: Value) -> Result<Response> {
        let (mut ctx, route, input) = self.prepare(token, operation, path, body)?;
        let action = route.action(operation).ok_or_else(|| Error::unsupported("unsupported operation"))?;
        (action.run)(&mut ctx, &input)
    }

    /// What the route says about something being at the path.
    pub(crate) fn exists(&self, token: &str, path: &str) -> Result<bool> {
        let (mut ctx, route, input) = self.prepare(token, Operation::Update, path, Value::Null)?;
        route.exists.map_or(Ok(false), |exists| exists(&mut ctx, &input))
    }

    /// A context as handlers get it.
    pub(crate) fn context(&self, token: &str) -> Ctx {
        let mount = MountView {
            uuid: "test".to_owned(),
            path: format!("{}/", self.engine.name),
            default_lease_ttl: Duration::from_secs(2_764_800),
            max_lease_ttl: Duration::from_secs(2_764_800),
            options: Map::new(),
        };
        let caller = Caller { token_name: token.to_owned(), ..Caller::default() };
        let deadline = Instant::now() + Duration::from_secs(60);
        let backing = Backing { view: self.records.clone(), issue: None, services: Arc::new(NoLeases) };
        Ctx::new(mount, caller, self.clock.clone(), "test".to_owned(), backing, deadline)
    }

    /// Makes a record one that does not open.
    pub(crate) fn damage(&self, path: &str) {
        self.records.lock().insert(path.to_owned(), DAMAGED.to_vec());
    }

    /// The paths of all records.
    pub(crate) fn paths(&self) -> Vec<String> {
        self.records.lock().keys().cloned().collect()
    }

    fn prepare(
        &self,
        token: &str,
        operation: Operation,
        path: &str,
        body: Value,
    ) -> Result<(Ctx, &'static crate::logical::Route<Ctx>, Input)> {
        let (route, captures) = find(self.engine.routes.iter().copied(), path)
            .ok_or_else(|| Error::not_found(format!("unsupported path {path:?}")))?;
        let body = if let Value::Object(body) = body { body } else { Map::new() };
        let (input, _) = Input::parse(operation, path, route.fields, &captures, &body)?;
        Ok((self.context(token), route, input))
    }
}

/// The services of a mount that has no leases.
pub(crate) struct NoLeases;

impl Services for NoLeases {
    fn generate_password(&self, policy: &str) -> Result<Secret<String>> {
        Ok(Secret::from(format!("password-by-{policy}").as_str()))
    }

    fn mark(&self, text: &str) -> String {
        format!("mark{}", text.len())
    }

    fn count_leases(&self, _which: &Which<'_>) -> Result<u64> {
        Ok(0)
    }

    fn end_leases(&self, _which: &Which<'_>) -> Result<u64> {
        Ok(0)
    }

    fn digest(&self, text: &str) -> String {
        hex::encode(text)
    }

    fn check_lockout(&self, _name: &str) -> Result<()> {
        Ok(())
    }

    fn attempted(&self, _name: &str, _succeeded: bool) -> Result<()> {
        Ok(())
    }
}

#[derive(Default)]
pub(crate) struct MemoryView(Mutex<BTreeMap<String, Vec<u8>>>);

impl MemoryView {
    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Vec<u8>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl View for MemoryView {
    fn read(&self, question: &mut dyn FnMut(&dyn Records) -> Result<()>) -> Result<()> {
        question(&MemoryRecords(self.lock().clone()))
    }

    fn write(&self, change: &mut dyn FnMut(&mut dyn Records) -> Result<()>) -> Result<()> {
        let mut stored = self.lock();
        let mut records = MemoryRecords(stored.clone());
        change(&mut records)?;
        *stored = records.0;
        Ok(())
    }
}

/// What stands for a record that does not open.
const DAMAGED: &[u8] = b"\0damaged";

struct MemoryRecords(BTreeMap<String, Vec<u8>>);

impl Records for MemoryRecords {
    fn get(&self, path: &str) -> Result<Option<Zeroizing<Vec<u8>>>> {
        match self.0.get(path) {
            Some(value) if value == DAMAGED => Err(Error::internal("a record does not open")),
            value => Ok(value.cloned().map(Zeroizing::new)),
        }
    }

    fn has(&self, path: &str) -> Result<bool> {
        Ok(self.0.contains_key(path))
    }

    fn list(&self, folder: &str) -> Result<Vec<String>> {
        let below = self.0.keys().filter_map(|path| path.strip_prefix(folder));
        let names: BTreeSet<String> = below
            .map(|rest| rest.split_once('/').map_or_else(|| rest.to_owned(), |(head, _)| format!("{head}/")))
            .collect();
        Ok(names.into_iter().collect())
    }

    fn put(&mut self, path: &str, value: &[u8]) -> Result<()> {
        self.0.insert(path.to_owned(), value.to_vec());
        Ok(())
    }

    fn delete(&mut self, path: &str) -> Result<bool> {
        Ok(self.0.remove(path).is_some())
    }

    /// Kept as a record whose name no request has, so that tests see it.
    fn schedule(&mut self, kind: &'static str, name: &str, due: Timestamp) -> Result<()> {
        self.put(&task_path(kind, name), due.0.to_string().as_bytes())
    }

    fn unschedule(&mut self, kind: &'static str, name: &str) -> Result<bool> {
        self.delete(&task_path(kind, name))
    }
}

/// Where a scheduled task is kept: no engine's own record can be there.
pub(crate) fn task_path(kind: &str, name: &str) -> String {
    format!("\u{1}/tasks/{kind} {name}")
}

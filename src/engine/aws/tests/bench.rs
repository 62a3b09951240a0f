//! A mount of the engine against the double: records in memory, and leases that are only noted.

use super::double::{Aws, FIRST_KEY};
use crate::base::{Error, Result, Secret, Timestamp};
use crate::engine::aws::ENGINE;
use crate::engine::memory::{MemoryView, NoLeases, task_path};
use crate::logical::ctx::View;
use crate::logical::route::find;
use crate::logical::{
    Backing, Body, Caller, Created, Ctx, Input, Intent, Issue, Issued, LeaseAnswer, LeaseView, Map, MountView, Next,
    Operation, Records, Response, Revoked, Services, Which,
};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// AWS's examples are signed then.
pub const NOW: Timestamp = Timestamp(1_440_938_160_000);

/// Notes intents, and in the double's log when they were committed.
pub struct Leases {
    aws: Aws,
    pub intents: Mutex<Vec<Intent>>,
    pub abandoned: Mutex<Vec<String>>,
}

impl Issue for Leases {
    fn begin(&self, intent: &Intent) -> Result<(Issued, LeaseAnswer)> {
        self.aws.state().log.push("lease committed".to_owned());
        let mut intents = self.intents.lock().unwrap();
        intents.push(intent.clone());
        let ttl = intent.ttl.unwrap_or_default();
        let row = i64::try_from(intents.len()).unwrap();
        Ok((Issued { row }, LeaseAnswer { id: format!("lease-{row}"), ttl, renewable: intent.renewable }))
    }

    fn abandon(&self, _issued: Issued, reason: &Error) {
        self.abandoned.lock().unwrap().push(reason.message().to_owned());
    }

    fn refine(&self, issued: Issued, learnt: &Created) -> Result<LeaseAnswer> {
        let intents = self.intents.lock().unwrap();
        let intent = &intents[usize::try_from(issued.row).unwrap() - 1];
        let ttl = learnt.ttl.or(intent.ttl).unwrap_or_default();
        Ok(LeaseAnswer { id: format!("lease-{}", issued.row), ttl, renewable: intent.renewable })
    }
}

pub struct Bench {
    pub aws: Aws,
    pub leases: Arc<Leases>,
    pub patience: Duration,
    /// How many leases the mount is to have.
    pub living: Arc<AtomicU64>,
    records: Arc<Store>,
    uuid: String,
}

/// Services of a mount with so many leases.
struct Living(Arc<AtomicU64>);

impl Services for Living {
    fn generate_password(&self, policy: &str) -> Result<Secret<String>> {
        NoLeases.generate_password(policy)
    }

    fn mark(&self, text: &str) -> String {
        NoLeases.mark(text)
    }

    fn count_leases(&self, _which: &Which<'_>) -> Result<u64> {
        Ok(self.0.load(Ordering::SeqCst))
    }

    fn end_leases(&self, which: &Which<'_>) -> Result<u64> {
        NoLeases.end_leases(which)
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

/// Records in memory that stop taking changes where a test says that the server crashes.
#[derive(Default)]
struct Store {
    records: MemoryView,
    /// How many changes there are until the crash.
    left: Mutex<Option<usize>>,
}

impl View for Store {
    fn read(&self, question: &mut dyn FnMut(&dyn Records) -> Result<()>) -> Result<()> {
        self.records.read(question)
    }

    fn write(&self, change: &mut dyn FnMut(&mut dyn Records) -> Result<()>) -> Result<()> {
        let mut left = self.left.lock().unwrap();
        match left.as_mut() {
            Some(0) => return Err(Error::internal("crashed")),
            Some(left) => *left -= 1,
            None => {}
        }
        drop(left);
        self.records.write(change)
    }
}

impl Bench {
    /// A mount that nothing was written to.
    pub fn bare() -> Self {
        let aws = Aws::start();
        let leases = Leases { aws: aws.clone(), intents: Mutex::default(), abandoned: Mutex::default() };
        Self {
            aws,
            leases: Arc::new(leases),
            patience: Duration::from_secs(20),
            living: Arc::default(),
            records: Arc::default(),
            uuid: crate::base::random::uuid(),
        }
    }

    /// A mount with keys, and roles for a user that has one of everything, a plain one, and for a session.
    pub fn new() -> Self {
        let bench = Self::bare();
        let endpoint = &bench.aws.endpoint;
        bench
            .write(
                "config/root",
                json!({
                    "access_key": FIRST_KEY, "secret_key": "first-secret", "region": "eu-west-1",
                    "iam_endpoint": endpoint, "sts_endpoint": endpoint,
                }),
            )
            .unwrap();
        bench.write("config/lease", json!({ "lease": "1h", "lease_max": "24h" })).unwrap();
        bench
            .write(
                "roles/full",
                json!({
                    "credential_type": "iam_user", "policy_document": "{\"Statement\": []}", "iam_groups": "readers",
                    "policy_arns": "arn:aws:iam::aws:policy/a,arn:aws:iam::aws:policy/b", "iam_tags": ["team=blue"],
                    "user_path": "/made/", "permissions_boundary_arn": "arn:aws:iam::1:policy/bound",
                }),
            )
            .unwrap();
        bench.write("roles/plain", json!({ "policy": { "Statement": [] } })).unwrap();
        bench
            .write(
                "roles/session",
                json!({
                    "credential_type": "assumed_role", "role_arns": "arn:aws:iam::1:role/a", "external_id": "outside",
                    "policy_document": "{\"Statement\":[{\"Sid\":\"own\"}]}", "session_tags": { "team": "red" },
                }),
            )
            .unwrap();
        bench
    }

    pub fn write(&self, path: &str, body: Value) -> Result<Response> {
        self.ask(Operation::Update, path, body)
    }

    pub fn read(&self, path: &str) -> Result<Value> {
        self.ask(Operation::Read, path, Value::Null).map(data)
    }

    pub fn ask(&self, operation: Operation, path: &str, body: Value) -> Result<Response> {
        let (route, captures) = find(ENGINE.routes.iter().copied(), path).unwrap();
        let body = if let Value::Object(body) = body { body } else { Map::new() };
        let (input, ignored) = Input::parse(operation, path, route.fields, &captures, &body)?;
        assert_eq!(ignored.unknown, [""; 0], "a test gives a field that is not there");
        (route.action(operation).unwrap().run)(&mut self.context(), &input)
    }

    /// After so many more changes no record is written any more; without a number all are again.
    pub fn crash_after(&self, changes: Option<usize>) {
        *self.records.left.lock().unwrap() = changes;
    }

    /// What the core does after each unseal.
    pub fn recover(&self) -> Result<()> {
        (ENGINE.recover.unwrap())(&mut self.context())
    }

    /// When the task of that name is due, if there is one.
    pub fn due(&self, kind: &str, name: &str) -> Option<Timestamp> {
        let path = task_path(kind, name);
        let mut due = None;
        self.records
            .read(&mut |records| {
                due = records.get(&path)?.map(|text| Timestamp(std::str::from_utf8(&text).unwrap().parse().unwrap()));
                Ok(())
            })
            .unwrap();
        due
    }

    /// Runs a task as the core does, whether it is due or not.
    pub fn run_task(&self, kind: &'static str, name: &str) -> Result<Next> {
        let task = ENGINE.tasks.iter().find(|task| task.kind == kind).unwrap();
        let next = (task.run)(&mut self.context(), name)?;
        self.records.write(&mut |records| match next {
            Next::Done => records.unschedule(kind, name).map(drop),
            Next::At(due) => records.schedule(kind, name, due),
        })?;
        Ok(next)
    }

    /// Ends the newest lease.
    pub fn revoke(&self, pending: bool) -> Result<Revoked> {
        let intent = self.leases.intents.lock().unwrap().last().unwrap().clone();
        let kind = ENGINE.secret(intent.kind).unwrap();
        (kind.revoke)(&mut self.context(), &view(&intent, pending))
    }

    /// What renewing the newest lease allows.
    pub fn renew(&self) -> Result<crate::logical::Renewal> {
        let intent = self.leases.intents.lock().unwrap().last().unwrap().clone();
        (ENGINE.secret(intent.kind).unwrap().renew)(&mut self.context(), &view(&intent, false))
    }

    pub fn context(&self) -> Ctx {
        let month = Duration::from_secs(2_764_800);
        let mount = MountView {
            uuid: self.uuid.clone(),
            path: "aws/".to_owned(),
            default_lease_ttl: month,
            max_lease_ttl: month,
            options: Map::new(),
        };
        let caller = Caller { display_name: "token-ci".to_owned(), ..Caller::default() };
        let clock = self.aws.clock.clone();
        let deadline = Instant::now() + self.patience;
        let leases: Arc<dyn Issue> = self.leases.clone();
        let backing = Backing {
            view: self.records.clone(),
            issue: Some(leases),
            services: Arc::new(Living(self.living.clone())),
        };
        Ctx::new(mount, caller, clock, "server-1".to_owned(), backing, deadline)
    }
}

fn view(intent: &Intent, pending: bool) -> LeaseView {
    LeaseView {
        id: "lease".to_owned(),
        path: format!("creds/{}", intent.role),
        role: intent.role.clone(),
        subject: intent.subject.clone(),
        subjects: Vec::new(),
        revocation: intent.revocation.clone(),
        issued: NOW,
        expires: None,
        ends: None,
        pending,
        increment: Duration::ZERO,
    }
}

pub fn data(mut response: Response) -> Value {
    match &mut response.body {
        Body::Data(data) => Value::Object(std::mem::take(data)),
        _ => Value::Null,
    }
}

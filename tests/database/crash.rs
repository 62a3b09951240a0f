//! A thousand users made by several clients at once, while the server is killed again and again and the database goes away:
//! afterwards there is a user for each living lease, and no other.

use crate::bench::{Bench, Credential, credential};
use crate::postgresql::{CREATE, connection};
use crate::support::postgres::Postgres;
use crate::support::{PATIENCE, wait_for};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

const CREDENTIALS: usize = 1000;
const WORKERS: usize = 6;
const KILLS: usize = 20;

/// In these rounds the database goes away as well, and is back only after the server.
const AWAY: [usize; 2] = [6, 13];

/// Every so many credentials one is revoked by its worker.
const REVOKED: usize = 7;

/// What a worker was told.
#[derive(Default)]
struct Told {
    living: Vec<Credential>,
    revoked: Vec<Credential>,
}

#[test]
fn a_thousand_users_and_twenty_kills_leave_a_user_for_each_lease_and_none_besides() {
    let mut postgres = Postgres::start(&[]);
    let mut bench = Bench::new();
    let mut configuration = connection(&postgres, "postgres");
    configuration["max_open_connections"] = json!(WORKERS);
    bench.write("config/app", configuration);
    bench.write("roles/app", json!({ "db_name": "app", "creation_statements": CREATE, "default_ttl": "1h" }));

    let told = Mutex::new(Told::default());
    let mut chance = Chance::new();
    for round in 0..KILLS {
        let away = AWAY.contains(&round).then_some(&mut postgres);
        let share = CREDENTIALS * (round + 1) / KILLS;
        issue_until_killed(&bench, &told, share, chance.below(150), away);
        bench.server.kill();
        bench.server.start_again();
        bench.server.unseal();
        if AWAY.contains(&round) {
            postgres.start_again();
        }
    }
    issue(&bench, &told, CREDENTIALS);
    let told = told.into_inner().unwrap();
    assert!(told.living.len() + told.revoked.len() >= CREDENTIALS, "seed {}", chance.seed);
    users_are_those_of_living_leases(&bench, &postgres, &told);

    let (status, answer) = bench.server.put("sys/leases/revoke-prefix/database/creds", json!({ "sync": false }));
    assert!(status == 204 || status == 202, "{status} {answer}");
    let within = Duration::from_secs(120);
    wait_for("no user is left", within, || users(&postgres).is_empty().then_some(()));
    wait_for("no lease is left", PATIENCE, || leases(&bench).is_empty().then_some(()));
}

/// Workers make credentials until `share` of them are there; the kill comes a little later, in full flow.
fn issue_until_killed(bench: &Bench, told: &Mutex<Told>, share: usize, delay: u64, away: Option<&mut Postgres>) {
    let process = bench.server.id().to_string();
    let count = || {
        let told = told.lock().unwrap();
        told.living.len() + told.revoked.len()
    };
    thread::scope(|scope| {
        for worker in 0..WORKERS {
            scope.spawn(move || while make_one(bench, told, worker).is_some() {});
        }
        let patience = Instant::now() + PATIENCE;
        while count() < share && Instant::now() < patience {
            thread::sleep(Duration::from_millis(2));
        }
        if let Some(postgres) = away {
            postgres.stop();
            thread::sleep(Duration::from_millis(500));
        }
        thread::sleep(Duration::from_millis(delay));
        assert!(std::process::Command::new("kill").args(["-KILL", &process]).status().unwrap().success());
    });
}

/// Without a kill, until there are as many as are wanted.
fn issue(bench: &Bench, told: &Mutex<Told>, wanted: usize) {
    let lacking = || {
        let told = told.lock().unwrap();
        told.living.len() + told.revoked.len() < wanted
    };
    while lacking() {
        make_one(bench, told, 0).expect("the server runs");
    }
}

/// One credential, and now and then an earlier one revoked; none when the server is gone.
fn make_one(bench: &Bench, told: &Mutex<Told>, worker: usize) -> Option<()> {
    let server = &bench.server;
    let (status, answer) = server.try_call("GET", "database/creds/app", &server.root, Value::Null).ok()?;
    if status != 200 {
        // The database is away.
        assert!(status == 502 || status == 503 || status == 400, "{status} {answer}");
        thread::sleep(Duration::from_millis(20));
        return Some(());
    }
    let made = credential(&answer);
    let old = {
        let mut told = told.lock().unwrap();
        told.living.push(made);
        let due = told.living.len() % REVOKED == worker;
        let oldest = due.then(|| told.living.remove(0));
        drop(told);
        oldest
    };
    if let Some(old) = old {
        let body = json!({ "lease_id": old.lease, "sync": false });
        // Not answered, it may be revoked or not: it is in neither list.
        let (status, answer) = server.try_call("PUT", "sys/leases/revoke", &server.root, body).ok()?;
        assert!(status == 204 || status == 202, "{status} {answer}");
        told.lock().unwrap().revoked.push(old);
    }
    Some(())
}

fn users_are_those_of_living_leases(bench: &Bench, postgres: &Postgres, told: &Told) {
    let last_segment = |made: &Credential| made.lease.rsplit('/').next().unwrap().to_owned();
    wait_for("there is a user for each lease and no other", Duration::from_secs(120), || {
        (users(postgres).len() == leases(bench).len()).then_some(())
    });
    let (users, leases) = (users(postgres), leases(bench));
    for living in &told.living {
        assert!(users.contains(&living.username), "a user is lost");
        assert!(leases.contains(&last_segment(living)), "a lease is lost");
    }
    for revoked in &told.revoked {
        assert!(!users.contains(&revoked.username), "a revoked user is there");
    }
}

fn users(postgres: &Postgres) -> BTreeSet<String> {
    let listed = postgres.sql("postgres", "SELECT rolname FROM pg_roles WHERE rolname LIKE 'v-root-app-%'");
    listed.lines().map(str::to_owned).collect()
}

fn leases(bench: &Bench) -> BTreeSet<String> {
    let (_, answer) = bench.server.list("sys/leases/lookup/database/creds/app");
    let keys = answer["data"]["keys"].as_array().cloned().unwrap_or_default();
    keys.iter().map(crate::support::server::text).collect()
}

/// Random numbers that a failed run can be told by.
struct Chance {
    seed: u64,
    state: u64,
}

impl Chance {
    fn new() -> Self {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
        let seed = u64::from(now.subsec_nanos()) | 1;
        Self { seed, state: seed }
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.state = self.state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.state >> 33) % limit
    }
}

//! Scheduled work: durable, run at its time, and again for as long as it fails. By an engine made for it.

use super::Bench;
use crate::base::{Error, Result};
use crate::core::Registry;
use crate::logical::route::ORDINARY;
use crate::logical::{Action, Ctx, Engine, Field, Input, Next, Operation, Response, Route, TaskKind, Which};
use crate::server;
use serde_json::{Value, json};
use std::time::Duration;

static ENGINE: Engine = Engine {
    name: "clockwork",
    summary: "Counts what ran.",
    help: "Counts what ran.",
    routes: &[&ROUTE],
    tasks: &[TaskKind { kind: "count", run: count }],
    ..Engine::BLANK
};

static ENGINES: &[&Engine] = &[&ENGINE];

static ROUTE: Route<Ctx> = Route {
    pattern: "jobs/{name}",
    fields: &[
        Field::text("name", "The job."),
        Field::integer("in", "Seconds until it runs."),
        Field::integer("times", "How often."),
        Field::flag("broken", "Fails."),
    ],
    actions: &[
        Action::new(Operation::Update, write, "Schedule."),
        Action::new(Operation::Read, read, "Look."),
        Action::new(Operation::Delete, delete, "Give up."),
    ],
    exists: None,
    summary: "A job.",
    help: "A job.",
    flags: ORDINARY,
};

fn write(ctx: &mut Ctx, input: &Input) -> Result<Response> {
    let name = input.required("name")?;
    let due = ctx.now().plus(Duration::from_secs(input.integer("in").unwrap_or(0).unsigned_abs()));
    let job = json!({ "ran": 0, "times": input.integer("times"), "broken": input.flag("broken") });
    ctx.write(|records| {
        crate::logical::ctx::store(records, &name, &job)?;
        records.schedule("count", &name, due)
    })?;
    Ok(Response::empty())
}

fn read(ctx: &mut Ctx, input: &Input) -> Result<Response> {
    let job: Option<Value> = ctx.load(&input.required("name")?)?;
    assert_eq!(ctx.count_leases(&Which::All)?, 0);
    Ok(Response::json(job.unwrap_or_default()))
}

fn delete(ctx: &mut Ctx, input: &Input) -> Result<Response> {
    let name = input.required("name")?;
    let scheduled = ctx.write(|records| records.unschedule("count", &name))?;
    Ok(Response::json(json!({ "scheduled": scheduled })))
}

fn count(ctx: &mut Ctx, name: &str) -> Result<Next> {
    let mut job: Value = ctx.load(name)?.unwrap_or_default();
    job["ran"] = json!(job["ran"].as_i64().unwrap_or(0) + 1);
    ctx.store(name, &job)?;
    if job["broken"] == json!(true) {
        return Err(Error::upstream("it is broken"));
    }
    let again = job["ran"].as_i64() < job["times"].as_i64();
    Ok(if again { Next::At(ctx.now().plus(Duration::from_secs(60))) } else { Next::Done })
}

fn bench() -> Bench {
    let bench = Bench::with(Registry { engines: ENGINES, ..server::registry() });
    bench.call(&bench.root, Operation::Update, "sys/mounts/jobs", json!({ "type": "clockwork" })).unwrap();
    bench
}

fn schedule(bench: &Bench, body: Value) {
    bench.call(&bench.root, Operation::Update, "jobs/jobs/a", body).unwrap();
}

fn ran(bench: &Bench) -> i64 {
    let answer = bench.call(&bench.root, Operation::Read, "jobs/jobs/a", Value::Null).unwrap();
    match &answer.body {
        crate::logical::Body::Data(data) => data["ran"].as_i64().unwrap(),
        _ => panic!("no data"),
    }
}

#[test]
fn a_task_runs_at_its_time_as_often_as_it_asks_for() {
    let bench = bench();
    schedule(&bench, json!({ "in": 100, "times": 2 }));
    bench.sweep();
    assert_eq!(ran(&bench), 0);
    bench.clock.advance(Duration::from_secs(100));
    bench.sweep();
    bench.sweep();
    assert_eq!(ran(&bench), 1);
    bench.clock.advance(Duration::from_secs(60));
    bench.sweep();
    assert_eq!(ran(&bench), 2);
    bench.clock.advance(Duration::from_secs(9999));
    bench.sweep();
    assert_eq!(ran(&bench), 2, "it was done");
}

#[test]
fn a_task_that_fails_is_tried_again_by_a_growing_pause() {
    let bench = bench();
    schedule(&bench, json!({ "broken": true }));
    bench.sweep();
    bench.sweep();
    assert_eq!(ran(&bench), 1);
    bench.clock.advance(Duration::from_secs(3));
    bench.sweep();
    assert_eq!(ran(&bench), 2);
    bench.clock.advance(Duration::from_secs(3));
    bench.sweep();
    assert_eq!(ran(&bench), 2, "the second pause is longer than the first");
}

#[test]
fn a_task_survives_seal_and_unseal_and_goes_when_it_is_given_up() {
    let bench = bench();
    schedule(&bench, json!({ "in": 100 }));
    bench.core.seal();
    bench.unseal();
    let given_up = bench.call(&bench.root, Operation::Delete, "jobs/jobs/a", Value::Null).unwrap();
    assert!(matches!(&given_up.body, crate::logical::Body::Data(data) if data["scheduled"] == json!(true)));
    bench.clock.advance(Duration::from_secs(100));
    bench.sweep();
    assert_eq!(ran(&bench), 0);
}

//! Both versions of the engine through their own routes, on a mount in memory whose clock is turned by hand.

mod data;
mod metadata;
mod options;
mod plain;
mod upgrade;
mod versions;

use super::VERSIONED;
use crate::base::{Kind, Result};
use crate::engine::memory::Mount;
use crate::logical::{Body, Map, Operation, Outcome, Response};
use serde_json::{Value, json};
use std::time::Duration;

const NOTHING: Value = Value::Null;

fn data(response: &Response) -> &Map {
    match &response.body {
        Body::Data(data) => data,
        _ => panic!("the answer holds no data"),
    }
}

fn refused(answer: Result<Response>) -> (Kind, String) {
    let error = answer.err().unwrap();
    (error.kind(), error.message().to_owned())
}

/// A mount of version 2.
struct Versioned(Mount);

impl Versioned {
    fn new() -> Self {
        Self(Mount::new(&VERSIONED))
    }

    fn ask(&self, operation: Operation, path: &str, body: Value) -> Result<Response> {
        self.0.ask("t", operation, path, body)
    }

    /// The data of an answer that must be a success.
    fn done(&self, operation: Operation, path: &str, body: Value) -> Value {
        let response = self.ask(operation, path, body).unwrap();
        assert_eq!(response.outcome, Outcome::Ok, "{path}");
        match &response.body {
            Body::Data(data) => Value::Object(data.clone()),
            _ => Value::Null,
        }
    }

    /// Writes a value; the number of its version.
    fn put(&self, path: &str, value: Value) -> u64 {
        let answer = self.done(Operation::Update, &format!("data/{path}"), json!({ "data": value }));
        answer["version"].as_u64().unwrap()
    }

    fn read(&self, path: &str) -> Value {
        self.done(Operation::Read, path, NOTHING)
    }

    fn value(&self, path: &str, version: u64) -> Value {
        self.done(Operation::Read, &format!("data/{path}"), json!({ "version": version }))["data"].clone()
    }

    /// What is said of a version whose value is not to be had.
    fn gone(&self, path: &str, version: u64) -> Value {
        let response = self.ask(Operation::Read, &format!("data/{path}"), json!({ "version": version })).unwrap();
        assert_eq!((response.outcome, &data(&response)["data"]), (Outcome::GoneWithData, &NOTHING));
        data(&response)["metadata"].clone()
    }

    fn write(&self, path: &str, body: Value) {
        self.done(Operation::Update, path, body);
    }

    fn pass(&self, seconds: u64) {
        self.0.clock.advance(Duration::from_secs(seconds));
    }
}

/// The numbers of the versions that a key's metadata tell of.
fn numbers(metadata: &Value) -> Vec<&str> {
    metadata["versions"].as_object().unwrap().keys().map(String::as_str).collect()
}

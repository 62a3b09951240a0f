//! Asks the server, as often as the plan says, and keeps what it answers.

use super::scrub::Scrub;
use crate::cli::client::Call;
use crate::cli::{Client, Failure, Invocation, console, monitor, progress};
use serde_json::{Map, Value, json};
use signal_hook::consts::{SIGINT, SIGTERM};
use std::collections::BTreeMap;
use std::io::Read;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How much of the log is kept.
const LARGEST_LOG: usize = 64 * 1024 * 1024;
/// How soon an interrupt is noticed.
const BREATH: Duration = Duration::from_millis(100);

pub struct Plan {
    pub targets: Vec<&'static str>,
    pub duration: Duration,
    pub interval: Duration,
    pub metrics_interval: Duration,
}

/// Everything that was gathered.
pub struct Captured {
    pub files: BTreeMap<String, Vec<u8>>,
    /// Target → why there is nothing of it.
    pub errors: BTreeMap<&'static str, String>,
    index: Map<String, Value>,
}

pub struct Capture {
    client: Client,
    log_client: Client,
    log_call: Call,
    scrub: Scrub,
    plan: Plan,
    stopped: Arc<AtomicBool>,
    /// Target → one entry for each time that it was asked for.
    answers: BTreeMap<&'static str, Vec<Value>>,
    errors: BTreeMap<&'static str, String>,
}

impl Capture {
    pub fn new(invocation: &Invocation, client: Client, plan: Plan) -> Result<Self, Failure> {
        let stopped = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM] {
            signal_hook::flag::register(signal, stopped.clone())
                .map_err(|error| Failure::local(format!("could not wait for signals: {error}")))?;
        }
        Ok(Self {
            scrub: Scrub::new(client.token()),
            client,
            log_client: invocation.client()?,
            log_call: monitor::call(invocation)?,
            plan,
            stopped,
            answers: BTreeMap::new(),
            errors: BTreeMap::new(),
        })
    }

    pub fn run(mut self) -> Captured {
        let began = jiff::Timestamp::now();
        let log = self.plan.targets.contains(&"log").then(|| self.follow_log());
        self.once();
        self.again_and_again();
        if let Some(log) = &log {
            // What the last requests were logged as is on its way still.
            std::thread::sleep(BREATH);
            let log = log.lock().unwrap_or_else(PoisonError::into_inner);
            if let Err(why) = &log.outcome {
                self.errors.insert("log", self.scrub.clean(why));
            }
        }
        let mut files: BTreeMap<String, Vec<u8>> = BTreeMap::new();
        for (target, entries) in &self.answers {
            files.insert(file(target).to_owned(), self.pretty(&Value::from(entries.clone())));
        }
        if let Some(log) = log {
            let log = log.lock().unwrap_or_else(PoisonError::into_inner);
            files
                .insert("leasehold.log".to_owned(), self.scrub.clean(&String::from_utf8_lossy(&log.text)).into_bytes());
        }
        let index = json!({
            "server_address": self.client.address(),
            "began": began.to_string(),
            "ended": jiff::Timestamp::now().to_string(),
            "duration_seconds": self.plan.duration.as_secs(),
            "interval_seconds": self.plan.interval.as_secs(),
            "metrics_interval_seconds": self.plan.metrics_interval.as_secs(),
            "targets": self.plan.targets,
            "interrupted": self.stopped.load(Ordering::Relaxed),
        });
        let index = index.as_object().cloned().unwrap_or_default();
        Captured { files, errors: self.errors, index }
    }

    /// What does not change meanwhile.
    fn once(&mut self) {
        if self.plan.targets.contains(&"config") {
            self.ask("config", "sys/config/state/sanitized");
        }
    }

    fn again_and_again(&mut self) {
        let began = Instant::now();
        let (mut due, mut metrics_due) = (began, began);
        let until = began + self.plan.duration;
        loop {
            let now = Instant::now();
            if now >= metrics_due {
                metrics_due += self.plan.metrics_interval;
                self.wanted("metrics", "sys/metrics");
            }
            if now >= due {
                due += self.plan.interval;
                self.wanted("host", "sys/host-info");
                self.wanted("requests", "sys/in-flight-req");
                self.wanted("replication-status", "sys/replication/status");
                self.wanted("server-status", "sys/seal-status");
                self.wanted("server-status", "sys/leader");
            }
            let now = Instant::now();
            if console::is_watched() {
                let done = now.duration_since(began).as_secs();
                console::progress(&format!("Gathering {}", progress::bar(done, self.plan.duration.as_secs())));
            }
            if now >= until || self.stopped.load(Ordering::Relaxed) {
                break;
            }
            let next = due.min(metrics_due).min(until).saturating_duration_since(now);
            std::thread::sleep(next.min(BREATH));
        }
        if console::is_watched() {
            console::progress("");
        }
    }

    fn wanted(&mut self, target: &'static str, path: &str) {
        if self.plan.targets.contains(&target) {
            self.ask(target, path);
        }
    }

    fn ask(&mut self, target: &'static str, path: &str) {
        match self.client.read(path) {
            Ok(Some(answer)) => {
                let data = answer.data_or_body().cloned().unwrap_or_default();
                let time = jiff::Timestamp::now().to_string();
                let entry = json!({ "timestamp": time, "path": path, "data": harmless(&Value::Object(data)) });
                self.answers.entry(target).or_default().push(entry);
            }
            Ok(None) => self.note(target, &format!("the server has nothing at {path}")),
            Err(failure) => self.note(target, &first_reason(&failure.message)),
        }
    }

    fn note(&mut self, target: &'static str, why: &str) {
        let why = self.scrub.clean(why);
        self.errors.entry(target).or_insert(why);
    }

    /// Keeps what the server logs, until the program ends.
    fn follow_log(&mut self) -> Arc<Mutex<Log>> {
        let log = Arc::new(Mutex::new(Log { text: Vec::new(), outcome: Ok(()) }));
        match self.log_client.stream(&self.log_call) {
            Ok(mut stream) => {
                let kept = log.clone();
                std::thread::spawn(move || keep(&mut *stream, &kept));
            }
            Err(failure) => {
                log.lock().unwrap_or_else(PoisonError::into_inner).outcome = Err(first_reason(&failure.message));
            }
        }
        log
    }

    fn pretty(&self, value: &Value) -> Vec<u8> {
        self.scrub.clean(&(serde_json::to_string_pretty(value).unwrap_or_default() + "\n")).into_bytes()
    }
}

impl Captured {
    /// What is in the bundle, how it was gathered, and what is not in it.
    pub fn index(&self, version: &str) -> Vec<u8> {
        let mut index = self.index.clone();
        index.insert("server_version".to_owned(), version.into());
        index.insert("client_version".to_owned(), crate::VERSION.into());
        index.insert("files".to_owned(), self.files.keys().cloned().collect());
        let errors = self.errors.iter().map(|(target, why)| ((*target).to_owned(), Value::from(why.as_str())));
        index.insert("errors".to_owned(), Value::Object(errors.collect()));
        let text = serde_json::to_string_pretty(&Value::Object(index)).unwrap_or_default();
        (text + "\n").into_bytes()
    }
}

struct Log {
    text: Vec<u8>,
    outcome: Result<(), String>,
}

fn keep(stream: &mut dyn Read, log: &Mutex<Log>) {
    let mut buffer = [0; 8192];
    while let Ok(length) = stream.read(&mut buffer) {
        let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
        if length == 0 || log.text.len() > LARGEST_LOG {
            return;
        }
        log.text.extend_from_slice(&buffer[..length]);
    }
}

/// The name of a target's file in the bundle.
fn file(target: &str) -> &'static str {
    match target {
        "config" => "config.json",
        "host" => "host_info.json",
        "metrics" => "metrics.json",
        "replication-status" => "replication_status.json",
        "requests" => "requests.json",
        _ => "server_status.json",
    }
}

/// An answer without the members whose names say that they hold something secret.
fn harmless(value: &Value) -> Value {
    let is_secret = |name: &str| {
        let name = name.to_ascii_lowercase();
        let ends = ["token", "password", "secret", "secret_key", "private_key", "otp", "nonce"];
        ends.iter().any(|end| name.ends_with(end))
    };
    match value {
        Value::Object(members) => Value::Object(
            members
                .iter()
                .map(|(name, value)| match value {
                    Value::String(text) if is_secret(name) && !text.is_empty() => (name.clone(), "[removed]".into()),
                    value => (name.clone(), harmless(value)),
                })
                .collect(),
        ),
        Value::Array(items) => Value::Array(items.iter().map(harmless).collect()),
        other => other.clone(),
    }
}

/// The server's own words in a failure, without what stands around them.
fn first_reason(message: &str) -> String {
    let reason = message.lines().find_map(|line| line.strip_prefix("* "));
    reason.unwrap_or_else(|| message.lines().next().unwrap_or_default()).to_owned()
}

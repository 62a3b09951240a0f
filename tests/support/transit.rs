//! A server that encrypts and decrypts for others, as the transit engine of the published API does: on a port of its own, to be
//! taken down and brought back.
//!
//! Owns its key names, its token and what it has encrypted. It speaks the true paths, bodies and status codes, and nothing else.

use serde_json::{Value, json};
use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

pub const TOKEN: &str = "hvs.transit-double";

pub struct Transit {
    pub address: String,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    /// Ciphertext to key name and plaintext.
    kept: HashMap<String, (String, String)>,
    is_sealed: bool,
    renewals: usize,
}

impl Transit {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(Mutex::new(State::default()));
        let shared = state.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let state = shared.clone();
                thread::spawn(move || serve(&stream, &state));
            }
        });
        Self { address, state }
    }

    /// From now on it answers as a sealed server does, or no longer.
    pub fn seal(&self, is_sealed: bool) {
        self.state.lock().unwrap().is_sealed = is_sealed;
    }

    /// Loses what it encrypted, as a server whose key was deleted.
    pub fn forget(&self) {
        self.state.lock().unwrap().kept.clear();
    }

    pub fn renewals(&self) -> usize {
        self.state.lock().unwrap().renewals
    }
}

fn serve(mut stream: &TcpStream, state: &Mutex<State>) -> Option<()> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut words = line.split_whitespace();
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    let (mut length, mut token) = (0, String::new());
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok()?;
        let Some((name, value)) = header.trim().split_once(':') else { break };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.trim().parse().ok()?,
            "x-vault-token" => value.trim().clone_into(&mut token),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    let (status, answer) = answer(&mut state.lock().unwrap(), &method, &path, &token, &body);
    let text = answer.to_string();
    write!(
        stream,
        "HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{text}",
        text.len()
    )
    .ok()
}

fn answer(state: &mut State, method: &str, path: &str, token: &str, body: &Value) -> (u16, Value) {
    let refused = |status: u16, words: &str| (status, json!({ "errors": [words] }));
    if state.is_sealed {
        return refused(503, "Vault is sealed");
    }
    if token != TOKEN {
        return refused(403, "permission denied");
    }
    if !matches!(method, "POST" | "PUT") {
        return refused(405, "unsupported operation");
    }
    if path == "/v1/auth/token/renew-self" {
        state.renewals += 1;
        return (200, json!({ "auth": { "client_token": TOKEN, "lease_duration": 3600, "renewable": true } }));
    }
    if let Some(key) = path.strip_prefix("/v1/transit/encrypt/") {
        let Some(plaintext) = body["plaintext"].as_str() else { return refused(400, "missing plaintext to encrypt") };
        let ciphertext = format!("vault:v1:{}", leasehold::base::random::uuid());
        state.kept.insert(ciphertext.clone(), (key.to_owned(), plaintext.to_owned()));
        return (200, json!({ "data": { "ciphertext": ciphertext, "key_version": 1 } }));
    }
    if let Some(key) = path.strip_prefix("/v1/transit/decrypt/") {
        let kept = body["ciphertext"].as_str().and_then(|ciphertext| state.kept.get(ciphertext));
        return match kept {
            Some((name, plaintext)) if name == key => (200, json!({ "data": { "plaintext": plaintext } })),
            _ => refused(400, "cipher: message authentication failed"),
        };
    }
    refused(404, "no handler for route")
}

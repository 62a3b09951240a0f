//! A server that gives the answers it was told to and remembers what it was asked.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

#[derive(Default)]
struct State {
    /// Method and path → the answers still to give; the last one stays.
    answers: BTreeMap<String, Vec<(u16, String)>>,
    requests: Vec<String>,
}

pub struct Server {
    address: String,
    state: Arc<Mutex<State>>,
}

impl Server {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for connection in listener.incoming() {
                serve(connection.unwrap(), &shared);
            }
        });
        Self { address, state }
    }

    pub fn address(&self) -> &str {
        &self.address
    }

    /// `METHOD PATH STATUS BODY`
    pub fn will_answer(&self, line: &str) {
        let mut parts = line.splitn(4, ' ');
        let request = format!("{} {}", parts.next().unwrap(), parts.next().unwrap());
        let status = parts.next().unwrap().parse().unwrap();
        let body = parts.next().unwrap_or_default().to_owned();
        self.state.lock().unwrap().answers.entry(request).or_default().push((status, body));
    }

    /// What it was asked since the last time.
    pub fn taken(&self) -> Vec<String> {
        std::mem::take(&mut self.state.lock().unwrap().requests)
    }
}

fn serve(mut connection: TcpStream, state: &Mutex<State>) {
    let mut reader = BufReader::new(connection.try_clone().unwrap());
    let mut line = String::new();
    if reader.read_line(&mut line).is_err() {
        // It does not speak HTTP: TLS, most likely. Answered as servers answer it.
        let _ = connection.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        return;
    }
    let mut words = line.split_whitespace();
    let request = format!("{} {}", words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let mut length = 0;
    let mut notes = String::new();
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).unwrap();
        let Some((name, value)) = header.trim().split_once(':') else { break };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.trim().parse().unwrap(),
            "content-type" if value.trim() != "application/json" => notes.push_str(&format!(" [{}]", value.trim())),
            "x-vault-token" | "x-vault-namespace" | "x-vault-wrap-ttl" => {
                notes.push_str(&format!(" [{}:{value}]", name.to_ascii_lowercase()));
            }
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    let (status, answer) = {
        let mut state = state.lock().unwrap();
        let body = String::from_utf8_lossy(&body).into_owned();
        state.requests.push(format!("{request} {body}{notes}").trim_end().to_owned());
        match state.answers.get_mut(&request) {
            Some(answers) if answers.len() > 1 => answers.remove(0),
            Some(answers) => answers[0].clone(),
            None => (404, "{\"errors\":[]}".to_owned()),
        }
    };
    // An answer that is a path is a redirect.
    let (location, answer) = match status {
        300..=399 => (format!("Location: {answer}\r\n"), String::new()),
        _ => (String::new(), answer),
    };
    let _ = write!(
        connection,
        "HTTP/1.1 {status} Canned\r\n{location}Content-Length: {}\r\nConnection: close\r\n\r\n{answer}",
        answer.len()
    );
}

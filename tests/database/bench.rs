//! A server with a database engine, and what the tests do with it.

use crate::support::server::{Answer, Server, text};
use serde_json::{Value, json};

/// What was handed out.
#[derive(Debug, Clone)]
pub struct Credential {
    pub lease: String,
    pub username: String,
    pub password: String,
}

pub struct Bench {
    pub server: Server,
}

impl Bench {
    /// A new server with the engine at `database/`.
    pub fn new() -> Self {
        Self::on(Server::ready())
    }

    pub fn on(server: Server) -> Self {
        assert_eq!(server.put("sys/mounts/database", json!({ "type": "database" })).0, 204);
        Self { server }
    }

    /// Writes below the mount, which must succeed; the warnings.
    pub fn write(&self, path: &str, body: Value) -> Vec<String> {
        let (status, answer) = self.server.put(&format!("database/{path}"), body);
        assert!(status == 204 || status == 200, "{path}: {status} {answer}");
        answer["warnings"].as_array().map(|warnings| warnings.iter().map(text).collect()).unwrap_or_default()
    }

    /// Writes below the mount what must be refused; the error.
    pub fn refused(&self, path: &str, body: Value) -> String {
        refusal(self.server.put(&format!("database/{path}"), body))
    }

    pub fn read(&self, path: &str) -> Value {
        let (status, mut answer) = self.server.get(&format!("database/{path}"));
        assert_eq!(status, 200, "{path}: {answer}");
        answer["data"].take()
    }

    pub fn issue(&self, role: &str) -> Credential {
        let (status, answer) = self.server.get(&format!("database/creds/{role}"));
        assert_eq!(status, 200, "{answer}");
        credential(&answer)
    }

    /// Ends a lease and waits for its end outside.
    pub fn revoke(&self, credential: &Credential) {
        let (status, answer) = self.try_revoke(credential);
        assert_eq!(status, 204, "{answer}");
    }

    pub fn try_revoke(&self, credential: &Credential) -> Answer {
        self.server.put("sys/leases/revoke", json!({ "lease_id": credential.lease, "sync": true }))
    }

    pub fn look_up(&self, credential: &Credential) -> Answer {
        self.server.put("sys/leases/lookup", json!({ "lease_id": credential.lease }))
    }
}

pub fn credential(answer: &Value) -> Credential {
    Credential {
        lease: text(&answer["lease_id"]),
        username: text(&answer["data"]["username"]),
        password: text(&answer["data"]["password"]),
    }
}

/// The first error of an answer that must be one.
pub fn refusal((status, answer): Answer) -> String {
    assert!(status >= 400, "{status} {answer}");
    text(&answer["errors"][0])
}

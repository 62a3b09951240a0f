//! `seal "transit"`: another server encrypts and decrypts the root key with a key that never leaves it. It is asked when this server
//! is initialised, rekeyed and unsealed, and now and then to renew the token.

use crate::base::outbound::Reply;
use crate::base::peer::{Peer, Trust};
use crate::base::{Error, Result, Secret};
use crate::seal::Kind;
use crate::seal::auto::{AutoSeal, Opened, Wrapped};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use zeroize::Zeroizing;

const DEADLINE: Duration = Duration::from_secs(20);

/// A token that says nothing of its life is looked at again after so long.
const LOOK_AGAIN: Duration = Duration::from_secs(3600);

/// How the other server is reached.
pub struct Settings {
    pub address: String,
    pub token: Secret<String>,
    pub key_name: String,
    pub mount_path: String,
    pub namespace: Option<String>,
    pub renew: bool,
    pub trust: Trust,
}

pub struct TransitSeal {
    peer: Peer,
    token: Secret<String>,
    key_name: String,
    mount: String,
    namespace: Option<String>,
    renew: bool,
}

impl TransitSeal {
    /// # Errors
    /// `BadRequest` for an address that is none, and for certificates that cannot be read.
    pub fn new(settings: Settings) -> Result<Self> {
        let peer = Peer::new(&settings.address, &settings.trust).map_err(|error| error.context("seal \"transit\""))?;
        for (what, text) in [("key_name", &settings.key_name), ("mount_path", &settings.mount_path)] {
            let sound = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
            if text.is_empty() || !text.chars().all(sound) || text.contains("..") {
                return Err(Error::bad_request(format!("seal \"transit\": {what} {text:?} cannot be part of a path")));
            }
        }
        Ok(Self {
            peer,
            token: settings.token,
            key_name: settings.key_name,
            mount: settings.mount_path.trim_matches('/').to_owned(),
            namespace: settings.namespace,
            renew: settings.renew,
        })
    }

    fn ask(&self, path: &str, body: &Value) -> Result<Value> {
        let mut headers = vec![("X-Vault-Token", self.token.expose().as_str()), ("X-Vault-Request", "true")];
        headers.extend(self.namespace.as_deref().map(|namespace| ("X-Vault-Namespace", namespace)));
        let body = Zeroizing::new(body.to_string());
        let reply = self.peer.post(&format!("/v1/{path}"), &headers, &body, Instant::now() + DEADLINE)?;
        let answer: Value = serde_json::from_str(&reply.body).unwrap_or_default();
        if (200..300).contains(&reply.status) { Ok(answer) } else { Err(self.refusal(&reply, &answer)) }
    }

    /// What may pass by itself is `Upstream`: the other server is sealed, overloaded, or something stands before it.
    fn refusal(&self, reply: &Reply, answer: &Value) -> Error {
        let words: Vec<&str> = answer["errors"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let what = format!("{} answered {} ({})", self.peer.address(), reply.status, words.join("; "));
        match reply.status {
            400 | 403 | 404 | 405 => Error::bad_request(what),
            _ => Error::upstream(what),
        }
    }

    fn member(&self, answer: &Value, name: &str) -> Result<Zeroizing<String>> {
        let found = answer["data"][name].as_str().map(|text| Zeroizing::new(text.to_owned()));
        found.ok_or_else(|| Error::upstream(format!("{} answered without a {name}", self.peer.address())))
    }
}

impl AutoSeal for TransitSeal {
    fn kind(&self) -> Kind {
        Kind::Transit
    }

    fn key_id(&self) -> String {
        format!("{}/{}/{}", self.peer.address(), self.mount, self.key_name)
    }

    fn wrap(&self, root_key: &Secret<[u8; 32]>) -> Result<Wrapped> {
        let plaintext = Zeroizing::new(STANDARD.encode(root_key.expose()));
        let path = format!("{}/encrypt/{}", self.mount, self.key_name);
        let answer = self.ask(&path, &json!({ "plaintext": *plaintext }))?;
        let ciphertext = self.member(&answer, "ciphertext")?.to_string();
        Ok(Wrapped { kind: Kind::Transit, key_id: self.key_id(), ciphertext, derivation: String::new() })
    }

    fn unwrap(&self, wrapped: &Wrapped) -> Result<Opened> {
        let path = format!("{}/decrypt/{}", self.mount, self.key_name);
        let mut answer = self.ask(&path, &json!({ "ciphertext": wrapped.ciphertext }))?;
        let plaintext = self.member(&answer, "plaintext")?;
        crate::base::secret::wipe(&mut answer);
        let bytes = STANDARD.decode(plaintext.as_bytes()).ok().map(Zeroizing::new);
        let key = bytes.and_then(|bytes| <[u8; 32]>::try_from(bytes.as_slice()).ok());
        key.map(|key| Opened { root_key: Secret::new(key), by_previous: false })
            .ok_or_else(|| Error::bad_request(format!("what {} decrypted is no root key", self.peer.address())))
    }

    fn tend(&self) -> Result<Option<Duration>> {
        if !self.renew {
            return Ok(None);
        }
        let answer = self.ask("auth/token/renew-self", &json!({}))?;
        let life = answer["auth"]["lease_duration"].as_u64().filter(|seconds| *seconds > 0).map(Duration::from_secs);
        Ok(Some(life.map_or(LOOK_AGAIN, |life| (life / 2).max(Duration::from_secs(5)))))
    }
}

//! Wrapping tokens that are JWTs: how they look, where they are taken, and that nothing forged is.

use super::{MINUTE, Server, data, refused};
use crate::base::{Result, Secret};
use crate::logical::{Operation, Response, WrapFormat, WrapInfo};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

impl Server {
    /// A credential of `kv/app` in a wrapping token that is a JWT.
    fn wrapped_as_jwt(&self) -> WrapInfo {
        let mut request = Self::request(&self.root, Operation::Read, "kv/app", Value::Null, Some(MINUTE));
        request.wrap_format = WrapFormat::Jwt;
        self.core.handle(&mut request).unwrap().wrap_info.take().unwrap()
    }

    /// With another token as the caller's own.
    fn unwrap_named(&self, token: &str) -> Result<Response> {
        self.write("sys/wrapping/unwrap", json!({ "token": token }))
    }
}

fn parts(jwt: &Secret<String>) -> Vec<Value> {
    let decode = |part| serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap();
    jwt.expose().split('.').take(2).map(decode).collect()
}

#[test]
fn a_wrapping_token_comes_as_a_jwt_where_that_is_asked_for() {
    let server = Server::start();
    server.audit_to_file();
    let wrapping = server.wrapped_as_jwt();
    let jwt = wrapping.jwt.as_ref().unwrap();
    let [header, claims] = parts(jwt).try_into().unwrap();
    assert_eq!(header, json!({ "alg": "ES512", "typ": "JWT" }));
    let now = 1_800_000_000;
    assert_eq!(
        claims,
        json!({ "accessor": "", "addr": "", "exp": now + 60, "iat": now, "jti": wrapping.token.expose(),
                "nbf": now - 5, "type": "wrapping" })
    );
    for lookup in [
        server.ask(jwt.expose(), Operation::Read, "sys/wrapping/lookup", Value::Null, None),
        server.ask("", Operation::Update, "sys/wrapping/lookup", json!({ "token": jwt.expose() }), None),
    ] {
        assert_eq!(data(&lookup.unwrap())["creation_path"], "kv/app");
    }
    assert_eq!(data(&server.unwrap(jwt).unwrap()), json!({ "password": "horse" }));
    refused(server.unwrap(jwt));
    refused(server.unwrap(&wrapping.token));

    let entries = server.audited();
    let made = entries.iter().find(|entry| !entry["response"]["wrap_info"].is_null()).unwrap();
    let spent = entries.iter().find(|entry| entry["request"]["path"] == "sys/wrapping/unwrap").unwrap();
    assert_eq!(made["response"]["wrap_info"]["token"], spent["request"]["client_token"], "one hash for both");
    for (entry, policy) in [(made, "root"), (spent, "response-wrapping")] {
        let granting = json!([{ "name": policy, "namespace_id": "root", "type": "acl" }]);
        assert_eq!(entry["auth"]["policy_results"], json!({ "allowed": true, "granting_policies": granting }));
    }
}

#[test]
fn a_jwt_is_taken_from_the_body_and_moved_to_another() {
    let server = Server::start();
    let jwt = server.wrapped_as_jwt().jwt.unwrap();
    assert_eq!(data(&server.unwrap_named(jwt.expose()).unwrap()), json!({ "password": "horse" }));
    let jwt = server.wrapped_as_jwt().jwt.unwrap();
    let mut again = server.write("sys/wrapping/rewrap", json!({ "token": jwt.expose() })).unwrap();
    let again = again.wrap_info.take().unwrap();
    assert!(again.jwt.is_none(), "the form is asked for anew");
    refused(server.unwrap(&jwt));
    assert_eq!(data(&server.unwrap(&again.token).unwrap()), json!({ "password": "horse" }));
}

#[test]
fn a_jwt_that_was_changed_is_no_token() {
    let server = Server::start();
    let jwt = server.wrapped_as_jwt().jwt.unwrap();
    let [header, claims, signature]: [&str; 3] = jwt.expose().split('.').collect::<Vec<_>>().try_into().unwrap();
    let none = URL_SAFE_NO_PAD.encode(json!({ "alg": "none" }).to_string());
    let root = URL_SAFE_NO_PAD.encode(json!({ "jti": server.root, "type": "wrapping" }).to_string());
    for forged in [
        format!("{header}.{root}.{signature}"),
        format!("{none}.{claims}."),
        format!("{none}.{root}.{signature}"),
        format!("{header}.{claims}.{}", signature.replace(|_| true, "A")),
        "..".to_owned(),
        "a.b.c".to_owned(),
    ] {
        refused(server.unwrap(&Secret::new(forged.clone())));
        refused(server.unwrap_named(&forged));
    }
    refused(Server::start().unwrap(&jwt));
    assert!(server.unwrap(&jwt).is_ok(), "nothing of that has spent it");
}

#[test]
fn the_key_of_jwts_is_told_to_anyone_and_stays_the_same() {
    let server = Server::start();
    let told = || data(&server.ask("", Operation::Read, "sys/wrapping/pubkey", Value::Null, None).unwrap());
    let key = told();
    assert_eq!((key["jwt_curve"].as_str(), &told()), (Some("p521"), &key));
    assert!(
        ["jwt_x", "jwt_y"].iter().all(|name| key[name].as_str().unwrap().bytes().all(|byte| byte.is_ascii_digit()))
    );
}

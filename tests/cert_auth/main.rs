//! Signing in by TLS client certificates, on a running server: who gets in, who does not, and that the audit log tells of it.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

mod bench;
#[path = "../support/mod.rs"]
mod support;

use bench::{Bench, Client, oid_text};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer, CustomExtension, DnType,
    IsCa, KeyIdMethod, KeyPair, RevokedCertParams, SanType, SerialNumber, date_time_ymd,
};
use serde_json::{Value, json};
use std::process::Command;
use support::{PATIENCE, python, wait_for};

const NO_CHAIN: &str = "invalid certificate or no client certificate supplied";
const UNMET: &str = "no chain matching all constraints could be found for this login certificate";
const ANOTHER: &str = "client identity during renewal not matching client identity used during login";

#[test]
fn who_shows_a_certificate_of_a_trusted_authority_signs_in() {
    let bench = Bench::start();
    bench.role(
        "web",
        json!({ "certificate": bench.ca(), "token_policies": "app", "token_ttl": 600, "display_name": "shop" }),
    );
    let web = bench.client("web.example", |_| ());
    let auth = bench.signs_in(&web, json!({}));
    assert_eq!((&auth["policies"], &auth["lease_duration"]), (&json!(["app", "default"]), &json!(600)));
    let told = &auth["metadata"];
    assert_eq!((&told["cert_name"], &told["common_name"]), (&json!("web"), &json!("web.example")));
    assert!(told["serial_number"].as_str().unwrap().bytes().all(|byte| byte.is_ascii_digit()), "{told}");
    assert!(told["subject_key_id"].as_str().unwrap().contains(':') || told["subject_key_id"] == "", "{told}");
    let (_, looked_up) =
        bench.server.call("GET", "auth/token/lookup-self", auth["client_token"].as_str().unwrap(), Value::Null);
    assert_eq!(looked_up["data"]["display_name"], "cert-shop");
    let (_, entity) = bench.server.get(&format!("identity/entity/id/{}", auth["entity_id"].as_str().unwrap()));
    assert_eq!(entity["data"]["aliases"][0]["name"], "web.example");
    assert_eq!(bench.signs_in(&web, json!({ "name": "WEB" }))["entity_id"], auth["entity_id"], "the same somebody");

    bench.refused(&web, json!({ "name": "other" }), NO_CHAIN);
    bench.refused(&Bench::stranger("web.example"), json!({}), NO_CHAIN);
    bench.refused(&bench.client("web.example", |made| made.not_after = date_time_ymd(2020, 1, 1)), json!({}), NO_CHAIN);
    bench.refused(&Client::nobody(), json!({}), "client certificate must be supplied");
    let (status, plain) = bench.server.call("PUT", "auth/cert/login", "", json!({}));
    assert_eq!((status, &plain["errors"][0]), (400, &json!("client certificate must be supplied")));
}

#[test]
fn leaf_certificates_are_not_matched_by_serial_number_or_name() {
    let bench = Bench::start();
    let serial = |made: &mut CertificateParams| {
        made.serial_number = Some(SerialNumber::from(42));
        made.use_authority_key_identifier_extension = true;
    };
    let trusted = bench.client("pinned.example", serial);
    bench.role("pinned", json!({ "certificate": trusted.pem, "token_policies": "app" }));
    bench.signs_in(&trusted, json!({}));
    // Of the same authority, with the same names and serial number, and a key of its own.
    bench.refused(&bench.client("pinned.example", serial), json!({}), NO_CHAIN);
    // Of nobody, with all that can be copied.
    let key = KeyPair::generate().unwrap();
    let mut copied = bench::parameters("pinned.example");
    serial(&mut copied);
    let forged = copied.self_signed(&key).unwrap();
    bench.refused(&Client::new(&forged.pem(), &key.serialize_pem()), json!({}), NO_CHAIN);
    // With the key of the trusted one, and the name of somebody else.
    let key = KeyPair::from_pem(&trusted.key).unwrap();
    let mut other = bench::parameters("admin.example");
    serial(&mut other);
    let renamed = other.self_signed(&key).unwrap();
    bench.refused(&Client::new(&renamed.pem(), &trusted.key), json!({}), NO_CHAIN);
    assert_eq!(bench.audited(NO_CHAIN), 3);
}

#[test]
fn a_token_is_not_renewed_by_another_certificate() {
    let bench = Bench::start();
    bench.role("web", json!({ "certificate": bench.ca(), "token_ttl": 600, "token_policies": "app" }));
    let web = bench.client("web.example", |_| ());
    let token = bench.signs_in(&web, json!({}))["client_token"].as_str().unwrap().to_owned();
    let renew = |client: &Client| bench.ask(client, "auth/token/renew-self", &token, json!({}));
    assert_eq!(renew(&web).0, 200);
    let refusals = |told: &str| bench.audited(told);
    let (status, answer) = renew(&bench.client("web.example", |_| ()));
    assert_eq!((status, &answer["errors"][0]), (400, &json!(ANOTHER)));
    assert_eq!(renew(&Client::nobody()).0, 400);
    assert_eq!((refusals(ANOTHER), refusals("client certificate must be supplied")), (1, 1));

    assert_eq!(bench.server.put("auth/cert/config", json!({ "disable_binding": true })).0, 204);
    assert_eq!(renew(&Client::nobody()).0, 200, "the mount was told to");
    bench.role("web", json!({ "token_policies": "more" }));
    assert_eq!(renew(&web).0, 400, "its policies are others now");
    assert_eq!(bench.server.delete("auth/cert/certs/web").0, 204);
    assert_eq!(renew(&web).0, 400, "its role is gone");
}

#[test]
fn a_stolen_certificate_is_of_no_use_without_its_key() {
    let bench = Bench::start();
    bench.role("web", json!({ "certificate": bench.ca() }));
    let web = bench.client("web.example", |_| ());
    bench.signs_in(&web, json!({}));
    let thief = Client::new(&web.pem, &KeyPair::generate().unwrap().serialize_pem());
    assert_eq!(bench.try_ask(&thief, "auth/cert/login", "", json!({})), None, "there is no connection to ask on");
    wait_for("the log tells of it", PATIENCE, || {
        bench.server.log().contains("a client certificate was shown without its key").then_some(())
    });
}

#[test]
fn what_is_revoked_signs_in_no_more() {
    let bench = Bench::start();
    bench.role("web", json!({ "certificate": bench.ca() }));
    let bad = bench
        .client("bad.example", |made| made.serial_number = Some(SerialNumber::from(7_000_000_000_000_000_001_u64)));
    let good = bench.client("good.example", |_| ());
    let list = revocation_list(&bench, 7_000_000_000_000_000_001);
    let token = bench.signs_in(&bad, json!({}))["client_token"].as_str().unwrap().to_owned();
    assert_eq!(bench.server.put("auth/cert/crls/One", json!({ "crl": list })).0, 204);
    let (_, shown) = bench.server.get("auth/cert/crls/one");
    assert_eq!(shown["data"]["serials"], json!({ "7000000000000000001": {} }));
    bench.refused(&bad, json!({}), NO_CHAIN);
    assert_eq!(bench.ask(&bad, "auth/token/renew-self", &token, json!({})).0, 400);
    bench.signs_in(&good, json!({}));
    assert_eq!(bench.audited(NO_CHAIN), 2);
    assert_eq!(bench.server.delete("auth/cert/crls/one").0, 204);
    bench.signs_in(&bad, json!({}));
    for (body, words) in [
        (json!({ "crl": "nonsense" }), "failed to parse CRL"),
        (json!({ "url": "http://a/crl" }), "not supported yet"),
        (json!({}), "crl must be provided"),
    ] {
        let (status, answer) = bench.server.put("auth/cert/crls/two", body);
        assert!(status == 400 && answer.to_string().contains(words), "{answer}");
    }
    assert_eq!(bench.server.delete("auth/cert/crls/one").1["errors"][0], "no such CRL one");
}

#[test]
fn revoking_a_pinned_certificate_trusts_none_of_those_behind_it() {
    let bench = Bench::start();
    let numbered =
        |name: &str, number: u64| bench.client(name, |made| made.serial_number = Some(SerialNumber::from(number)));
    let (pinned, behind) = (numbered("pinned.example", 5_000_000_001), numbered("behind.example", 5_000_000_002));
    bench.role("pinned", json!({ "certificate": format!("{}{}", pinned.pem, behind.pem) }));
    bench.signs_in(&pinned, json!({}));
    bench.refused(&behind, json!({}), NO_CHAIN);
    let list = revocation_list(&bench, 5_000_000_001);
    assert_eq!(bench.server.put("auth/cert/crls/one", json!({ "crl": list })).0, 204);
    bench.refused(&pinned, json!({}), NO_CHAIN);
    bench.refused(&behind, json!({}), NO_CHAIN);
}

#[test]
fn an_authority_that_has_ended_vouches_for_nobody() {
    let bench = Bench::start();
    let mut ended = bench::parameters("an authority of old");
    ended.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    ended.not_after = date_time_ymd(2020, 1, 1);
    let ended = CertifiedIssuer::self_signed(ended, KeyPair::generate().unwrap()).unwrap();
    let (status, _) = bench.server.put("auth/cert/certs/old", json!({ "certificate": ended.pem() }));
    assert!(matches!(status, 204 | 400), "{status}");
    let key = KeyPair::generate().unwrap();
    let made = bench::parameters("web.example").signed_by(&key, &ended).unwrap();
    bench.refused(&Client::new(&made.pem(), &key.serialize_pem()), json!({}), NO_CHAIN);
}

#[test]
fn a_role_asks_more_of_a_certificate_than_its_authority() {
    let bench = Bench::start();
    let client = bench.client("web.example", |made| {
        made.distinguished_name.push(DnType::OrganizationalUnitName, "Engineering");
        made.subject_alt_names.push(SanType::Rfc822Name("web@example".try_into().unwrap()));
        made.subject_alt_names.push(SanType::URI("spiffe://example/web".try_into().unwrap()));
        made.custom_extensions.push(CustomExtension::from_oid_content(&[2, 1, 1, 1], oid_text("staff of the shop")));
    });
    for (constraint, fits, fits_not) in [
        ("allowed_names", "web@*", "db@*"),
        ("allowed_common_names", "db.example,web.*", "web"),
        ("allowed_dns_sans", "*.example", "*.other"),
        ("allowed_email_sans", "web@example", "*@other"),
        ("allowed_uri_sans", "spiffe://example/*", "spiffe://other/*"),
        ("allowed_organizational_units", "Eng*", "eng*"),
        ("required_extensions", "2.1.1.1:staff*", "2.1.1.1:guest*"),
        ("required_extensions", "hex:2.1.1.1:0c11*", "hex:2.1.1.1:0d*"),
        ("required_extensions", "2.1.1.1:*", "2.1.1.1:*,2.1.1.2:*"),
    ] {
        bench.role(
            "web",
            json!({ "certificate": bench.ca(), constraint: fits, "allowed_metadata_extensions": "2.1.1.1" }),
        );
        let auth = bench.signs_in(&client, json!({}));
        assert_eq!(auth["metadata"]["2-1-1-1"], "staff of the shop");
        bench.role("web", json!({ constraint: fits_not }));
        bench.refused(&client, json!({}), UNMET);
        bench.role("web", json!({ constraint: "" }));
    }
    assert_eq!(bench.server.put("auth/cert/config", json!({ "enable_identity_alias_metadata": true })).0, 204);
    let auth = bench.signs_in(&client, json!({}));
    let (_, entity) = bench.server.get(&format!("identity/entity/id/{}", auth["entity_id"].as_str().unwrap()));
    assert_eq!(entity["data"]["aliases"][0]["metadata"]["2-1-1-1"], "staff of the shop");
}

#[test]
fn a_certificate_that_signed_itself_is_trusted_as_it_is() {
    let bench = Bench::start();
    let folder = tempfile::tempdir().unwrap();
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=laptop"])
        .args(["-keyout", "own.key", "-out", "own.pem"])
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert!(made.status.success());
    let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
    let own = Client::new(&read("own.pem"), &read("own.key"));
    bench.role("laptop", json!({ "certificate": own.pem }));
    assert_eq!(bench.signs_in(&own, json!({}))["metadata"]["common_name"], "laptop");
}

#[test]
fn roles_are_kept_shown_and_refused_as_they_are_elsewhere() {
    let bench = Bench::start();
    assert_eq!(bench.server.list("auth/cert/certs").0, 404);
    bench.role("Web", json!({ "certificate": bench.ca(), "policies": "app", "ttl": "1h", "ocsp_enabled": false }));
    let (_, shown) = bench.server.get("auth/cert/certs/web");
    let shown = &shown["data"];
    assert_eq!((&shown["token_policies"], &shown["token_ttl"]), (&json!(["app"]), &json!(3600)));
    assert_eq!((&shown["display_name"], &shown["ocsp_enabled"]), (&json!("web"), &json!(false)));
    assert_eq!(bench.server.list("auth/cert/certs").1["data"]["keys"], json!(["web"]));
    let ca = bench.ca();
    let server_only = bench.client("x", |made| {
        made.is_ca = IsCa::ExplicitNoCa;
        made.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ServerAuth];
    });
    for (body, words) in [
        (json!({}), "failed to parse certificate"),
        (json!({ "certificate": "nonsense" }), "failed to parse certificate"),
        (json!({ "certificate": server_only.pem }), "nonCA certificates should have TLS client authentication"),
        (json!({ "certificate": ca, "ocsp_enabled": true }), "OCSP is not supported yet"),
        (json!({ "certificate": ca, "ocsp_servers_override": "http://a" }), "OCSP is not supported yet"),
        (json!({ "certificate": ca, "required_extensions": "1.2.3" }), "oid:value"),
        (json!({ "certificate": ca, "allowed_metadata_extensions": "name" }), "no OID"),
    ] {
        let (status, answer) = bench.server.put("auth/cert/certs/other", body);
        assert!(status == 400 && answer.to_string().contains(words), "{answer}");
    }
    let (_, config) = bench.server.get("auth/cert/config");
    assert_eq!(config["data"], json!({ "disable_binding": false, "enable_identity_alias_metadata": false }));
}

#[test]
fn hvac_signs_in_by_a_client_certificate() {
    let bench = Bench::start();
    let web = bench.client("web.example", |_| ());
    let file = |name: &str, text: &str| {
        let path = bench.server.path(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let output = Command::new(python::interpreter())
        .arg(python::repository().join("tests/compat/hvac/certificates.py"))
        .env("VAULT_ADDR", format!("https://{}", bench.address))
        .env("VAULT_TOKEN", &bench.server.root)
        .env("CA", file("ca.pem", &bench.trusted))
        .env("CLIENT_CA", file("client-ca.pem", &bench.ca()))
        .env("CLIENT_CERT", file("client.pem", &web.pem))
        .env("CLIENT_KEY", file("client.key", &web.key))
        .output()
        .unwrap();
    let told = [output.stdout, output.stderr].concat();
    let told = String::from_utf8_lossy(&told);
    assert!(output.status.success() && told.contains("all done"), "{told}");
}

/// A list of the bench's authority that revokes the certificate with this serial number.
fn revocation_list(bench: &Bench, serial: u64) -> String {
    let now = date_time_ymd(2024, 1, 1);
    let list = CertificateRevocationListParams {
        this_update: now,
        next_update: date_time_ymd(2025, 1, 1),
        crl_number: SerialNumber::from(1),
        issuing_distribution_point: None,
        revoked_certs: vec![RevokedCertParams {
            serial_number: SerialNumber::from(serial),
            revocation_time: now,
            reason_code: None,
            invalidity_date: None,
        }],
        key_identifier_method: KeyIdMethod::Sha256,
    };
    list.signed_by(&bench.authority).unwrap().pem().unwrap()
}

use crate::base::{Kind, Result};
use crate::sys::tests::{Server, refused};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

const HEX: &str = "length = 12\nrule \"charset\" {\n  charset = \"0123456789abcdef\"\n  min-chars = 3\n}\n";

#[test]
fn a_password_policy_is_stored_shown_used_and_deleted() -> Result<()> {
    let server = Server::start(&[])?;
    refused(server.read("sys/policies/password"), Kind::NotFound, "");
    server.write("sys/policies/password/hex", json!({ "policy": HEX }))?;
    server.write("sys/policies/password/coded", json!({ "policy": STANDARD.encode(HEX) }))?;
    assert_eq!(server.read("sys/policies/password")?["keys"], json!(["coded", "hex"]));
    for name in ["hex", "coded"] {
        assert_eq!(server.read(&format!("sys/policies/password/{name}"))?, json!({ "policy": HEX }));
    }
    let made = server.read("sys/policies/password/hex/generate")?;
    let password = made["password"].as_str().unwrap_or_default();
    assert!(password.len() == 12 && password.chars().all(|character| character.is_ascii_hexdigit()), "{made}");
    assert_ne!(made, server.read("sys/policies/password/hex/generate")?);

    server.delete("sys/policies/password/hex")?;
    server.delete("sys/policies/password/hex")?;
    refused(server.read("sys/policies/password/hex"), Kind::NotFound, "policy not found");
    refused(server.read("sys/policies/password/hex/generate"), Kind::NotFound, "policy not found");
    assert_eq!(server.read("sys/policies/password")?["keys"], json!(["coded"]));
    Ok(())
}

#[test]
fn a_password_policy_that_makes_no_passwords_is_not_stored() -> Result<()> {
    let server = Server::start(&[])?;
    for (policy, words) in [
        (Value::Null, "missing policy"),
        (json!("length = 20"), "invalid password policy: no charsets specified"),
        (json!(HEX.replace("min-chars = 3", "min-chars = 13")), "the length is 12"),
        (json!("length = "), "invalid password policy: line 1"),
    ] {
        refused(server.write("sys/policies/password/bad", json!({ "policy": policy })), Kind::BadRequest, words);
    }
    refused(server.read("sys/policies/password/bad"), Kind::NotFound, "policy not found");
    Ok(())
}

#[test]
fn engines_make_passwords_by_a_policy_of_that_name_or_the_default() -> Result<()> {
    let server = Server::start(&[])?;
    server.write("sys/policies/password/hex", json!({ "policy": HEX }))?;
    let live = server.core.live()?;
    assert_eq!(live.generate_password("hex")?.expose().len(), 12);
    assert_eq!(live.generate_password("")?.expose().len(), 20);
    let error = live.generate_password("gone").unwrap_err();
    assert_eq!((error.kind(), error.message()), (Kind::BadRequest, "there is no password policy \"gone\""));
    Ok(())
}

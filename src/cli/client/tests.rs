use super::*;

fn address(text: &str) -> Address {
    Address::parse(text).unwrap()
}

#[test]
fn an_address_needs_a_scheme_and_a_host() {
    for wrong in ["", "127.0.0.1:8200", "localhost", "ftp://host", "http://"] {
        assert!(Address::parse(wrong).is_err(), "{wrong}");
    }
    assert_eq!(address("http://host:8200/").url("secret/x", &[]), "http://host:8200/v1/secret/x");
    assert_eq!(address("https://host/base").url("/secret/x", &[]), "https://host/base/v1/secret/x");
}

#[test]
fn what_a_url_cannot_hold_is_encoded() {
    let query = [("list".to_owned(), "true".to_owned()), ("a b".to_owned(), "c&d".to_owned())];
    assert_eq!(
        address("http://h").url("secret/a b?c%2F#ü", &query),
        "http://h/v1/secret/a%20b%3Fc%252F%23%C3%BC?list=true&a%20b=c%26d"
    );
}

#[test]
fn a_redirect_never_leads_out_of_tls() {
    let server = address("https://host:8200");
    assert_eq!(server.redirected("https://host:8200/v1/a", "/v1/b").unwrap(), "https://host:8200/v1/b");
    assert!(server.redirected("https://host:8200/v1/a", "http://host/v1/b").is_err());
    assert!(address("http://h").redirected("http://h/v1/a", "http://other/v1/a").is_ok());
}

#[test]
fn this_machine_is_never_behind_a_proxy() {
    for local in ["http://127.0.0.1:8200", "http://localhost", "https://[::1]:8200"] {
        assert!(address(local).is_loopback(), "{local}");
    }
    assert!(!address("http://10.0.0.1").is_loopback());
}

#[test]
fn a_refusal_is_laid_out_with_url_code_and_reasons() {
    let call =
        problem::Described { method: "GET", url: "http://h/v1/x".to_owned(), path: "x".to_owned(), namespace: None };
    let body = serde_json::json!({"errors": ["permission denied", "second"]});
    assert_eq!(
        problem::refused(&call, 403, Some(&body)).message,
        "Error making API request.\n\nURL: GET http://h/v1/x\nCode: 403. Errors:\n\n* permission denied\n* second"
    );
    assert!(problem::refused(&call, 502, Some(&Value::from("<html>"))).message.ends_with("Raw Message:\n\n<html>"));
}

use super::address::{Address, Place, Tls, holds_password, shown};
use super::{PLUGIN, account, literal, mark};
use crate::base::{Kind, Result, Secret};
use crate::engine::database::driver::{Login, Mark, Parameters};
use serde_json::json;
use std::net::TcpListener;
use std::time::{Duration, Instant};

fn login(username: &str, password: &str) -> Login {
    Login { username: username.to_owned(), password: Secret::from(password) }
}

fn tcp(host: &str, port: u16) -> Place {
    Place::Tcp { host: host.to_owned(), port }
}

#[test]
fn an_address_is_read_as_its_writer_meant_it() -> Result<()> {
    for (url, place, database) in [
        ("{{username}}:{{password}}@tcp(127.0.0.1:3306)/", tcp("127.0.0.1", 3306), ""),
        (
            "{{username}}:{{password}}@tcp(DB.example:33061)/app?parseTime=true&charset=utf8",
            tcp("db.example", 33061),
            "app",
        ),
        ("{{username}}:{{password}}@tcp(db.example)/", tcp("db.example", 3306), ""),
        ("{{username}}:{{password}}@tcp([::1]:3307)/", tcp("::1", 3307), ""),
        ("{{username}}:{{password}}@tcp(::1)/", tcp("::1", 3306), ""),
        ("{{username}}:{{password}}@/", tcp("127.0.0.1", 3306), ""),
        (
            "{{username}}:{{password}}@unix(/run/mysqld/mysqld.sock)/app",
            Place::Unix("/run/mysqld/mysqld.sock".into()),
            "app",
        ),
    ] {
        let address = Address::parse(url, &login("root", "p"))?;
        assert_eq!((address.place, address.database.as_str(), address.tls), (place, database, Tls::Off), "{url}");
        assert_eq!((address.login.username.as_str(), address.login.password.expose().as_str()), ("root", "p"), "{url}");
    }
    Ok(())
}

#[test]
fn nothing_in_a_login_leads_elsewhere() -> Result<()> {
    let hostile = "p@tcp(evil.example:1)/x?tls=false&:/{{username}}";
    let address =
        Address::parse("{{username}}:{{password}}@tcp(db.example:3306)/app?tls=true", &login(hostile, hostile))?;
    assert_eq!(address.words(), "mysql db.example:3306");
    assert_eq!((address.database.as_str(), address.tls), ("app", Tls::On));
    assert_eq!(address.login.username, hostile);
    assert_eq!(address.login.password.expose(), hostile);
    Ok(())
}

#[test]
fn an_address_that_cannot_be_is_refused_and_told_without_its_password() {
    for (url, words) in [
        ("u:hush@tcp(127.0.0.1:3306)", "no / before the name of the database"),
        ("u:hush@tcp(127.0.0.1:3306/", "not closed"),
        ("u:hush@tcp(127.0.0.1:port)/", "port is no number"),
        ("u:hush@udp(127.0.0.1:1)/", "neither tcp"),
        ("u:hush@unix(mysqld.sock)/", "path of a socket"),
        ("u:hush@tcp(127.0.0.1)/?tls=maybe", "tls is true, false"),
        ("u:hush@tcp(127.0.0.1)/?sql_mode=ANSI", "\"sql_mode\" is not understood"),
    ] {
        let error = Address::parse(url, &login("u", "hush")).err().map(|error| error.message().to_owned());
        let message = error.unwrap_or_default();
        assert!(message.starts_with("connection_url: ") && message.contains(words), "{url}: {message}");
        assert!(!message.contains("hush"), "{message}");
    }
}

#[test]
fn a_password_in_an_address_is_not_shown() {
    let url = "root:a:b@c@tcp(127.0.0.1:3306)/";
    assert_eq!(shown(url), "root:*****@tcp(127.0.0.1:3306)/");
    assert!(holds_password(url));
    let templated = "{{username}}:{{password}}@tcp(127.0.0.1:3306)/";
    assert_eq!(shown(templated), templated);
    assert!(!holds_password(templated) && !holds_password("tcp(127.0.0.1:3306)/"));
}

#[test]
fn names_are_quoted_whatever_they_hold() -> Result<()> {
    assert_eq!(literal("o'brien\\")?, "'o''brien\\\\'");
    assert_eq!(account("a", "%")?, "'a'@'%'");
    assert!(literal("a\0b").is_err());
    Ok(())
}

#[test]
fn a_mark_fits_into_a_host_and_tells_whose_it_is() {
    let mark = Mark { server: "123E4567-e89b-12d3-a456-426614174000".into(), lease: "AbCdEfGhIjKlMnOpQrSt".into() };
    let host = mark::host(&mark);
    assert_eq!(host, "lease-abcdefghijklmnopqrst-123e4567e89b12d3a456426614174000");
    assert!(host.len() <= 60);
    assert!(mark::of_host(&host).is_some_and(|read| read.is(&mark)));
    for other in ["%", "lease-db.example", "lease-abcdefghijklmnopqrst-", "lease-AbCdEfGhIjKlMnOpQrSt-1"] {
        assert_eq!(mark::of_host(other), None, "{other}");
    }
}

#[test]
fn a_server_that_says_nothing_is_not_waited_for() -> Result<()> {
    let silent = TcpListener::bind("127.0.0.1:0").map_err(|error| crate::base::Error::internal(error.to_string()))?;
    let address = silent.local_addr().map_err(|error| crate::base::Error::internal(error.to_string()))?;
    let url = format!("{{{{username}}}}:{{{{password}}}}@tcp({address})/");
    let parameters = Parameters(json!({ "connection_url": url }).as_object().cloned().unwrap_or_default());
    let start = Instant::now();
    let opened = (PLUGIN.connect)(&parameters, &login("root", "p"), start + Duration::from_millis(200));
    let error = opened.err().map(|error| (error.kind(), error.message().to_owned()));
    assert_eq!(error, Some((Kind::Upstream, "the database did not answer in time".to_owned())));
    assert!(start.elapsed() < Duration::from_secs(10));
    Ok(())
}

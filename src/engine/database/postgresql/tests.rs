use super::address::{Address, Host, SslMode, Wanted};
use super::conninfo::{literal_password, shown};
use super::{PLUGIN, identifier, literal};
use crate::base::Result;
use crate::engine::database::driver::{Login, Parameters};
use serde_json::{Value, json};
use std::path::PathBuf;

fn parameters(value: Value) -> Parameters {
    Parameters(value.as_object().cloned().unwrap_or_default())
}

fn parse(url: &str) -> Result<Address> {
    parse_for(url, "admin", "pass")
}

fn parse_for(url: &str, username: &str, password: &str) -> Result<Address> {
    let login = Login { username: username.to_owned(), password: password.into() };
    Address::parse(&parameters(json!({ "connection_url": url })), &login)
}

#[test]
fn an_address_is_read_in_both_of_its_forms() -> Result<()> {
    let uri =
        parse("postgresql://{{username}}:{{password}}@db.example:6432/app?sslmode=verify-full&connect_timeout=5")?;
    let pairs = parse(
        "host=db.example port = 6432 dbname='app' user={{username}} password='{{password}}' sslmode=verify-full connect_timeout=5",
    )?;
    for address in [uri, pairs] {
        assert_eq!(address.words(), "db.example:6432/app");
        assert_eq!((address.user.as_str(), address.password.expose().as_str()), ("admin", "pass"));
        assert_eq!(address.ssl_mode, SslMode::VerifyFull);
        assert_eq!(address.connect_timeout.map(|timeout| timeout.as_secs()), Some(5));
    }
    Ok(())
}

#[test]
fn what_is_left_out_is_as_libpq_has_it() -> Result<()> {
    let address = parse("postgres://{{username}}@")?;
    assert_eq!(address.words(), "localhost:5432/admin");
    assert_eq!((address.ssl_mode, address.wanted), (SslMode::Prefer, Wanted::Any));
    assert!(address.password.is_empty());
    Ok(())
}

#[test]
fn hosts_may_be_several_in_brackets_or_a_socket() -> Result<()> {
    assert_eq!(parse("postgresql://a@one:1,two:2/app")?.words(), "one:1,two:2/app");
    assert_eq!(parse("host=one,two port=7 user=a dbname=app")?.words(), "one:7,two:7/app");
    assert_eq!(parse("postgresql://a@[::1]:5/app")?.words(), "[::1]:5/app");
    let socket = parse("postgresql://a@%2Fvar%2Frun%2Fpg/app")?;
    assert_eq!(socket.hosts, [(Host::Unix(PathBuf::from("/var/run/pg")), 5432)]);
    assert_eq!(parse("postgresql://a@/app?host=/tmp&target_session_attrs=read-write")?.wanted, Wanted::Writable);
    Ok(())
}

#[test]
fn no_character_of_a_login_means_anything() -> Result<()> {
    for hostile in ["p@ss:w/o?r#d", "it's %41 \\ \"quoted\"", " host=evil ", "{{username}}", "a&sslmode=disable"] {
        for url in [
            "postgresql://{{username}}:{{password}}@db/app?sslmode=require",
            "user={{username}} password={{password}} host=db dbname=app sslmode=require",
        ] {
            let address = parse_for(url, "o'brien@x", hostile)?;
            assert_eq!((address.user.as_str(), address.words().as_str()), ("o'brien@x", "db:5432/app"), "{hostile}");
            assert_eq!(address.ssl_mode, SslMode::Require);
            assert_eq!(address.password.expose(), hostile, "{url}");
        }
    }
    // Nor is what was put in looked through for placeholders.
    let address = parse_for("user='{{username}}' password={{password}} host=db", "{{password}}", "secret")?;
    assert_eq!(address.user, "{{password}}");
    Ok(())
}

#[test]
fn a_login_that_is_escaped_already_is_put_in_as_it_is() -> Result<()> {
    let escaped = parameters(json!({
        "connection_url": "postgresql://{{username}}:{{password}}@db/app",
        "disable_escaping": "true",
    }));
    let login = Login { username: "a%40b".to_owned(), password: "p%2Fq".into() };
    let address = Address::parse(&escaped, &login)?;
    assert_eq!((address.user.as_str(), address.password.expose().as_str()), ("a@b", "p/q"));
    Ok(())
}

#[test]
fn further_keys_are_settings_of_the_session_or_refused() -> Result<()> {
    let address = parse("postgresql://a@db/app?search_path=my%20app&statement_timeout=5s&application_name=x")?;
    assert_eq!(address.options, "-c search_path=my\\ app -c statement_timeout=5s");
    for (url, words) in [
        ("", "missing connection_url"),
        ("db.example", "neither"),
        ("host=db user='a", "does not end"),
        ("postgresql://db/app", "names no user"),
        ("postgresql://a@db:port/app", "not a number"),
        ("postgresql://a@one,two,/app", "empty name"),
        ("host=one,two port=1,2,3 user=a", "2 hosts but 3 ports"),
        ("postgresql://a@db/app?sslmode=maybe", "sslmode"),
        ("postgresql://a@db/app?sslcrl=x", "sslcrl"),
        ("postgresql://a@db/app?channel_binding=require", "channel_binding"),
        ("postgresql://a@db/app?target_session_attrs=standby", "where one can write"),
        ("postgresql://a@db/app?a-b=1", "is no parameter"),
        ("postgresql://a@db/%zz", "hexadecimal"),
    ] {
        let error = parse(url).err().map(|error| error.message().to_owned()).unwrap_or_default();
        assert!(error.contains(words), "{url}: {error}");
    }
    Ok(())
}

#[test]
fn a_password_in_the_address_is_found_and_starred() {
    for (url, starred) in [
        ("postgresql://a:secret@db/app", "postgresql://a:*****@db/app"),
        ("postgres://a:p@ss@db/app?x=y", "postgres://a:*****@db/app?x=y"),
        ("postgresql://db/app?user=a&password=secret&x=y", "postgresql://db/app?user=a&password=*****&x=y"),
        ("user=a password='se cret' host=db", "user=a password=***** host=db"),
        ("password=secret", "password=*****"),
    ] {
        assert_eq!(shown(url), starred);
        assert!(literal_password(url).is_some());
    }
    for url in [
        "postgresql://{{username}}:{{password}}@db/app",
        "postgresql://a@db/app",
        "user={{username}} password='{{password}}' host=db",
        "postgresql://a:@db/app?nopassword=x",
    ] {
        assert_eq!(shown(url), url);
        assert!(literal_password(url).is_none(), "{url}");
    }
}

#[test]
fn certificates_and_choices_are_looked_over_before_they_are_stored() {
    let url = json!("postgresql://{{username}}:{{password}}@db/app?sslmode=verify-full");
    let with = |name: &str, value: &str| {
        let mut all = json!({ "connection_url": url, "username": "a" });
        all[name] = json!(value);
        (PLUGIN.check)(&parameters(all)).err().map(|error| error.message().to_owned()).unwrap_or_default()
    };
    assert_eq!(with("username", "a"), "");
    assert!(with("tls_ca", "nonsense").contains("tls_ca"));
    assert!(with("tls_certificate", "nonsense").contains("go together"));
    assert!(with("password_authentication", "md5").contains("password_authentication"));
    assert!(with("owned_objects", "reassign").contains("owned_objects_to"));
    assert!(with("owned_objects_to", "heir").contains("owned_objects=reassign"));
    assert!(with("self_managed", "true").contains("no username"));
}

#[test]
fn names_and_texts_stay_what_they_are() -> Result<()> {
    assert_eq!(identifier("a\"; DROP TABLE x; --")?, "\"a\"\"; DROP TABLE x; --\"");
    assert!(identifier("a\0b").is_err());
    assert_eq!(literal("o'brien \\"), " E'o''brien \\\\'");
    Ok(())
}

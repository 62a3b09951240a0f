//! The engine, less its databases: names, times, pools, and what its endpoints say without one.

mod pools;
mod schedules;

use super::ENGINE;
use super::driver::Naming;
use super::username::{choose, is_ours};
use crate::base::Result;
use crate::engine::memory::Mount;
use crate::logical::{Body, Operation};
use serde_json::{Value, json};

/// A connection that is written without being looked at.
fn unseen() -> Value {
    json!({
        "plugin_name": "postgresql-database-plugin",
        "connection_url": "postgresql://{{username}}:{{password}}@db.invalid/app",
        "username": "admin",
        "password": "canary-password",
        "private_key": "",
        "verify_connection": false,
        "allowed_roles": "read*,*-batch,writer",
    })
}

fn data(mount: &Mount, path: &str) -> Result<Value> {
    let mut response = mount.ask("root", Operation::Read, path, Value::Null)?;
    Ok(match &mut response.body {
        Body::Data(data) => Value::Object(std::mem::take(data)),
        _ => Value::Null,
    })
}

#[test]
fn a_connection_is_read_back_without_its_password() -> Result<()> {
    let mount = Mount::new(&ENGINE);
    mount.ask("root", Operation::Create, "config/app", unseen())?;
    let shown = data(&mount, "config/app")?;
    assert!(!shown.to_string().contains("canary-password"), "{shown}");
    assert_eq!(shown["connection_details"]["username"], json!("admin"));
    assert_eq!(shown["allowed_roles"], json!(["read*", "*-batch", "writer"]));
    // What is not given stays.
    mount.ask(
        "root",
        Operation::Update,
        "config/app",
        json!({ "max_open_connections": "7", "verify_connection": false }),
    )?;
    let shown = data(&mount, "config/app")?;
    assert_eq!(shown["connection_details"]["max_open_connections"], json!("7"));
    assert_eq!(shown["connection_details"]["username"], json!("admin"));
    Ok(())
}

#[test]
fn what_another_database_would_take_is_said_to_be_of_no_use() -> Result<()> {
    let mount = Mount::new(&ENGINE);
    let mut odd = unseen();
    odd["tls_server_name"] = json!("db");
    let response = mount.ask("root", Operation::Create, "config/app", odd)?;
    assert!(
        response.warnings.iter().any(|warning| warning.contains("PostgreSQL has no use for")),
        "{:?}",
        response.warnings
    );
    Ok(())
}

#[test]
fn a_role_keeps_its_statements_as_texts_whatever_commas_they_have() -> Result<()> {
    let mount = Mount::new(&ENGINE);
    mount.ask("root", Operation::Create, "config/app", unseen())?;
    let create = "CREATE ROLE \"{{name}}\" PASSWORD '{{password}}'; GRANT SELECT, INSERT ON t TO \"{{name}}\"";
    let role = json!({ "db_name": "app", "creation_statements": create, "default_ttl": "1h", "max_ttl": 7200 });
    mount.ask("root", Operation::Create, "roles/readonly", role)?;
    assert_eq!(
        data(&mount, "roles/readonly")?,
        json!({
            "db_name": "app",
            "creation_statements": [create],
            "revocation_statements": [],
            "rollback_statements": [],
            "renew_statements": [],
            "default_ttl": 3600,
            "max_ttl": 7200,
            "credential_type": "password",
        })
    );
    // As older clients send them: JSON in a text, in base64.
    let encoded = "WyJEUk9QIFJPTEUgXCJ7e25hbWV9fVwiIl0=";
    mount.ask("root", Operation::Update, "roles/readonly", json!({ "revocation_statements": encoded }))?;
    assert_eq!(data(&mount, "roles/readonly")?["revocation_statements"], json!(["DROP ROLE \"{{name}}\""]));
    Ok(())
}

#[test]
fn a_role_without_its_connection_is_written_with_a_warning() -> Result<()> {
    let mount = Mount::new(&ENGINE);
    let response = mount.ask("root", Operation::Create, "roles/readonly", json!({ "db_name": "later" }))?;
    assert!(response.warnings.iter().any(|warning| warning.contains("no connection \"later\" yet")));
    Ok(())
}

#[test]
fn a_connection_without_leases_is_deleted_and_out_of_sight() -> Result<()> {
    let mount = Mount::new(&ENGINE);
    mount.ask("root", Operation::Create, "config/app", unseen())?;
    mount.ask("root", Operation::Delete, "config/app", json!({}))?;
    assert!(data(&mount, "config/app").is_err());
    assert!(mount.ask("root", Operation::List, "config", Value::Null).is_err());
    // A request may still be using it: it is kept for that, and its task takes it away.
    assert!(mount.paths().iter().any(|path| path.contains("forget-connection app/")), "{:?}", mount.paths());
    Ok(())
}

#[test]
fn a_default_name_tells_whose_it_is_and_one_that_is_like_it_does_not() -> Result<()> {
    let naming = Naming {
        template: "{{ printf \"v-%s-%s-%s-%s\" (.DisplayName | truncate 8) (.RoleName | truncate 8) (.Random) (unix_time) \
            | truncate 63 }}",
        random: 20,
        longest: 63,
    };
    let ctx = Mount::new(&ENGINE).context("amuchlonger_dispname");
    let name = choose(&ctx, &naming, "", "role-name-with-dashes")?;
    let parts: Vec<&str> = name.split('-').collect();
    assert!(name.starts_with("v-") && name.contains("-role-nam-") && name.len() <= 63, "{name}");
    assert_eq!(parts.iter().map(|part| part.len()).max(), Some(20), "{name}");
    assert!(is_ours(&ctx, &naming, &name));
    assert!(!is_ours(&ctx, &naming, "v-token-readonly-jNFRlKsZZMxJEx60o66i-1614294836"));
    assert!(!is_ours(&ctx, &naming, "postgres"));
    for (template, words) in
        [("{{ random 64 }}", "takes 63"), ("{{ \"\" }}", "empty name"), ("{{ .Nobody }}", "username_template")]
    {
        let error = choose(&ctx, &naming, template, "r").err().map(|error| error.message().to_owned());
        assert!(error.as_ref().is_some_and(|error| error.contains(words)), "{template}: {error:?}");
    }
    Ok(())
}

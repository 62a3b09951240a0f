//! PostgreSQL: users made, renewed and ended in a real server.

use crate::support::postgres::Postgres;
use crate::support::server::{Server, text};
use crate::support::{PATIENCE, wait_for};
use serde_json::{Value, json};

const CREATE: &str = "CREATE ROLE \"{{name}}\" WITH LOGIN PASSWORD '{{password}}' VALID UNTIL '{{expiration}}'; \
                      GRANT SELECT ON ALL TABLES IN SCHEMA public TO \"{{name}}\";";

fn configured(postgres: &Postgres) -> Server {
    let server = Server::ready();
    assert_eq!(server.put("sys/mounts/database", json!({ "type": "database" })).0, 204);
    let (status, answer) = server.put(
        "database/config/app",
        json!({
            "plugin_name": "postgresql-database-plugin",
            "connection_url": postgres.url("postgres"),
            "username": "postgres",
            "password": crate::support::postgres::PASSWORD,
            "allowed_roles": "*",
        }),
    );
    assert_eq!(status, 204, "{answer}");
    let (status, answer) =
        server.put("database/roles/readonly", json!({ "db_name": "app", "creation_statements": CREATE }));
    assert_eq!(status, 204, "{answer}");
    server
}

#[test]
fn a_user_is_made_for_a_lease_and_goes_with_it() {
    let postgres = Postgres::shared();
    let server = configured(postgres);
    let (status, answer) = server.get("database/creds/readonly");
    assert_eq!(status, 200, "{answer}");
    let (username, password) = (text(&answer["data"]["username"]), text(&answer["data"]["password"]));
    assert!(postgres.accepts(&username, &password));
    let (status, answer) = server.put("sys/leases/revoke", json!({ "lease_id": answer["lease_id"], "sync": true }));
    assert_eq!(status, 204, "{answer}");
    wait_for("the user is gone", PATIENCE, || (!postgres.accepts(&username, &password)).then_some(()));
    let _ = Value::Null;
}

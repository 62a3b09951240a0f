//! What every kind of database has to keep, asked of each in turn. A new one is a row of
//! [`sites::all`].

use crate::bench::{Bench, Credential, refusal};
use crate::support::server::text;
use crate::support::sites::{self, Site};
use crate::support::{PATIENCE, wait_for};
use serde_json::json;

/// A bench with a connection `db` and a role `app`.
pub fn bench(site: &Site) -> Bench {
    let bench = Bench::new();
    let mut configuration = site.configuration.clone();
    configuration["allowed_roles"] = json!("*");
    bench.write("config/db", configuration);
    bench.write("roles/app", json!({ "db_name": "db", "creation_statements": site.creation, "default_ttl": "1h" }));
    bench
}

pub fn lives(site: &Site, made: &Credential) -> bool {
    (site.accepts)(&made.username, &made.password)
}

fn wait_gone(site: &Site, made: &Credential) {
    let what = format!("{}: the user is gone", site.kind);
    wait_for(&what, PATIENCE, || (!(site.exists)(&made.username)).then_some(()));
    assert!(!lives(site, made), "{}", site.kind);
}

#[test]
fn in_every_database_users_are_made_for_their_leases_and_end_with_them() {
    for site in sites::all() {
        let bench = bench(&site);
        let (one, other) = (bench.issue("app"), bench.issue("app"));
        assert!(one.username != other.username && one.password != other.password, "{}", site.kind);
        assert!(lives(&site, &one) && lives(&site, &other), "{}", site.kind);
        assert_eq!(bench.server.put("sys/leases/renew", json!({ "lease_id": other.lease })).0, 200, "{}", site.kind);
        bench.revoke(&one);
        wait_gone(&site, &one);
        assert!(lives(&site, &other), "{}", site.kind);

        bench.write("roles/app", json!({ "default_ttl": "1s" }));
        let short = bench.issue("app");
        wait_gone(&site, &short);
    }
}

#[test]
fn in_every_database_a_lease_ends_without_its_role_and_takes_its_connection_along_by_force() {
    for site in sites::all() {
        let bench = bench(&site);
        let (one, other) = (bench.issue("app"), bench.issue("app"));
        assert_eq!(bench.server.delete("database/roles/app").0, 204);
        bench.revoke(&one);
        wait_gone(&site, &one);
        let error = refusal(bench.server.delete("database/config/db"));
        assert!(error.contains("has 1 leases"), "{}: {error}", site.kind);
        assert_eq!(bench.server.delete("database/config/db?force=true").0, 200, "{}", site.kind);
        wait_gone(&site, &other);
    }
}

#[test]
fn in_every_database_a_user_of_somebody_else_is_left_alone() {
    for site in sites::all() {
        let bench = bench(&site);
        (site.make)("conform_taken", "of-its-own-1A");
        bench.write("config/db", json!({ "username_template": "conform_taken" }));
        let error = refusal(bench.server.get("database/creds/app"));
        assert!(error.contains("conform_taken"), "{}: {error}", site.kind);
        let nothing = || (bench.server.list("sys/leases/lookup/database/creds/app").0 == 404).then_some(());
        wait_for(&format!("{}: no lease is left", site.kind), PATIENCE, nothing);
        assert!((site.accepts)("conform_taken", "of-its-own-1A"), "{}", site.kind);
    }
}

#[test]
fn in_every_database_a_user_that_was_made_in_part_goes() {
    for site in sites::all() {
        let bench = bench(&site);
        bench.write("config/db", json!({ "username_template": "conform_partly" }));
        // Where statements are looked over before they are stored, that is refusal enough.
        let written = bench.server.put("database/roles/app", json!({ "creation_statements": site.faulty }));
        if written.0 == 204 {
            let error = refusal(bench.server.get("database/creds/app"));
            assert!(!error.contains("{{password}}"), "{}: {error}", site.kind);
        }
        let gone = || (!(site.exists)("conform_partly")).then_some(());
        wait_for(&format!("{}: nothing is left of it", site.kind), PATIENCE, gone);
    }
}

#[test]
fn in_every_database_the_engines_own_password_is_rotated_and_never_shown() {
    for site in sites::all() {
        let bench = bench(&site);
        (site.make_administrator)("conform_root", "First-Password-1");
        bench.write("config/db", json!({ "username": "conform_root", "password": "First-Password-1" }));
        bench.write("rotate-root/db", json!({}));
        assert!(!(site.accepts)("conform_root", "First-Password-1"), "{}", site.kind);
        let made = bench.issue("app");
        assert!(lives(&site, &made), "{}", site.kind);
        bench.revoke(&made);
        assert!(!bench.read("config/db").to_string().contains("First-Password-1"), "{}", site.kind);
        assert!(!bench.server.log().contains("First-Password-1"), "{}", site.kind);
    }
}

#[test]
fn in_every_database_a_static_role_has_the_password_that_is_handed_out() {
    for site in sites::all() {
        let bench = bench(&site);
        (site.make)("conform_static", "of-its-own-1A");
        let role = json!({ "db_name": "db", "username": "conform_static", "rotation_period": "1h" });
        bench.write("static-roles/batch", role);
        assert!(!(site.accepts)("conform_static", "of-its-own-1A"), "{}", site.kind);
        let first = text(&bench.read("static-creds/batch")["password"]);
        assert!((site.accepts)("conform_static", &first), "{}", site.kind);
        bench.write("rotate-role/batch", json!({}));
        let second = text(&bench.read("static-creds/batch")["password"]);
        assert!(
            (site.accepts)("conform_static", &second) && !(site.accepts)("conform_static", &first),
            "{}",
            site.kind
        );
    }
}

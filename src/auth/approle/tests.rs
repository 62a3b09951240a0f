//! Roles and secret ids over a whole core: made, used, spent, over, destroyed.

use crate::base::{Kind, Result};
use crate::core::records::MountRecords;
use crate::core::tests::Bench;
use crate::logical::{Auth, Operation};
use serde_json::{Value, json};
use std::time::Duration;

const ROLE: &str = "auth/approle/role/web";

/// A server with the role `web`.
struct Roles(Bench);

impl std::ops::Deref for Roles {
    type Target = Bench;

    fn deref(&self) -> &Bench {
        &self.0
    }
}

fn roles(role: Value) -> Roles {
    let bench = Bench::new();
    bench.write("sys/auth/approle", json!({ "type": "approle" })).unwrap();
    bench.write(ROLE, role).unwrap();
    Roles(bench)
}

impl Roles {
    fn role_id(&self) -> String {
        self.read(&format!("{ROLE}/role-id")).unwrap()["role_id"].as_str().unwrap().to_owned()
    }

    fn secret(&self, body: Value) -> (String, String) {
        let made = self.write(&format!("{ROLE}/secret-id"), body).unwrap();
        let text = |name: &str| made[name].as_str().unwrap().to_owned();
        (text("secret_id"), text("secret_id_accessor"))
    }

    fn enter(&self, role_id: &str, secret_id: &str) -> Result<Auth> {
        let body = json!({ "role_id": role_id, "secret_id": secret_id });
        let answer = self.call("", Operation::Update, "auth/approle/login", body)?;
        Ok(answer.auth.clone().unwrap())
    }

    fn opens(&self, secret_id: &str) -> bool {
        self.enter(&self.role_id(), secret_id).is_ok()
    }

    fn refusal(&self, path: &str, body: Value) -> String {
        self.write(path, body).err().map(|error| error.message().to_owned()).unwrap_or_default()
    }

    fn stored(&self, folder: &str) -> Vec<String> {
        MountRecords::at(&self.live(), "auth/approle/").unwrap().list(folder).unwrap()
    }
}

#[test]
fn a_machine_signs_in_by_the_roles_id_and_a_secret_id() {
    let bench = roles(json!({ "token_policies": "Web", "token_ttl": "1h", "token_max_ttl": "2h" }));
    let (secret, _) = bench.secret(json!({ "metadata": "{\"host\": \"a1\"}" }));
    let auth = bench.enter(&bench.role_id(), &secret).unwrap();
    assert_eq!(auth.policies, ["default", "web"]);
    assert_eq!(auth.metadata.clone().unwrap(), *json!({ "host": "a1", "role_name": "web" }).as_object().unwrap());
    assert_eq!((auth.ttl, auth.renewable), (Duration::from_secs(3600), true));
    let data = bench.write("auth/token/lookup", json!({ "token": auth.token.expose() })).unwrap();
    assert_eq!((&data["display_name"], &data["path"]), (&json!("approle"), &json!("auth/approle/login")));
    let entity = bench.read(&format!("identity/entity/id/{}", auth.entity_id)).unwrap();
    assert_eq!(entity["aliases"][0]["name"], json!(bench.role_id()));
    assert_eq!(entity["aliases"][0]["metadata"]["host"], "a1");
}

#[test]
fn whatever_is_wrong_about_a_log_in_is_told_in_the_same_words() {
    let bench = roles(json!({}));
    let (secret, _) = bench.secret(json!({}));
    let told = |role_id: &str, secret_id: &str| {
        let error = bench.enter(role_id, secret_id).err().unwrap();
        (error.kind(), error.message().to_owned())
    };
    let refused = (Kind::BadRequest, "invalid role or secret ID".to_owned());
    assert_eq!(told(&bench.role_id(), "other"), refused);
    assert_eq!(told("other", &secret), refused);
    assert_eq!(told(&bench.role_id().to_uppercase(), &secret), refused, "the id counts as it is");
    assert_eq!(told("", &secret).1, "missing role_id");
    assert_eq!(told(&bench.role_id(), " ").1, "missing secret_id");
    assert!(bench.opens(&format!(" {secret} ")), "space around it means nothing");
}

#[test]
fn a_secret_id_opens_its_own_role_alone() {
    let bench = roles(json!({}));
    bench.write("auth/approle/role/other", json!({ "role_id": "the-other" })).unwrap();
    let (secret, _) = bench.secret(json!({}));
    assert!(bench.opens(&secret) && bench.enter("the-other", &secret).is_err());
}

#[test]
fn uses_are_spent_one_by_one_and_the_last_takes_the_secret_id_along() {
    let bench = roles(json!({ "secret_id_num_uses": 3 }));
    let (secret, accessor) = bench.secret(json!({ "num_uses": 2 }));
    let left = || bench.write(&format!("{ROLE}/secret-id/lookup"), json!({ "secret_id": secret }));
    assert!(bench.opens(&secret));
    assert_eq!(left().unwrap()["secret_id_num_uses"], 1);
    assert!(bench.enter(&bench.role_id(), "wrong").is_err());
    assert_eq!(left().unwrap()["secret_id_num_uses"], 1, "a log-in that fails spends nothing");
    assert!(bench.opens(&secret) && !bench.opens(&secret));
    let gone = bench.refusal(&format!("{ROLE}/secret-id-accessor/lookup"), json!({ "secret_id_accessor": accessor }));
    assert!(gone.contains("failed to find accessor"), "{gone}");
    assert!(bench.stored("secret/").is_empty() && bench.stored("accessor/").is_empty());
    for (body, words) in [
        (json!({ "num_uses": 4 }), "num_uses cannot be higher"),
        (json!({ "num_uses": 0 }), "num_uses cannot be higher"),
        (json!({ "num_uses": -1 }), "num_uses cannot be negative"),
    ] {
        assert!(bench.refusal(&format!("{ROLE}/secret-id"), body).contains(words), "{words}");
    }
}

#[test]
fn of_many_who_come_at_once_with_one_use_one_gets_a_token() {
    let bench = roles(json!({}));
    let (secret, _) = bench.secret(json!({ "num_uses": 1 }));
    let role_id = bench.role_id();
    let rows = bench.live().storage.reading(|snapshot| snapshot.lease_counts()).unwrap().len();
    let opened: usize = std::thread::scope(|scope| {
        let tries: Vec<_> = (0..8).map(|_| scope.spawn(|| bench.enter(&role_id, &secret).is_ok())).collect();
        tries.into_iter().map(|one| usize::from(one.join().unwrap())).sum()
    });
    assert_eq!(opened, 1);
    let counts = bench.live().storage.reading(|snapshot| snapshot.lease_counts()).unwrap();
    assert_eq!(counts.len(), rows + 1);
    assert_eq!(counts.iter().map(|count| count.count).sum::<u64>(), 2, "root's, and the one");
}

#[test]
fn a_secret_id_ends_with_its_time_and_is_deleted_within_the_hour() {
    let bench = roles(json!({ "secret_id_ttl": "2h" }));
    let (short, _) = bench.secret(json!({ "ttl": "10m" }));
    let (long, _) = bench.secret(json!({}));
    bench.clock.advance(Duration::from_secs(599));
    assert!(bench.opens(&short));
    bench.clock.advance(Duration::from_secs(1));
    assert!(!bench.opens(&short) && bench.opens(&long));
    let uid = bench.stored("secret/").remove(0);
    assert_eq!(bench.stored(&format!("secret/{uid}")).len(), 2, "it is there, and opens nothing");
    bench.clock.advance(Duration::from_secs(3600));
    bench.sweep();
    assert_eq!(bench.stored(&format!("secret/{uid}")).len(), 1);
    bench.clock.advance(Duration::from_secs(2 * 3600));
    let tidied = bench.call(&bench.root, Operation::Update, "auth/approle/tidy/secret-id", json!({})).unwrap();
    assert!(tidied.warnings[0].contains("Tidy operation"));
    assert!(bench.stored("secret/").is_empty() && bench.stored("accessor/").is_empty());
    assert!(bench.stored("expiry/").is_empty());
    assert!(bench.refusal(&format!("{ROLE}/secret-id"), json!({ "ttl": "3h" })).contains("ttl cannot be longer"));
}

#[test]
fn secret_ids_are_looked_up_listed_and_destroyed_by_themselves_and_by_their_accessors() {
    let bench = roles(json!({}));
    let (first, first_accessor) = bench.secret(json!({ "metadata": "a=b", "cidr_list": "10.0.0.0/8", "ttl": 60 }));
    let (second, second_accessor) = bench.secret(json!({}));
    let listed = bench.call(&bench.root, Operation::List, &format!("{ROLE}/secret-id"), Value::Null).unwrap();
    let crate::logical::Body::Data(data) = &listed.body else { panic!("no list") };
    let mut expected = [first_accessor.as_str(), second_accessor.as_str()];
    expected.sort_unstable();
    assert_eq!(data["keys"], json!(expected));
    let shown = bench.write(&format!("{ROLE}/secret-id/lookup"), json!({ "secret_id": first })).unwrap();
    assert_eq!((&shown["metadata"], &shown["cidr_list"]), (&json!({ "a": "b" }), &json!(["10.0.0.0/8"])));
    assert_eq!((&shown["secret_id_ttl"], &shown["secret_id_accessor"]), (&json!(60), &json!(first_accessor)));
    assert!(!shown.to_string().contains(&first));
    let by_accessor = format!("{ROLE}/secret-id-accessor");
    let shown =
        bench.write(&format!("{by_accessor}/lookup"), json!({ "secret_id_accessor": second_accessor })).unwrap();
    assert_eq!(shown["expiration_time"], "0001-01-01T00:00:00Z");
    bench.write(&format!("{by_accessor}/destroy"), json!({ "secret_id_accessor": second_accessor })).unwrap();
    bench.write(&format!("{ROLE}/secret-id/destroy"), json!({ "secret_id": first })).unwrap();
    assert!(!bench.opens(&second));
    assert!(bench.stored("secret/").is_empty() && bench.stored("expiry/").is_empty());
}

#[test]
fn a_secret_id_is_stored_as_a_hash_that_its_mount_alone_makes() {
    let bench = roles(json!({}));
    let (secret, _) = bench.secret(json!({}));
    let records = MountRecords::at(&bench.live(), "auth/approle/").unwrap();
    let uid = records.list("secret/").unwrap().remove(0);
    let hash = records.list(&format!("secret/{uid}")).unwrap().remove(0);
    let stored: Value = records.load(&format!("secret/{uid}{hash}")).unwrap().unwrap();
    assert!(!stored.to_string().contains(&secret) && !hash.contains(&secret) && hash.len() == 32);
}

#[test]
fn a_custom_secret_id_is_one_of_its_role_once() {
    let bench = roles(json!({}));
    let path = format!("{ROLE}/custom-secret-id");
    bench.write(&path, json!({ "secret_id": "chosen" })).unwrap();
    assert!(bench.opens("chosen"));
    assert!(bench.refusal(&path, json!({ "secret_id": " chosen " })).contains("already registered"));
    assert_eq!(bench.refusal(&path, json!({})), "missing secret_id");
    assert!(bench.refusal(&path, json!({ "secret_id": "x".repeat(5000) })).contains("longer than"));
}

#[test]
fn a_deleted_role_takes_its_secret_ids_along_and_its_namesake_has_none_of_them() {
    let bench = roles(json!({ "role_id": "web-id", "token_ttl": "1h" }));
    let (secret, _) = bench.secret(json!({ "ttl": "1h" }));
    let token = bench.enter("web-id", &secret).unwrap().token.expose().clone();
    bench.delete(ROLE).unwrap();
    assert!(bench.enter("web-id", &secret).is_err());
    bench.write(ROLE, json!({ "role_id": "web-id" })).unwrap();
    assert!(bench.enter("web-id", &secret).is_err());
    bench.sweep();
    assert!(bench.stored("secret/").is_empty() && bench.stored("expiry/").is_empty());
    bench.delete(ROLE).unwrap();
    let renewed = bench.call(&token, Operation::Update, "auth/token/renew-self", json!({}));
    assert!(renewed.err().unwrap().message().contains("does not exist during renewal"));
}

#[test]
fn a_renewal_goes_by_the_roles_lengths_and_the_tokens_policies() {
    let bench = roles(json!({ "token_policies": "a", "token_ttl": "1h" }));
    let (secret, _) = bench.secret(json!({}));
    let token = bench.enter(&bench.role_id(), &secret).unwrap().token.expose().clone();
    bench.write(ROLE, json!({ "token_policies": "b", "token_ttl": "2h" })).unwrap();
    let renewed = bench.call(&token, Operation::Update, "auth/token/renew-self", json!({})).unwrap();
    let auth = renewed.auth.as_ref().unwrap();
    assert_eq!(
        (auth.ttl, auth.token_policies.clone()),
        (Duration::from_secs(7200), vec!["a".into(), "default".into()])
    );
}

#[test]
fn each_parameter_is_shown_changed_and_reset_by_itself() {
    let bench = roles(json!({}));
    for (part, name, value, default) in [
        ("policies", "token_policies", json!(["a"]), json!([])),
        ("bound-cidr-list", "bound_cidr_list", json!(["10.0.0.0/8"]), json!([])),
        ("secret-id-bound-cidrs", "secret_id_bound_cidrs", json!(["10.0.0.0/8"]), json!(null)),
        ("token-bound-cidrs", "token_bound_cidrs", json!(["10.0.0.0/8"]), json!([])),
        ("secret-id-num-uses", "secret_id_num_uses", json!(5), json!(0)),
        ("secret-id-ttl", "secret_id_ttl", json!(600), json!(0)),
        ("period", "token_period", json!(60), json!(0)),
        ("token-num-uses", "token_num_uses", json!(7), json!(0)),
        ("token-ttl", "token_ttl", json!(60), json!(0)),
        ("token-max-ttl", "token_max_ttl", json!(600), json!(0)),
    ] {
        let path = format!("{ROLE}/{part}");
        assert_eq!(bench.read(&path).unwrap()[name], default, "{part}");
        bench.write(&path, json!({ name: value })).unwrap();
        assert_eq!(bench.read(&path).unwrap()[name], value, "{part}");
        assert!(bench.refusal(&path, json!({})).starts_with("missing"), "{part}");
        bench.delete(&path).unwrap();
        assert_eq!(bench.read(&path).unwrap()[name], default, "{part}");
    }
    let bind = format!("{ROLE}/bind-secret-id");
    assert!(bench.refusal(&bind, json!({ "bind_secret_id": false })).contains("at least one constraint"));
    bench.write(&format!("{ROLE}/secret-id-bound-cidrs"), json!({ "secret_id_bound_cidrs": "127.0.0.0/8" })).unwrap();
    bench.write(&bind, json!({ "bind_secret_id": false })).unwrap();
    assert!(bench.refusal(&format!("{ROLE}/secret-id"), json!({})).contains("bind_secret_id is not set"));
    assert_eq!(bench.read(&format!("{ROLE}/local-secret-ids")).unwrap()["local_secret_ids"], false);
    assert!(bench.refusal(ROLE, json!({ "local_secret_ids": true })).contains("during role creation"));
}

#[test]
fn a_role_is_shown_with_all_that_it_is() {
    let bench =
        roles(json!({ "policies": "a", "period": "1m", "token_type": "default-service", "local_secret_ids": true }));
    let shown = bench.read(ROLE).unwrap();
    for (name, value) in [
        ("bind_secret_id", json!(true)),
        ("local_secret_ids", json!(true)),
        ("secret_id_bound_cidrs", json!(null)),
        ("secret_id_num_uses", json!(0)),
        ("secret_id_ttl", json!(0)),
        ("policies", json!(["a"])),
        ("token_policies", json!(["a"])),
        ("period", json!(60)),
        ("token_type", json!("service")),
    ] {
        assert_eq!(shown[name], value, "{name}");
    }
    assert!(shown.get("role_id").is_none());
    let warned = bench.call(&bench.root, Operation::Update, ROLE, json!({ "token_max_ttl": "9999h" })).unwrap();
    assert!(warned.warnings[0].contains("token_max_ttl is greater"));
    assert!(bench.refusal(ROLE, json!({ "token_period": "9999h" })).contains("period of"));
    assert!(
        bench
            .refusal("auth/approle/role/other", json!({ "role_id": bench.role_id().to_uppercase() }))
            .contains("already in use")
    );
    assert!(bench.refusal("auth/approle/role/-x", json!({})).contains("cannot be a role's"));
}

#[test]
fn a_role_without_secret_ids_is_bound_to_addresses() {
    let bench = roles(json!({ "bind_secret_id": false, "secret_id_bound_cidrs": "10.0.0.0/8" }));
    let refused = bench.enter(&bench.role_id(), "").err().unwrap();
    assert!(refused.message().contains("CIDR restrictions on the role"), "{refused:?}");
    let subset = roles(json!({ "secret_id_bound_cidrs": "10.0.0.0/8", "token_bound_cidrs": "10.1.0.0/16" }));
    for body in [json!({ "cidr_list": "11.0.0.0/8" }), json!({ "token_bound_cidrs": "10.2.0.0/16" })] {
        assert!(subset.refusal(&format!("{ROLE}/secret-id"), body).contains("subset relationship"));
    }
    subset.secret(json!({ "cidr_list": "10.3.0.0/16", "token_bound_cidrs": "10.1.2.0/24" }));
}

#[test]
fn a_guessed_secret_id_locks_the_role_for_a_while() {
    let bench = roles(json!({}));
    let (secret, _) = bench.secret(json!({}));
    for _ in 0..5 {
        assert!(!bench.opens("guess"));
    }
    let refused = bench.enter(&bench.role_id(), &secret).err().unwrap();
    assert_eq!(refused.kind(), Kind::Denied);
    bench.clock.advance(Duration::from_secs(900));
    assert!(bench.opens(&secret));
}

#[test]
fn what_a_role_has_handed_out_is_revoked_by_the_role() {
    let bench = roles(json!({}));
    let (secret, _) = bench.secret(json!({}));
    let token = bench.enter(&bench.role_id(), &secret).unwrap().token.expose().clone();
    bench.write("sys/leases/revoke-role/auth/approle/web", json!({})).unwrap();
    assert!(bench.call(&token, Operation::Read, "auth/token/lookup-self", Value::Null).is_err());
}

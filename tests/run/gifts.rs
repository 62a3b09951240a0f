//! What a command is given, and how.

use super::{Bench, done, no_user_is_left};
use crate::support::moto::{Moto, REGION};
use crate::support::postgres::Postgres;
use crate::support::{PATIENCE, python, wait_for};
use serde_json::json;
use std::process::Output;

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn succeeded(output: &Output) -> String {
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
    text(&output.stdout)
}

#[test]
fn a_command_connects_as_a_user_made_for_it_who_is_gone_afterwards() {
    let postgres = Postgres::start(&[]);
    let bench = Bench::new(&postgres, "1h", "2h");
    let words = [
        "-env=PGUSER=database/creds/app#username",
        "-env=PGPASSWORD=database/creds/app#password",
        "-policy=app",
        "--",
        "psql",
        "-XAt",
        "-h",
        "127.0.0.1",
        "-p",
    ];
    let mut command = bench.run(&words);
    let output =
        command.arg(postgres.port().to_string()).args(["-d", "postgres", "-c", "SELECT current_user"]).output();
    let output = output.unwrap();
    assert!(succeeded(&output).starts_with("v-"), "{}", text(&output.stdout));
    let told = text(&output.stderr);
    assert_eq!(told.lines().count(), 3, "{told}");
    assert!(
        told.contains("policies app, default") && told.contains("PGUSER, PGPASSWORD from database/creds/app"),
        "{told}"
    );
    no_user_is_left(&postgres, PATIENCE);
}

#[test]
fn values_come_as_variables_files_and_descriptors_and_the_callers_token_stays_out() {
    let postgres = Postgres::shared();
    let bench = Bench::new(postgres, "1h", "2h");
    done(bench.server.put("sys/mounts/kv", json!({ "type": "kv", "options": { "version": "2" } })));
    done(bench.server.put("kv/data/web", json!({ "data": { "key": "it's $HOME", "n": 1.5 } })));
    let script =
        r#"printf '%s|' "$A" "$(cat "$F")" "$(cat "$D")" "$(cat "$D")" "${VAULT_TOKEN-none}" "$(stat -c %a "$F")""#;
    let words = ["-quiet", "-env=A=kv/web#key", "-file=F=kv/web", "-fd=D=kv/data/web#key", "--", "sh", "-c", script];
    let output = bench.run(&words).output().unwrap();
    let expected = r#"it's $HOME|{"key":"it's $HOME","n":1.5}|it's $HOME|it's $HOME|none|600|"#;
    assert_eq!((succeeded(&output).as_str(), text(&output.stderr).as_str()), (expected, ""));
    assert_eq!(bench.places(), 0, "the private directory is gone");
}

#[test]
fn a_project_says_in_a_file_what_its_command_needs() {
    let bench = Bench::new(Postgres::shared(), "1h", "2h");
    done(bench.server.put("sys/mounts/kv", json!({ "type": "kv" })));
    done(bench.server.put("kv/web", json!({ "live": "L", "test": "T" })));
    let file = r#"
        env     = { KEY = "kv/web#test" }
        quiet   = true
        command = ["sh", "-c", "printf %s $KEY"]
        profile "live" { env = { KEY = "kv/web#live" } }
    "#;
    std::fs::write(bench.home().join("leasehold.hcl"), file).unwrap();
    assert_eq!(succeeded(&bench.run(&[]).output().unwrap()), "T");
    assert_eq!(succeeded(&bench.run(&["-profile=live"]).output().unwrap()), "L");
    let output = bench.run(&["-profile=lice"]).output().unwrap();
    assert!(text(&output.stderr).contains("no profile \"lice\"; there are: live"), "{}", text(&output.stderr));
}

#[test]
fn the_aws_tools_find_keys_made_for_the_run() {
    let moto = Moto::start();
    let bench = Bench::new(Postgres::shared(), "1h", "2h");
    done(bench.server.put("sys/mounts/aws", json!({ "type": "aws" })));
    done(bench.server.put(
        "aws/config/root",
        json!({
            "region": REGION, "iam_endpoint": moto.endpoint, "sts_endpoint": moto.endpoint,
            "access_key": moto.admin.access_key, "secret_key": moto.admin.secret_key,
        }),
    ));
    let policy = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;
    done(bench.server.put("aws/roles/app", json!({ "credential_type": "iam_user", "policy_document": policy })));
    let script = format!(
        "import boto3; print(boto3.client('sts', endpoint_url={:?}, region_name={REGION:?}).get_caller_identity()['Arn'])",
        moto.endpoint
    );
    let mut command = bench.run(&["-aws=aws/creds/app", "-quiet", "--"]);
    let output = command.arg(python::interpreter()).args(["-c", &script]).env("AWS_ACCESS_KEY_ID", "other").output();
    let output = output.unwrap();
    assert!(succeeded(&output).contains(":user/vault-"), "{}", text(&output.stdout));
    let is_made = |name: &String| name.starts_with("vault-");
    wait_for("no IAM user is left", PATIENCE, || (!moto.users().iter().any(is_made)).then_some(()));
}

#[test]
fn what_cannot_be_had_is_told_and_leaves_no_token_behind() {
    let bench = Bench::new(Postgres::shared(), "1h", "2h");
    let leases = || bench.server.get("sys/leases/count?type=token").1["data"]["lease_count"].clone();
    let before = leases();
    for (words, exit, says) in [
        (&["-env=A=database/creds/none#x", "--", "true"][..], 2, "Error reading database/creds/none"),
        (&["-env=A=sys/mounts#nope", "--", "true"], 2, "has no field \"nope\""),
        (&["--", "no-such-program"], 127, "could not run no-such-program"),
        (&["-env=A=B", "-env=A=C#d", "-file=A=B#c", "--", "true"], 1, "A is asked for twice"),
        (&["-ttl=1s", "--", "true"], 1, "-ttl must be 5 s at least"),
        (&["-on-change=dance", "--", "true"], 1, "choose nothing, restart or one of the signals"),
        (&[], 1, "There is no command to run"),
    ] {
        let output = bench.run(words).output().unwrap();
        assert_eq!(output.status.code(), Some(exit), "{words:?}: {}", text(&output.stderr));
        assert!(text(&output.stderr).contains(says), "{words:?}: {}", text(&output.stderr));
    }
    assert_eq!(leases(), before);
}

//! What a run is given stays good: renewed, and replaced before it ends.

use super::{Bench, done, no_user_is_left};
use crate::support::postgres::Postgres;
use crate::support::{PATIENCE, wait_for};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The path of the file that the command was given.
fn given_file(bench: &Bench) -> PathBuf {
    std::fs::read_to_string(bench.home().join("ready")).unwrap().trim().into()
}

fn credential(file: &Path) -> (String, String) {
    let whole: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    let text = |name: &str| whole[name].as_str().unwrap().to_owned();
    (text("username"), text("password"))
}

/// How often the database was asked to make a user.
fn users_made(postgres: &Postgres) -> usize {
    postgres.log().matches("CREATE ROLE \"v-").count()
}

#[test]
fn a_program_that_reads_its_file_again_never_fails_for_long_while_server_and_database_are_restarted() {
    let mut postgres = Postgres::start(&["log_statement=all"]);
    let mut bench = Bench::new(&postgres, "3s", "8s");
    let mut run = bench.start(&["-file=CREDS=database/creds/app"], "echo $CREDS > tmp; mv tmp ready; exec sleep 600");
    let file = given_file(&bench);
    let start = Instant::now();
    let (mut round, mut seen) = (0, Vec::new());
    // Four maxima of a lease: each credential has to be replaced, whatever was renewed before.
    while start.elapsed() < Duration::from_secs(30) {
        round += 1;
        match round {
            12 | 60 => bench.server.crash_and_recover(),
            40 => {
                postgres.stop();
                postgres.start_again();
            }
            _ => {}
        }
        // A program tries again with what the file says then.
        let user = wait_for("the file's credential lets in", Duration::from_secs(5), || {
            let (user, password) = credential(&file);
            postgres.accepts(&user, &password).then_some(user)
        });
        if !seen.contains(&user) {
            seen.push(user);
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    assert!((3..=11).contains(&seen.len()), "{} users in 30 s", seen.len());
    run.kill("-TERM");
    wait_for("the run ends", PATIENCE, || run.has_ended());
    no_user_is_left(&postgres, PATIENCE);
}

#[test]
fn refused_renewals_make_one_user_for_each_duration_at_most() {
    let postgres = Postgres::start(&["log_statement=all"]);
    let bench = Bench::new(&postgres, "4s", "1h");
    let refusing = "path \"sys/leases/renew\" { capabilities = [\"deny\"] }\n".to_owned() + super::POLICY;
    done(bench.server.put("sys/policies/acl/app", json!({ "policy": refusing })));
    let words = ["-file=CREDS=database/creds/app", "-policy=app"];
    let start = Instant::now();
    let mut run = bench.start(&words, "echo $CREDS > tmp; mv tmp ready; exec sleep 600");
    let file = given_file(&bench);
    while start.elapsed() < Duration::from_secs(17) {
        wait_for("the file's credential lets in", Duration::from_secs(2), || {
            let (user, password) = credential(&file);
            postgres.accepts(&user, &password).then_some(())
        });
        std::thread::sleep(Duration::from_millis(100));
    }
    let at_most = usize::try_from(start.elapsed().as_secs() / 4).unwrap() + 1;
    let made = users_made(&postgres);
    assert!(made >= 4 && made <= at_most, "{made} users made, {at_most} allowed");
    run.kill("-TERM");
    wait_for("the run ends", PATIENCE, || run.has_ended());
    no_user_is_left(&postgres, PATIENCE);
}

#[test]
fn a_command_is_started_again_with_the_fresh_credential_when_it_asks_for_that() {
    let postgres = Postgres::start(&[]);
    let bench = Bench::new(&postgres, "2s", "2s");
    let words = ["-env=PGUSER=database/creds/app#username", "-on-change=restart"];
    let mut run = bench.start(&words, "echo $PGUSER >> users; touch ready; exec sleep 600");
    let users = wait_for("the command is started again", PATIENCE, || {
        let text = std::fs::read_to_string(bench.home().join("users")).ok()?;
        (text.lines().count() >= 3).then_some(text)
    });
    let mut distinct: Vec<&str> = users.lines().collect();
    distinct.dedup();
    assert!(distinct.len() >= 3, "each time with another user: {users}");
    run.kill("-TERM");
    wait_for("the run ends", PATIENCE, || run.has_ended());
    no_user_is_left(&postgres, PATIENCE);
}

#[test]
fn a_command_is_told_of_a_fresh_credential_by_the_signal_it_asks_for() {
    let postgres = Postgres::start(&[]);
    let bench = Bench::new(&postgres, "2s", "2s");
    let words = ["-file=CREDS=database/creds/app", "-on-change=HUP"];
    let script = "trap 'cat $CREDS >> seen; echo >> seen' HUP; touch ready; while :; do sleep 0.05; done";
    let run = bench.start(&words, script);
    wait_for("two signals", PATIENCE, || {
        let text = std::fs::read_to_string(bench.home().join("seen")).ok()?;
        (text.lines().count() >= 2).then_some(())
    });
    run.kill("-TERM");
    drop(run);
    no_user_is_left(&postgres, PATIENCE);
}

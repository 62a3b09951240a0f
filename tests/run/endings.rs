//! However a run ends, its credentials end with it.

use super::{Bench, no_user_is_left, users};
use crate::support::postgres::Postgres;
use crate::support::{PATIENCE, wait_for};
use std::os::unix::process::ExitStatusExt;
use std::time::Duration;

const WORDS: [&str; 3] = ["-env=PGUSER=database/creds/app#username", "-file=CREDS=database/creds/app", "-ttl=5s"];

#[test]
fn signals_and_exit_codes_pass_through() {
    let postgres = Postgres::start(&[]);
    let bench = Bench::new(&postgres, "1h", "2h");
    let mut run = bench.start(&WORDS, "trap 'exit 41' USR1; touch ready; while :; do sleep 0.05; done");
    assert_eq!((users(&postgres).len(), bench.places()), (1, 1));
    run.kill("-USR1");
    assert_eq!(wait_for("the run ends", PATIENCE, || run.has_ended()).code(), Some(41));
    no_user_is_left(&postgres, PATIENCE);

    let mut run = bench.start(&WORDS, "touch ready; exec sleep 600");
    run.kill("-TERM");
    let status = wait_for("the run ends", PATIENCE, || run.has_ended());
    assert_eq!(status.signal(), Some(15), "as the command itself has ended");
    no_user_is_left(&postgres, PATIENCE);
    assert_eq!(bench.places(), 0);
}

#[test]
fn killing_the_command_ends_its_credentials() {
    let postgres = Postgres::start(&[]);
    let bench = Bench::new(&postgres, "1h", "2h");
    let mut run = bench.start(&WORDS, "touch ready; kill -9 $$");
    assert_eq!(wait_for("the run ends", PATIENCE, || run.has_ended()).code(), Some(137));
    no_user_is_left(&postgres, PATIENCE);
}

#[test]
fn killing_the_run_ends_its_credentials_when_its_token_ends() {
    let postgres = Postgres::start(&[]);
    let bench = Bench::new(&postgres, "1h", "2h");
    let mut run = bench.start(&WORDS, "echo $$ > pid; touch ready; exec sleep 20");
    run.kill("-KILL");
    wait_for("the run is dead", PATIENCE, || run.has_ended());
    no_user_is_left(&postgres, Duration::from_secs(15));
    assert_eq!(bench.places(), 1, "nobody was there to clear up");
    assert!(bench.run(&["-file=F=database/creds/app", "--", "true"]).status().unwrap().success());
    assert_eq!(bench.places(), 0, "the next run clears up");
}

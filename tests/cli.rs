//! Runs the scripts of `tests/cli/`: command lines with the requests, output and exit code they must lead to, played against
//! a server of canned answers. `UPDATE_SCRIPTS=1 cargo test --test cli` rewrites the scripts from what happened.
//!
//! A script is made of lines:
//! - `# …` and empty lines: for the reader;
//! - `< METHOD PATH STATUS BODY`: what the server answers; given more than once, one after the other, the last for good;
//! - `$ …`: a command line for the shell, with `leasehold` in its path and a home directory of its own;
//! - then what it leads to: `> METHOD PATH BODY` requests, `| …` lines of standard output (`|~ …`: without the last line
//!   break), `! …` lines of standard error, `? N` the exit code if it is not 0.

#![allow(clippy::unwrap_used)]

#[path = "cli/canned.rs"]
mod canned;
#[path = "cli/completion.rs"]
mod completion;
#[path = "cli/session.rs"]
mod session;
mod support;
#[path = "cli/tls.rs"]
mod tls;

use canned::Server;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

#[test]
fn every_script_leads_to_what_it_says() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli");
    let mut scripts: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    scripts.retain(|path| path.extension().is_some_and(|extension| extension == "script"));
    scripts.sort();
    assert!(!scripts.is_empty());
    let failures: Vec<String> = std::thread::scope(|scope| {
        let running: Vec<_> = scripts.iter().map(|script| scope.spawn(|| check(script))).collect();
        running.into_iter().filter_map(|thread| thread.join().unwrap().err()).collect()
    });
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

fn check(script: &Path) -> Result<(), String> {
    let expected = fs::read_to_string(script).unwrap();
    let happened = play(&expected);
    if happened == expected {
        return Ok(());
    }
    if std::env::var_os("UPDATE_SCRIPTS").is_some() {
        fs::write(script, happened).unwrap();
        return Ok(());
    }
    let line = expected.lines().zip(happened.lines()).take_while(|(left, right)| left == right).count();
    let from = |text: &str| text.lines().skip(line).take(6).collect::<Vec<_>>().join("\n  ");
    Err(format!(
        "{}, line {}:\nexpected\n  {}\nhappened\n  {}",
        script.display(),
        line + 1,
        from(&expected),
        from(&happened)
    ))
}

/// Plays a script and writes it anew with what happened.
fn play(script: &str) -> String {
    let home = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_leasehold"), home.path().join("leasehold")).unwrap();
    let server = Server::start();
    let mut happened = String::new();
    for line in script.lines() {
        match line.get(..2) {
            Some("> " | "| " | "|~" | "! " | "? ") => continue,
            _ if matches!(line, "|" | "!") => continue,
            Some("< ") => server.will_answer(&line[2..]),
            _ => {}
        }
        happened.push_str(line);
        happened.push('\n');
        if let Some(command) = line.strip_prefix("$ ") {
            happened.push_str(&run(command, home.path(), &server));
        }
    }
    happened
}

fn run(command: &str, home: &Path, server: &Server) -> String {
    let output = Command::new("sh")
        .args(["-c", command])
        .current_dir(home)
        .env_clear()
        .env("PATH", format!("{}:/usr/bin:/bin", home.display()))
        .env("HOME", home)
        .env("VAULT_ADDR", server.address())
        .output()
        .unwrap();
    let shown = |bytes: &[u8]| String::from_utf8_lossy(bytes).replace(server.address(), "http://server:8200");
    let mut text = String::new();
    for request in server.taken() {
        let _ = writeln!(text, "> {request}");
    }
    let (out, error) = (shown(&output.stdout), shown(&output.stderr));
    let whole_lines = out.is_empty() || out.ends_with('\n');
    for (index, line) in out.lines().enumerate() {
        let last = index + 1 == out.lines().count();
        let mark = if last && !whole_lines { "|~" } else { "|" };
        let _ = writeln!(text, "{}", format!("{mark} {line}").trim_end());
    }
    for line in error.lines() {
        let _ = writeln!(text, "{}", format!("! {line}").trim_end());
    }
    if let Some(code) = output.status.code().filter(|code| *code != 0) {
        let _ = writeln!(text, "? {code}");
    }
    text
}

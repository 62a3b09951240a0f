//! `operator init`: initialises a new server.

use super::shares::pgp_keys;
use crate::cli::command::{Command, FORMAT, HTTP};
use crate::cli::flags::Flag;
use crate::cli::{Answer, Exit, Failure, Format, Invocation, Outcome, console, output};
use serde_json::{Value, json};
use std::fmt::Write;
use zeroize::Zeroizing;

pub const COMMAND: Command = Command {
    name: "operator init",
    summary: "Initialise a new server",
    arguments: "",
    takes: (0, 0),
    about: "Makes the keys of a new server and prints them once, together with the first root token. The unseal keys are \
            shares of one key: so many of them as the threshold says are needed to unseal the server after each start. \
            Nobody can make them again; give them to different people.",
    examples: &[
        ("Initialise with five shares, three of which unseal:", "operator init"),
        ("Initialise with a single key, for trying things out:", "operator init -key-shares=1 -key-threshold=1"),
        ("Ask whether that has been done:", "operator init -status"),
    ],
    flags: &[
        Flag::number("key-shares", "How many shares to make of the unseal key.").alias("n").default("5"),
        Flag::number("key-threshold", "How many of them it takes to unseal.").alias("t").default("3"),
        Flag::list(
            "pgp-keys",
            "Files with public keys of PGP, one for each share, where the server can encrypt for them.",
        ),
        Flag::text("root-token-pgp-key", "File with a public key of PGP for the root token, where the server can."),
        Flag::bool("status", "Only ask: exit code 0 when initialised, 2 when not, 1 on an error."),
    ],
    shares: &[&HTTP, &FORMAT],
    run,
};

fn run(invocation: &Invocation) -> Outcome {
    if invocation.is_set("status") {
        return status(invocation);
    }
    let (shares, threshold) = (invocation.number("key-shares"), invocation.number("key-threshold"));
    let mut body = json!({"secret_shares": shares, "secret_threshold": threshold});
    let encrypt_for = pgp_keys(invocation.list("pgp-keys"))?;
    if !encrypt_for.is_empty() {
        body["pgp_keys"] = json!(encrypt_for);
    }
    if let Some(file) = invocation.given("root-token-pgp-key") {
        body["root_token_pgp_key"] = pgp_keys(&[file.to_owned()])?.concat().into();
    }
    let answer = invocation.client()?.write("sys/init", body);
    let answer = answer.map_err(|failure| failure.context("Error initializing"))?;
    let answer = answer.ok_or_else(|| Failure::refused("Error initializing: the server answered without keys"))?;
    match invocation.format()? {
        Format::Table => console::line(&*keys(&answer, shares.unwrap_or(0), threshold.unwrap_or(0))),
        format => output::structured(Answer::new(structured(&answer, shares, threshold)).body(), format),
    }
    Ok(Exit::SUCCESS)
}

fn status(invocation: &Invocation) -> Outcome {
    let answer = invocation.client()?.read("sys/init");
    let answer = answer.map_err(|failure| failure.context("Error checking init status").with_exit(Exit::LOCAL))?;
    let done = answer.as_ref().and_then(|answer| answer.data_or_body()?.get("initialized")?.as_bool()).unwrap_or(false);
    match invocation.format()? {
        Format::Table if done => console::line("Vault is initialized"),
        Format::Table => console::line("Vault is not initialized"),
        format => output::structured(&json!({"Initialized": done}), format),
    }
    Ok(if done { Exit::SUCCESS } else { Exit::REFUSED })
}

fn member(answer: &Answer, name: &str) -> Value {
    answer.data_or_body().and_then(|body| body.get(name)).filter(|value| !value.is_null()).cloned().unwrap_or(json!([]))
}

fn keys(answer: &Answer, shares: i64, threshold: i64) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(4096));
    for (index, key) in member(answer, "keys_base64").as_array().into_iter().flatten().enumerate() {
        let _ = writeln!(text, "Unseal Key {}: {}", index + 1, key.as_str().unwrap_or_default());
    }
    let root = Answer::new(member(answer, "root_token"));
    let _ = write!(text, "\nInitial Root Token: {}\n\n", root.body().as_str().unwrap_or_default());
    text.push_str(&advice(shares, threshold));
    text.push_str("The root token may do everything. Use it to set up what others may do, then revoke it.");
    text
}

fn advice(shares: i64, threshold: i64) -> String {
    if shares == 1 {
        return "The server is initialised with one unseal key. Write it down now: it is not shown again,\n\
                and nobody can make it anew. The server starts sealed each time and serves once the\n\
                key has been entered with \"operator unseal\".\n\n"
            .to_owned();
    }
    format!(
        "The server is initialised with {shares} key shares, {threshold} of which unseal it. Write them\n\
         down now and give them to different people: they are not shown again, and nobody\n\
         can make them anew. The server starts sealed each time and serves once {threshold} of\n\
         them have been entered with \"operator unseal\".\n\n"
    )
}

fn structured(answer: &Answer, shares: Option<i64>, threshold: Option<i64>) -> Value {
    json!({
        "unseal_keys_b64": member(answer, "keys_base64"),
        "unseal_keys_hex": member(answer, "keys"),
        "unseal_shares": shares,
        "unseal_threshold": threshold,
        "recovery_keys_b64": member(answer, "recovery_keys_base64"),
        "recovery_keys_hex": member(answer, "recovery_keys"),
        "recovery_keys_shares": 0,
        "recovery_keys_threshold": 0,
        "root_token": member(answer, "root_token"),
    })
}

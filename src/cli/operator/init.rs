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
            Nobody can make them again; give them to different people.\n\n\
            Where the configured seal opens by itself, recovery keys are made instead: so many of them show that enough \
            people agree to a new root token or to other keys, and the server is unsealed at once.",
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
        Flag::number("recovery-shares", "How many recovery keys to make, where the seal opens by itself.").default("5"),
        Flag::number("recovery-threshold", "How many of them it takes.").default("3"),
        Flag::bool("status", "Only ask: exit code 0 when initialised, 2 when not, 1 on an error."),
    ],
    shares: &[&HTTP, &FORMAT],
    run,
};

fn run(invocation: &Invocation) -> Outcome {
    if invocation.is_set("status") {
        return status(invocation);
    }
    let client = invocation.client()?;
    let status = client.read_first("sys/seal-status").map_err(|failure| failure.context("Error initializing"))?;
    let is_auto = status.as_ref().and_then(|status| status.data_or_body()?.get("recovery_seal")?.as_bool());
    let (kind, prefix) = if is_auto == Some(true) { (Kind::RECOVERY, "recovery") } else { (Kind::UNSEAL, "key") };
    let number = |what: &str| invocation.number(&format!("{prefix}-{what}")).unwrap_or(0);
    let (shares, threshold) = (number("shares"), number("threshold"));
    let mut body = json!({});
    body[kind.shares] = shares.into();
    body[kind.threshold] = threshold.into();
    let encrypt_for = pgp_keys(invocation.list("pgp-keys"))?;
    if !encrypt_for.is_empty() {
        body[kind.pgp_keys] = json!(encrypt_for);
    }
    if let Some(file) = invocation.given("root-token-pgp-key") {
        body["root_token_pgp_key"] = pgp_keys(&[file.to_owned()])?.concat().into();
    }
    let answer = client.write("sys/init", body);
    let answer = answer.map_err(|failure| failure.context("Error initializing"))?;
    let answer = answer.ok_or_else(|| Failure::refused("Error initializing: the server answered without keys"))?;
    match invocation.format()? {
        Format::Table => console::line(&*keys(&kind, &answer, shares, threshold)),
        format => output::structured(Answer::new(structured(&kind, &answer, shares, threshold)).body(), format),
    }
    Ok(Exit::SUCCESS)
}

/// Which keys a server makes.
struct Kind {
    shares: &'static str,
    threshold: &'static str,
    pgp_keys: &'static str,
    answered: &'static str,
    label: &'static str,
    is_recovery: bool,
}

impl Kind {
    const UNSEAL: Self = Self {
        shares: "secret_shares",
        threshold: "secret_threshold",
        pgp_keys: "pgp_keys",
        answered: "keys_base64",
        label: "Unseal",
        is_recovery: false,
    };
    const RECOVERY: Self = Self {
        shares: "recovery_shares",
        threshold: "recovery_threshold",
        pgp_keys: "recovery_pgp_keys",
        answered: "recovery_keys_base64",
        label: "Recovery",
        is_recovery: true,
    };
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

fn keys(kind: &Kind, answer: &Answer, shares: i64, threshold: i64) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(4096));
    for (index, key) in member(answer, kind.answered).as_array().into_iter().flatten().enumerate() {
        let _ = writeln!(text, "{} Key {}: {}", kind.label, index + 1, key.as_str().unwrap_or_default());
    }
    let root = Answer::new(member(answer, "root_token"));
    let _ = write!(text, "\nInitial Root Token: {}\n\n", root.body().as_str().unwrap_or_default());
    text.push_str(&advice(kind, shares, threshold));
    text.push_str("The root token may do everything. Use it to set up what others may do, then revoke it.");
    text
}

fn advice(kind: &Kind, shares: i64, threshold: i64) -> String {
    if kind.is_recovery {
        return format!(
            "The server is initialised and unseals by itself. It has {shares} recovery keys, {threshold} of which are\n\
             needed for a new root token, for other keys and for another seal. Write them down now\n\
             and give them to different people: they are not shown again. They do not unseal what\n\
             the seal does not open.\n\n"
        );
    }
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

fn structured(kind: &Kind, answer: &Answer, shares: i64, threshold: i64) -> Value {
    let of = |is_recovery: bool, number: i64| if kind.is_recovery == is_recovery { number } else { 0 };
    json!({
        "unseal_keys_b64": member(answer, "keys_base64"),
        "unseal_keys_hex": member(answer, "keys"),
        "unseal_shares": of(false, shares),
        "unseal_threshold": of(false, threshold),
        "recovery_keys_b64": member(answer, "recovery_keys_base64"),
        "recovery_keys_hex": member(answer, "recovery_keys"),
        "recovery_keys_shares": of(true, shares),
        "recovery_keys_threshold": of(true, threshold),
        "root_token": member(answer, "root_token"),
    })
}

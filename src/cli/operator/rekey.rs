//! `operator rekey`: new unseal keys in place of the old ones.

use super::shares::{key_and_nonce, must_encrypt, one_of, pgp_keys};
use crate::cli::client::Call;
use crate::cli::command::{Command, FORMAT, HTTP};
use crate::cli::flags::Flag;
use crate::cli::{Answer, Client, Exit, Failure, Format, Invocation, Outcome, console, output, progress};
use serde_json::{Map, Value, json};
use std::fmt::Write;
use zeroize::Zeroizing;

pub const COMMAND: Command = Command {
    name: "operator rekey",
    summary: "Make new unseal keys",
    arguments: "[KEY]",
    takes: (0, 1),
    about: "Makes new unseal keys; the old ones are worth nothing afterwards. Somebody begins with -init and says how many there \
            are to be. Then people enter their present keys, one each, until the threshold is reached: whoever enters the \
            last sees the new ones, once. With -verify the new keys have to be entered before they count.\n\n\
            Without an argument it asks for the key without showing it; - takes it from standard input. A key that is given in \
            one of these ways, and not asked for, goes with the -nonce that -init showed.",
    examples: &[
        ("Begin, with five new keys, three of which unseal:", "operator rekey -init -key-shares=5 -key-threshold=3"),
        ("Enter a present key:", "operator rekey"),
        ("Begin, with new keys that have to be entered before they count:", "operator rekey -init -verify"),
        ("Enter a new key:", "operator rekey -verify"),
        ("See how far it has come:", "operator rekey -status"),
        ("Give it up:", "operator rekey -cancel"),
    ],
    flags: &[
        Flag::bool("init", "Begin."),
        Flag::bool("cancel", "Give it up and forget what was entered."),
        Flag::bool("status", "Tell how far it has come."),
        Flag::bool(
            "verify",
            "With -init: the new keys have to be entered before they count. Else: enter one, or ask or give up.",
        ),
        Flag::text("nonce", "The nonce that -init showed."),
        Flag::number("key-shares", "How many new keys to make.").alias("n").default("5"),
        Flag::number("key-threshold", "How many of them it takes to unseal.").alias("t").default("3"),
        Flag::text("target", "Which keys: barrier or recovery.").default("barrier"),
        Flag::list(
            "pgp-keys",
            "Files with public keys of PGP, one for each new key: each is shown encrypted for one of them.",
        ),
        Flag::bool("backup", "Keep the encrypted new keys at the server. Needs -pgp-keys."),
        Flag::bool("backup-retrieve", "Show the encrypted keys that the server keeps."),
        Flag::bool("backup-delete", "Delete the encrypted keys that the server keeps."),
    ],
    shares: &[&HTTP, &FORMAT],
    run,
};

fn run(invocation: &Invocation) -> Outcome {
    let root = match invocation.text("target").unwrap_or_default() {
        "barrier" => "sys/rekey",
        "recovery" | "hsm" => "sys/rekey-recovery-key",
        other => return Err(Failure::local(format!("Unknown target: {other}. Choose barrier or recovery."))),
    };
    let action = one_of(invocation, &["init", "cancel", "status", "backup-retrieve", "backup-delete"])?;
    let client = invocation.client()?;
    let verify = invocation.is_set("verify");
    match action {
        Some("init") => begin(invocation, &client, root),
        Some("cancel") => cancel(&client, &format!("{root}/{}", if verify { "verify" } else { "init" })),
        Some("status") => {
            let answer = status(&client, &format!("{root}/{}", if verify { "verify" } else { "init" }))?;
            show(invocation, &answer)
        }
        Some("backup-retrieve") => {
            let answer = client.read(&format!("{root}/backup"));
            let answer = answer.map_err(|failure| failure.context("Error retrieving rekey stored keys"))?;
            output::answer(invocation, &answer.ok_or_else(|| Failure::refused("The server keeps no encrypted keys."))?)
        }
        Some(_) => {
            let answer = client.delete(&format!("{root}/backup"));
            answer.map_err(|failure| failure.context("Error deleting rekey stored keys"))?;
            console::line("Success! Delete stored keys (if they existed)");
            Ok(Exit::SUCCESS)
        }
        None if verify => enter_new(invocation, &client, root),
        None => enter(invocation, &client, root),
    }
}

fn begin(invocation: &Invocation, client: &Client, root: &str) -> Outcome {
    let keys = pgp_keys(invocation.list("pgp-keys"))?;
    let mut body = json!({
        "secret_shares": invocation.number("key-shares"),
        "secret_threshold": invocation.number("key-threshold"),
        "backup": invocation.is_set("backup"),
        "require_verification": invocation.is_set("verify"),
    });
    if !keys.is_empty() {
        body["pgp_keys"] = json!(keys);
    }
    let answer = client.write(&format!("{root}/init"), body);
    let answer = answer.map_err(|failure| failure.context("Error initializing rekey"))?;
    let answer = match answer.filter(|answer| answer.data_or_body().is_some_and(|body| body.contains_key("nonce"))) {
        Some(answer) => answer,
        None => status(client, &format!("{root}/init"))?,
    };
    if !keys.is_empty() {
        // What was begun would end with keys in clear.
        must_encrypt(&answer, &["pgp_fingerprints"]).inspect_err(|_| drop(client.delete(&format!("{root}/init"))))?;
    } else if invocation.format()? == Format::Table {
        console::warn(
            "WARNING! Whoever enters the last key sees all the new keys in clear, once: if they are lost then,\nnobody can \
             unseal the server again. With -pgp-keys each is shown encrypted for its owner.\n",
        );
    }
    show(invocation, &answer)
}

fn status(client: &Client, path: &str) -> Result<Answer, Failure> {
    let answer = client.read(path).map_err(|failure| failure.context("Error getting rekey status"))?;
    answer.ok_or_else(|| Failure::refused("Error getting rekey status: the server answered nothing"))
}

fn cancel(client: &Client, path: &str) -> Outcome {
    let answer = client.change(&Call::new("DELETE", path));
    answer.map_err(|failure| failure.context("Error canceling rekey"))?;
    console::line("Success! Canceled rekeying (if it was started)");
    Ok(Exit::SUCCESS)
}

/// Enters a present key.
fn enter(invocation: &Invocation, client: &Client, root: &str) -> Outcome {
    let known = status(client, &format!("{root}/init"))?;
    let known = known.data_or_body().cloned().unwrap_or_default();
    if known.get("started") != Some(&Value::Bool(true)) {
        return Err(Failure::local("There is no rekey in progress. Begin one with: leasehold operator rekey -init"));
    }
    let (key, nonce) = key_and_nonce(invocation, &known, "nonce")?;
    let answer = client.write(&format!("{root}/update"), json!({ "key": key.expose(), "nonce": nonce }));
    let answer = answer.map_err(|failure| failure.context("Error posting unseal key"))?;
    let answer = answer.ok_or_else(|| Failure::refused("Error posting unseal key: the server answered nothing"))?;
    let complete = answer.data_or_body().and_then(|body| body.get("complete")) == Some(&Value::Bool(true));
    if !complete {
        return show(invocation, &answer);
    }
    match invocation.format()? {
        Format::Table => console::line(&*new_keys(&answer, &known)),
        format => output::structured(answer.body(), format),
    }
    Ok(Exit::SUCCESS)
}

/// Enters a new key, to show that it arrived.
fn enter_new(invocation: &Invocation, client: &Client, root: &str) -> Outcome {
    let known = status(client, &format!("{root}/verify"))?;
    let known = known.data_or_body().cloned().unwrap_or_default();
    if known.get("started") != Some(&Value::Bool(true)) {
        return Err(Failure::local("There are no new keys that wait to be entered."));
    }
    let (key, nonce) = key_and_nonce(invocation, &known, "nonce")?;
    let answer = client.write(&format!("{root}/verify"), json!({ "key": key.expose(), "nonce": nonce }));
    let answer = answer.map_err(|failure| failure.context("Error posting verification key"))?;
    let answer =
        answer.ok_or_else(|| Failure::refused("Error posting verification key: the server answered nothing"))?;
    let complete = answer.data_or_body().and_then(|body| body.get("complete")) == Some(&Value::Bool(true));
    if complete && invocation.format()? == Format::Table {
        console::line(
            "Success! The new keys have arrived: they count from now on, and the old ones are worth nothing.",
        );
        return Ok(Exit::SUCCESS);
    }
    show(invocation, &answer)
}

fn show(invocation: &Invocation, answer: &Answer) -> Outcome {
    let status = answer.data_or_body().cloned().unwrap_or_default();
    match invocation.format()? {
        Format::Table => {
            let number = |name: &str| status.get(name).and_then(Value::as_u64).unwrap_or(0);
            progress::steps("Keys entered", number("progress"), number("required").max(number("t")));
            console::line(output::table::key_value(&rows(&status)));
        }
        format => output::structured(&Value::Object(status), format),
    }
    Ok(Exit::SUCCESS)
}

fn rows(status: &Map<String, Value>) -> Vec<(&'static str, String)> {
    let given = |name: &str| status.get(name).filter(|value| !value.is_null() && **value != "");
    let shown = |name: &str| given(name).map(output::plain).unwrap_or_default();
    let mut rows = vec![("Nonce", shown("nonce")), ("Started", shown("started"))];
    // Of new keys that are entered the server tells the threshold, of present ones how many it takes.
    if given("required").is_none() {
        if status.get("started") == Some(&Value::Bool(true)) {
            rows.push(("New Shares", shown("n")));
            rows.push(("New Threshold", shown("t")));
            rows.push(("Verification Progress", format!("{}/{}", shown("progress"), shown("t"))));
        }
        return rows;
    }
    if status.get("started") == Some(&Value::Bool(true)) {
        rows.push(("Rekey Progress", format!("{}/{}", shown("progress"), shown("required"))));
        rows.push(("New Shares", shown("n")));
        rows.push(("New Threshold", shown("t")));
        rows.extend(given("verification_required").map(|value| ("Verification Required", output::plain(value))));
        rows.extend(given("verification_nonce").map(|value| ("Verification Nonce", output::plain(value))));
    }
    let fingerprints = given("pgp_fingerprints").filter(|list| list.as_array().is_none_or(|list| !list.is_empty()));
    if let Some(fingerprints) = fingerprints {
        rows.push(("PGP Fingerprints", output::plain(fingerprints)));
        rows.push(("Backup", shown("backup")));
    }
    rows
}

fn new_keys(answer: &Answer, known: &Map<String, Value>) -> Zeroizing<String> {
    let body = answer.data_or_body();
    let list = |name: &str| body.and_then(|body| body.get(name)).and_then(Value::as_array).map(Vec::as_slice);
    let text_of = |name: &str| body.and_then(|body| body.get(name)).and_then(Value::as_str).unwrap_or_default();
    let fingerprints = list("pgp_fingerprints").unwrap_or_default();
    let mut text = Zeroizing::new(String::with_capacity(4096));
    for (index, key) in list("keys_base64").or(list("keys")).unwrap_or_default().iter().enumerate() {
        let key = key.as_str().unwrap_or_default();
        let _ = match fingerprints.get(index).and_then(Value::as_str) {
            Some(fingerprint) => writeln!(text, "Key {} fingerprint: {fingerprint}; value: {key}", index + 1),
            None => writeln!(text, "Key {}: {key}", index + 1),
        };
    }
    let shown = |name: &str| known.get(name).map(output::plain).unwrap_or_default();
    let _ = write!(text, "\nOperation nonce: {}\n\n", text_of("nonce"));
    let verify = body.and_then(|body| body.get("verification_required")) == Some(&Value::Bool(true));
    let made = match shown("n").as_str() {
        "1" => "One new unseal key was made, which unseals the server.".to_owned(),
        count => format!("{count} new unseal keys were made, {} of which unseal the server.", shown("t")),
    };
    let _ = if verify {
        write!(
            text,
            "Verification nonce: {}\n\n{made} They do not count yet, and the present keys still\ndo: give them to different people, who \
             each enter theirs with \"operator rekey -verify\".",
            text_of("verification_nonce")
        )
    } else {
        let keep = if shown("n") == "1" {
            "Write it down now: it is not shown again,\nand nobody can make it anew."
        } else {
            "Write them down now and give\nthem to different people: they are not shown again, and nobody can make them anew."
        };
        write!(text, "{made} {keep} The old\nkeys are worth nothing any more.")
    };
    text
}

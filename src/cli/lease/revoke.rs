//! `lease revoke`: ends leases.

use crate::cli::command::{Command, FORMAT, HTTP};
use crate::cli::flags::Flag;
use crate::cli::{Answer, Exit, Failure, Invocation, Outcome, console, dry_run, output, progress};
use serde_json::{Value, json};

pub const COMMAND: Command = Command {
    name: "lease revoke",
    summary: "End leases and what they cover",
    arguments: "[ID]",
    takes: (0, 1),
    about: "Ends a lease: what was issued with it stops working. With -prefix it ends every lease below a path, with -role \
            all that a role handed out, with -entity all that an entity has, with -alias all that somebody got who signed in by \
            a name, with -mount all that was made at an auth method or an engine. The server does the work in the background; \
            -sync waits until it is done. -dry-run only tells what would end.\n\n\
            With -force leases are dropped even when what they cover cannot be removed, because its target is gone for \
            good. What was issued may then live on, and nobody knows of it.",
    examples: &[
        ("End one lease:", "lease revoke aws/creds/support/3nN8CvW2Qe0JvGsmZ1Xb"),
        ("End every lease of a role, and wait for it:", "lease revoke -sync -prefix aws/creds/support"),
        ("What would end with all of a role's leases?", "lease revoke -dry-run -role=aws/support"),
        ("What would end with all that alice has by signing in?", "lease revoke -dry-run -alias=auth/userpass/alice"),
        ("Drop leases whose target is gone:", "lease revoke -force -prefix aws/creds"),
    ],
    flags: &[
        Flag::bool("prefix", "The argument is a path; every lease below it is meant. Needs sudo.").alias("p"),
        Flag::bool("force", "Drop the leases even when revoking fails. Needs -prefix and sudo.").alias("f"),
        Flag::bool("sync", "Wait until the leases are revoked."),
        Flag::text("role", "In place of ID: every lease of this role, as aws/support. Needs sudo."),
        Flag::text("entity", "In place of ID: every token and lease of the entity with this id. Needs sudo."),
        Flag::text(
            "alias",
            "In place of ID: every token got by signing in as this, as auth/userpass/alice. Needs sudo.",
        ),
        Flag::text("mount", "In place of ID: every token and lease made at this path, as auth/userpass. Needs sudo."),
        dry_run::FLAG,
    ],
    shares: &[&HTTP, &FORMAT],
    run,
};

/// What is to be asked, and what to say of it.
struct Order {
    path: String,
    body: Value,
    /// Goes on after "Error".
    doing: String,
    done: String,
}

/// Whoever may hold leases beside a path.
struct Holder {
    flag: &'static str,
    path: &'static str,
    what: &'static str,
}

const HOLDERS: [Holder; 4] = [
    Holder { flag: "role", path: "revoke-role", what: "leases of the role" },
    Holder { flag: "entity", path: "revoke-entity", what: "leases of the entity" },
    Holder { flag: "alias", path: "revoke-alias", what: "tokens of the alias" },
    // What hangs at a mount has its path for a prefix.
    Holder { flag: "mount", path: "revoke-prefix", what: "leases of the mount" },
];

fn run(invocation: &Invocation) -> Outcome {
    let (force, sync, dry_run) = (invocation.is_set("force"), invocation.is_set("sync"), invocation.is_set("dry-run"));
    let Order { path, mut body, doing, done } = order(invocation, force)?;
    let client = invocation.client()?;
    if dry_run {
        dry_run::check(&client)?;
        body["dry_run"] = true.into();
    } else if force {
        console::warn("Warning! What the dropped leases cover may live on outside, and nobody will know of it.");
    }
    if !force {
        body["sync"] = sync.into();
    }
    let answer = if sync && !dry_run {
        let look = remaining(invocation, &path, &body);
        progress::while_working("Revoking", look, || client.write(&path, body))
    } else {
        client.write(&path, body)
    };
    let answer = answer.map_err(|failure| failure.context(format!("Error {doing}")))?;
    if dry_run {
        return dry_run::show(invocation, answer);
    }
    // Without -sync the server warns that the work goes on; the line below says so already.
    answer.iter().filter(|_| sync || force).for_each(output::warnings);
    answer.iter().filter(|_| force).for_each(left_behind);
    let queued = "All revocation operations queued successfully!".to_owned();
    console::line(if sync || force { done } else { queued });
    Ok(Exit::SUCCESS)
}

/// Tells how much of an order is done, for a person who waits for it.
fn remaining(invocation: &Invocation, path: &str, order: &Value) -> impl FnMut() -> Option<(u64, u64)> + Send + use<> {
    let (path, order) = (path.to_owned(), order.clone());
    let client = invocation.client().ok().filter(|client| console::is_watched() && dry_run::check(client).is_ok());
    let all = client.as_ref().and_then(|client| dry_run::left(client, &path, &order));
    move || {
        let (client, all) = (client.as_ref()?, all?);
        Some((all.saturating_sub(dry_run::left(client, &path, &order)?), all))
    }
}

/// What dropped leases leave outside, so that it can be removed by hand.
fn left_behind(answer: &Answer) {
    let left = answer.data().and_then(|data| data.get("left_behind")).and_then(Value::as_array);
    let Some(left) = left.filter(|left| !left.is_empty()) else { return };
    let mut rows = vec![["Left behind", "Target", "Lease", "Why"].map(str::to_owned).to_vec()];
    rows.extend(
        left.iter()
            .map(|item| ["subject", "target", "lease_id", "reason"].map(|name| output::plain(&item[name])).to_vec()),
    );
    console::line(output::table::with_header(&rows));
    console::line("");
}

fn order(invocation: &Invocation, force: bool) -> Result<Order, Failure> {
    let id = invocation.argument(0).trim().trim_start_matches('/');
    let given = |name| invocation.given(name).map(|text| text.trim().trim_matches('/')).filter(|text| !text.is_empty());
    let prefix = invocation.is_set("prefix");
    if force && !prefix {
        return Err(Failure::local("Specifying -force requires also specifying -prefix"));
    }
    let holders: Vec<_> = HOLDERS.iter().filter_map(|holder| Some((holder, given(holder.flag)?))).collect();
    let (path, what, name) = match (id, holders.as_slice()) {
        ("", []) => {
            return Err(Failure::local(
                "Not enough arguments (expected 1, got 0): give an ID, or one of -role, -entity, -alias, -mount",
            ));
        }
        (id, []) if force => (format!("revoke-force/{id}"), "leases with prefix", id),
        (id, []) if prefix => (format!("revoke-prefix/{id}"), "leases with prefix", id),
        (id, []) => {
            let done = format!("Success! Revoked lease: {id}");
            let (path, doing) = ("sys/leases/revoke".to_owned(), format!("revoking lease {id}"));
            return Ok(Order { path, body: json!({ "lease_id": id }), doing, done });
        }
        ("", [(holder, name)]) if !prefix => (format!("{}/{name}", holder.path), holder.what, *name),
        _ => {
            return Err(Failure::local("Give one of: an ID (with -prefix or without), -role, -entity, -alias, -mount"));
        }
    };
    let (doing, did) = if force { ("force revoking", "Force revoked") } else { ("revoking", "Revoked") };
    let done = match what {
        "leases with prefix" => format!("Success! {did} any leases with prefix: {name}"),
        what => format!("Success! {did} all {what}: {name}"),
    };
    Ok(Order { doing: format!("{doing} {what} {name}"), path: format!("sys/leases/{path}"), body: json!({}), done })
}

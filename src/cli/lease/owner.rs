//! `lease owner`: whose a user or a key outside is.

use crate::cli::command::{Command, FORMAT, HTTP};
use crate::cli::{Answer, Exit, Failure, Format, Invocation, Outcome, console, output};
use serde_json::{Value, json};

pub const COMMAND: Command = Command {
    name: "lease owner",
    summary: "Tell whose a user or key outside is",
    arguments: "SUBJECT",
    takes: (1, 1),
    about: "Tells which lease a database user, an IAM user or an access key id belongs to, which token asked for it (by \
            display name and accessor), which tokens are above that one, and the id of the request, as in the audit trail. \
            Needs sudo.",
    examples: &[
        ("Whose is this database user?", "lease owner v-token-reports-x3Zq0c4oVb-1732414903"),
        ("Whose is this access key?", "lease owner AKIARZPUZDIKIZG7ENBT"),
    ],
    flags: &[],
    shares: &[&HTTP, &FORMAT],
    run,
};

fn run(invocation: &Invocation) -> Outcome {
    let subject = invocation.argument(0);
    let answer = invocation.client()?.write("sys/leases/owner", json!({ "subject": subject }));
    let answer = answer.map_err(|failure| failure.context(format!("Error looking for the owner of {subject}")))?;
    let known = answer.filter(|answer| answer.data().is_some_and(|data| data.contains_key("owners")));
    let answer = known.ok_or_else(|| {
        Failure::refused(format!(
            "No lease is known for {subject}: it is not from here, or its lease has ended and is gone"
        ))
    })?;
    match invocation.format()? {
        Format::Table => {
            output::warnings(&answer);
            show(&answer);
            Ok(Exit::SUCCESS)
        }
        Format::Json | Format::Yaml => output::answer(invocation, &answer),
    }
}

fn show(answer: &Answer) {
    let owners = answer.data().and_then(|data| data.get("owners")).and_then(Value::as_array);
    for (at, owner) in owners.into_iter().flatten().enumerate() {
        if at > 0 {
            console::line("");
        }
        let text = |name: &str| output::plain(&owner[name]);
        let above = owner["above"].as_array().map(Vec::as_slice).unwrap_or_default();
        let mut rows = vec![
            ("lease", text("id")),
            ("role", text("role")),
            ("subject", text("subject")),
            ("target", text("target")),
            ("state", text("state")),
            ("issue_time", text("issue_time")),
            ("ends", text("effective_expire_time")),
            ("token", named(&owner["token"])),
            ("entity_id", text("entity_id")),
            ("request_id", text("request_id")),
        ];
        rows.extend(above.iter().map(|token| ("below_token", named(token))));
        rows.retain(|(_, value)| !matches!(value.as_str(), "" | "<nil>"));
        console::line(output::table::key_value(&rows));
    }
}

fn named(token: &Value) -> String {
    let text = |name: &str| token[name].as_str().unwrap_or_default();
    if token.is_null() { String::new() } else { format!("{} ({})", text("display_name"), text("accessor")) }
}

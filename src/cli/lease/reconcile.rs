//! `lease reconcile`: what is outside, held against the leases of a mount.

use crate::cli::client::Call;
use crate::cli::command::{Command, FORMAT, HTTP};
use crate::cli::flags::Flag;
use crate::cli::{Answer, Client, Exit, Failure, Format, Invocation, Outcome, console, output};
use serde_json::{Map, Value, json};

pub const COMMAND: Command = Command {
    name: "lease reconcile",
    summary: "Compare what is outside with the leases",
    arguments: "MOUNT",
    takes: (1, 1),
    about: "Compares the users that a mount's target holds with the mount's leases, and shows the differences: orphans (outside, \
            without a lease, and surely this server's), ghosts (a living lease, and nothing outside), drift (a lease whose user \
            is not as it should be), and what is unknown (it looks like this server's, and nothing proves it).\n\n\
            With -fix orphans are ended and the leases of ghosts end. Drift is left to you: its command is shown. What is unknown \
            is never touched. The exit code says it to scripts: 0 when nothing differs, or all that did was put right; 2 when \
            something differs, or could not be compared.",
    examples: &[
        ("Does the database hold what it should?", "lease reconcile database"),
        ("End what is there without a lease, and leases of nothing:", "lease reconcile -fix database"),
    ],
    flags: &[Flag::bool("fix", "End orphans and ghosts. Needs sudo.")],
    shares: &[&HTTP, &FORMAT],
    run,
};

/// The lists of differences in an answer.
const KINDS: [(&str, &str); 4] =
    [("orphans", "orphan"), ("ghosts", "ghost"), ("drift", "drift"), ("unknown", "unknown")];
const COUNTS: [&str; 4] = ["outside", "leases", "too_young", "of_others"];

fn run(invocation: &Invocation) -> Outcome {
    let mount = invocation.argument(0).trim().trim_matches('/');
    let fix = invocation.is_set("fix");
    let format = invocation.format()?;
    let mut whole = collect(&invocation.client()?, mount, fix)?;
    let is_clean =
        lists(&whole).all(|(_, difference)| fix && is_put_right(difference)) && list(&whole, "unreachable").is_empty();
    whole.insert("is_clean".to_owned(), is_clean.into());
    match format {
        Format::Table => show(&whole, mount, fix),
        format => output::structured(&Value::Object(whole), format),
    }
    Ok(if is_clean { Exit::SUCCESS } else { Exit::REFUSED })
}

/// Asks until there is no more, and puts the answers together.
fn collect(client: &Client, mount: &str, fix: bool) -> Result<Map<String, Value>, Failure> {
    let path = format!("sys/leases/reconcile/{mount}");
    let (mut whole, mut after) = (Map::new(), String::new());
    loop {
        let answer = if fix {
            client.write(&path, json!({ "fix": true, "after": after }))
        } else {
            let query = (!after.is_empty()).then(|| ("after".to_owned(), after.clone()));
            client.ask(&Call::new("GET", &path).with_query(query))
        };
        let answer = answer.map_err(|failure| failure.context(format!("Error reconciling {mount}")))?;
        let answer = answer.ok_or_else(|| Failure::refused(format!("Nothing was answered for {mount}")))?;
        output::warnings(&answer);
        let next = take(&mut whole, &answer);
        match next {
            Some(next) if next != after => after = next,
            _ => return Ok(whole),
        }
    }
}

/// Adds an answer to what is there already; where to go on.
fn take(whole: &mut Map<String, Value>, answer: &Answer) -> Option<String> {
    let data = answer.data().cloned().unwrap_or_default();
    for name in KINDS.map(|(name, _)| name).into_iter().chain(["unreachable"]) {
        let known = whole.entry(name).or_insert_with(|| json!([]));
        if let (Value::Array(known), Some(Value::Array(more))) = (known, data.get(name)) {
            for item in more {
                // A place that does not answer is told once.
                if name != "unreachable" || known.iter().all(|other| other["place"] != item["place"]) {
                    known.push(item.clone());
                }
            }
        }
    }
    for name in COUNTS {
        let sum =
            whole.get(name).and_then(Value::as_u64).unwrap_or(0) + data.get(name).and_then(Value::as_u64).unwrap_or(0);
        whole.insert(name.to_owned(), sum.into());
    }
    data.get("next").and_then(Value::as_str).map(str::to_owned)
}

fn list<'w>(whole: &'w Map<String, Value>, name: &str) -> &'w [Value] {
    whole.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// All differences with their kinds.
fn lists(whole: &Map<String, Value>) -> impl Iterator<Item = (&'static str, &Value)> {
    KINDS.into_iter().flat_map(|(name, kind)| list(whole, name).iter().map(move |difference| (kind, difference)))
}

fn is_put_right(difference: &Value) -> bool {
    matches!(difference["outcome"]["state"].as_str(), Some("ended" | "left-alone"))
}

fn show(whole: &Map<String, Value>, mount: &str, fix: bool) {
    let mut rows = vec![["Kind", "Subject", "Where", "What"].map(str::to_owned).to_vec()];
    for (kind, difference) in lists(whole) {
        let text = |name: &str| difference[name].as_str().unwrap_or_default();
        let place = [text("lease_id"), text("place")].into_iter().find(|text| !text.is_empty()).unwrap_or_default();
        rows.push(vec![kind.to_owned(), text("subject").to_owned(), place.to_owned(), what(kind, difference)]);
    }
    let number = |name: &str| whole.get(name).and_then(Value::as_u64).unwrap_or(0);
    if rows.len() > 1 {
        console::line(output::table::with_header(&rows));
        console::line("");
    }
    let counts: Vec<String> = KINDS.iter().map(|(name, kind)| format!("{kind} {}", list(whole, name).len())).collect();
    console::line(format!(
        "Compared {} outside with {} leases of {mount}/: {}.",
        number("outside"),
        number("leases"),
        counts.join(", ")
    ));
    for (name, words) in
        [("too_young", "were made or ended too lately to be judged"), ("of_others", "carry the mark of another server")]
    {
        if number(name) > 0 {
            console::line(format!("{} {words}.", number(name)));
        }
    }
    for place in list(whole, "unreachable") {
        console::complain(format!(
            "Not compared: {}: {}",
            output::plain(&place["place"]),
            output::plain(&place["reason"])
        ));
    }
    if !fix && (!list(whole, "orphans").is_empty() || !list(whole, "ghosts").is_empty()) {
        console::complain(format!("To end orphans and ghosts: leasehold lease reconcile -fix {mount}"));
    }
}

/// What a difference is, and what became of it.
fn what(kind: &str, difference: &Value) -> String {
    let text = |name: &str| difference[name].as_str().unwrap_or_default();
    let what = match kind {
        "orphan" => format!("has no lease; {}", text("proof")),
        "ghost" => "is not there".to_owned(),
        "drift" if text("remedy").is_empty() => text("what").to_owned(),
        "drift" => format!("{}: {}", text("what"), text("remedy")),
        _ => format!("has no lease; {}", text("why")),
    };
    let outcome = &difference["outcome"];
    let became = match outcome["state"].as_str() {
        None => return what,
        Some("ended") => "ended".to_owned(),
        Some("left-alone") => "changed meanwhile, and was left alone".to_owned(),
        Some(_) => {
            format!("being ended by {}: {}", output::plain(&outcome["lease_id"]), output::plain(&outcome["reason"]))
        }
    };
    format!("{what}; {became}")
}

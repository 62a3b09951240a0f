//! `login`: checks a token and keeps it for the commands that follow.

use crate::base::Secret;
use crate::cli::command::{ANY, Command, FIELD, FORMAT, HTTP};
use crate::cli::flags::Flag;
use crate::cli::{Answer, Exit, Failure, Format, Invocation, Outcome, arguments, console, output, token_helper};
use serde_json::{Map, Value, json};

pub const COMMAND: Command = Command {
    name: "login",
    summary: "Sign in and keep the token",
    arguments: "[TOKEN | KEY=VALUE...]",
    takes: (0, ANY),
    about: "Checks a token with the server and keeps it in ~/.vault-token, from where the other commands take it unless \
            VAULT_TOKEN is set. Without an argument it asks for the token without showing it, which also keeps it out of \
            the shell's history; - takes it from standard input.",
    examples: &[
        ("Sign in with a token that is asked for:", "login"),
        ("Sign in with a token from a file:", "login - < token.txt"),
        ("Check a token and print it, without keeping it:", "login -no-store -token-only token=hvs.EXAMPLE"),
    ],
    flags: &[
        Flag::text("method", "How to sign in. There is one way: token.").default("token"),
        Flag::text("path", "Where the method is mounted; for token it is always token/."),
        Flag::bool("no-store", "Do not keep the token."),
        Flag::bool("no-print", "Print nothing."),
        Flag::bool("token-only", "Print the token alone, and do not keep it."),
    ],
    shares: &[&HTTP, &FORMAT, &FIELD],
    run,
};

fn run(invocation: &Invocation) -> Outcome {
    let method = invocation.text("method").unwrap_or_default();
    if method != "token" {
        return Err(Failure::local(format!(
            "Unknown auth method: {method}. Signing in is possible with a token only."
        )));
    }
    let token = token(invocation)?;
    let client = invocation.client()?.with_token(token.clone());
    let looked_up = client.read("auth/token/lookup-self").map_err(|failure| failure.context("Error authenticating"))?;
    let looked_up = looked_up.ok_or_else(|| Failure::refused("Error authenticating: the server did not answer"))?;
    let only_token = invocation.is_set("token-only");
    let keep = !only_token && !invocation.is_set("no-store");
    if keep {
        token_helper::store(&invocation.environment, &token)?;
    }
    if invocation.is_set("no-print") {
        return Ok(Exit::SUCCESS);
    }
    if only_token {
        console::value(token.expose());
        return Ok(Exit::SUCCESS);
    }
    if invocation.format()? == Format::Table && invocation.field().is_none() {
        console::line(success(invocation, keep));
    }
    output::answer(invocation, &signed_in(&token, &looked_up))
}

/// The token of the arguments, of standard input, or asked for.
fn token(invocation: &Invocation) -> Result<Secret<String>, Failure> {
    let given = match invocation.arguments.as_slice() {
        [] if invocation.is_set("non-interactive") => {
            return Err(Failure::local("No token given, and asking is forbidden."));
        }
        [] => console::ask_secret("Token (will be hidden): ")?,
        [only] if only == "-" => Secret::from(console::standard_input()?.trim()),
        [only] if !only.contains('=') => Secret::from(only.trim()),
        pairs => {
            let pairs = arguments::texts(pairs)?;
            let token = pairs.into_iter().find(|(key, _)| key == "token").map(|(_, value)| value);
            Secret::from(token.unwrap_or_default().trim())
        }
    };
    if given.is_empty() {
        return Err(Failure::local("Error authenticating: a token is needed, as login TOKEN or login token=TOKEN"));
    }
    Ok(given)
}

fn success(invocation: &Invocation, kept: bool) -> String {
    let mut text = "Success! You are now authenticated.".to_owned();
    text.push_str(if kept {
        " The token below is kept in ~/.vault-token, and the\ncommands that follow use it: there is no need to sign in again.\n"
    } else {
        " The token below is not kept: give it to the\ncommands that follow with VAULT_TOKEN.\n"
    });
    if kept && invocation.environment.variable("VAULT_TOKEN").is_some() {
        console::complain(
            "WARNING! VAULT_TOKEN is set and wins over the kept token. Unset it to use the token you signed in with.\n",
        );
    }
    text
}

/// What looking a token up answers, in the shape of an answer that gives a token.
fn signed_in(token: &Secret<String>, looked_up: &Answer) -> Answer {
    let nothing = Map::new();
    let data = looked_up.data().unwrap_or(&nothing);
    let member = |name: &str| data.get(name).cloned().unwrap_or(Value::Null);
    let policies = member("policies");
    let identity = data.get("identity_policies").filter(|list| !list.is_null()).cloned().unwrap_or(json!([]));
    Answer::new(json!({
        "request_id": "", "lease_id": "", "lease_duration": 0, "renewable": false, "data": null, "warnings": null,
        "auth": {
            "client_token": token.expose(), "accessor": member("accessor"), "policies": policies,
            "token_policies": policies, "identity_policies": identity, "metadata": member("meta"),
            "orphan": member("orphan"), "entity_id": member("entity_id"), "lease_duration": member("ttl"),
            "renewable": member("renewable").as_bool().unwrap_or(false),
        },
    }))
}

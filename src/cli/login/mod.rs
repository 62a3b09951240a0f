//! `login`: signs in, by a token or by an auth method, and keeps the token for the commands that follow.

pub mod method;

use crate::base::Secret;
use crate::cli::command::{ANY, Command, FIELD, FORMAT, HTTP};
use crate::cli::flags::Flag;
use crate::cli::{Answer, Exit, Failure, Format, Invocation, Outcome, console, output, token_helper};
use method::{Method, Order};
use serde_json::{Map, Value, json};

pub const COMMAND: Command = Command {
    name: "login",
    summary: "Sign in and keep the token",
    arguments: "[TOKEN | KEY=VALUE...]",
    takes: (0, ANY),
    about: "Signs in and keeps the token in ~/.vault-token, from where the other commands take it unless VAULT_TOKEN is set. \
            Without -method one signs in with a token, which is checked with the server. \"auth help\" tells what each \
            method takes.\n\n\
            What is secret and not given is asked for without showing it, which also keeps it out of the shell's history; \
            password=- takes it from standard input, and a lone - is a token from there.",
    examples: &[
        ("Sign in with a token that is asked for:", "login"),
        ("Sign in with a token from a file:", "login - < token.txt"),
        ("Sign in with a name, and a password that is asked for:", "login -method=userpass username=anna"),
        ("Check a token and print it, without keeping it:", "login -no-store -token-only token=hvs.EXAMPLE"),
    ],
    flags: &[
        Flag::text("method", "How to sign in: token, userpass, approle, cert, or another that \"auth help\" knows.")
            .default("token"),
        Flag::text(
            "path",
            "Where the method is mounted, below auth/. The default is its name; for token always token/.",
        ),
        Flag::bool("no-store", "Do not keep the token."),
        Flag::bool("no-print", "Print nothing."),
        Flag::bool("token-only", "Print the token alone, and do not keep it."),
    ],
    shares: &[&HTTP, &FORMAT, &FIELD],
    run,
};

fn run(invocation: &Invocation) -> Outcome {
    let name = invocation.text("method").unwrap_or_default();
    let method = method::named(name).ok_or_else(|| method::unknown(name))?;
    let answer = if method.name == "token" { by_token(invocation)? } else { by_method(invocation, method)? };
    if answer.wrap_info().is_some() {
        return output::answer(invocation, &answer);
    }
    let token = token_of(&answer)?;
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
    output::answer(invocation, &answer)
}

fn by_token(invocation: &Invocation) -> Result<Answer, Failure> {
    let token = token(invocation)?;
    let client = invocation.client()?.with_token(token.clone());
    let looked_up = client
        .read("auth/token/lookup-self")
        .map_err(|failure| denied(failure, "The server does not know this token, or it has ended."))?;
    let looked_up = looked_up.ok_or_else(|| Failure::refused("Error authenticating: the server did not answer"))?;
    Ok(signed_in(&token, &looked_up))
}

/// Who signs in needs no token, and sends none.
fn by_method(invocation: &Invocation, method: &Method) -> Result<Answer, Failure> {
    let Order { path, body } = method.order(invocation)?;
    let client = invocation.client()?.with_token(Secret::from(""));
    let answer = client.write(&path, Value::Object(body)).map_err(|failure| denied(failure, &nobody_there(&path)))?;
    answer.ok_or_else(|| Failure::refused("Error authenticating: the server gave no token"))
}

/// Who is turned away while signing in is not told to sign in: the hint says what else may be wrong.
fn denied(failure: Failure, hint: &str) -> Failure {
    let mut failure = failure.context("Error authenticating");
    let usual = ["\n\nThe request carries no token", "\n\nSign in with:", "\n\nIf the token should be good"];
    if let Some(at) = usual.iter().filter_map(|usual| failure.message.find(usual)).min() {
        failure.message.truncate(at);
        failure.message = format!("{}\n\n{hint}", failure.message);
    }
    failure
}

fn nobody_there(path: &str) -> String {
    let mount = path.split("/login").next().unwrap_or(path);
    format!(
        "Perhaps nobody signs in at {mount}/: whoever may can see the methods with \"auth list\"; -path names another."
    )
}

fn token_of(answer: &Answer) -> Result<Secret<String>, Failure> {
    let auth = answer.auth();
    let token = auth.and_then(|auth| auth.get("client_token")).and_then(Value::as_str).unwrap_or_default();
    if !token.is_empty() {
        return Ok(Secret::from(token));
    }
    let wants_more = auth.and_then(|auth| auth.get("mfa_requirement")).is_some_and(|more| !more.is_null());
    Err(Failure::refused(if wants_more {
        "Error authenticating: the server wants a second factor, which is not supported here"
    } else {
        "Error authenticating: the server gave no token"
    }))
}

/// The token of the arguments, of standard input, or asked for.
fn token(invocation: &Invocation) -> Result<Secret<String>, Failure> {
    let given = match invocation.arguments.as_slice() {
        [only] if only == "-" => Secret::from(console::standard_input()?.trim()),
        [only] if !only.contains('=') => Secret::from(only.trim()),
        _ => {
            let order = method::METHODS[0].order(invocation)?;
            Secret::from(order.body.get("token").and_then(Value::as_str).unwrap_or_default().trim())
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
        console::warn(
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

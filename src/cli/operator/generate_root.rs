//! `operator generate-root`: a new root token, made by those who hold the unseal keys.

use super::shares::{key_and_nonce, must_encrypt, one_of, pgp_keys};
use crate::base::{Secret, random};
use crate::cli::client::Call;
use crate::cli::command::{Command, FORMAT, HTTP};
use crate::cli::flags::Flag;
use crate::cli::{Answer, Client, Exit, Failure, Format, Invocation, Outcome, console, output, progress};
use base64::Engine as _;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use serde_json::{Map, Value, json};
use zeroize::Zeroizing;

const PATH: &str = "sys/generate-root/attempt";

pub const COMMAND: Command = Command {
    name: "operator generate-root",
    summary: "Make a new root token with the unseal keys",
    arguments: "[KEY]",
    takes: (0, 1),
    about: "Makes a new root token. Somebody begins with -init and keeps the one-time password that it shows. Then people enter \
            their unseal keys, one each, until the threshold is reached: whoever enters the last sees the new token, encoded \
            with that password. -decode makes the token of both. So neither who enters the keys nor who reads along has it.\n\n\
            Without an argument it asks for the key without showing it; - takes it from standard input. A key that is given in \
            one of these ways, and not asked for, goes with the -nonce that -init showed.",
    examples: &[
        ("Begin:", "operator generate-root -init"),
        ("Enter an unseal key:", "operator generate-root"),
        (
            "Make the token of what was shown at last, and the password:",
            "operator generate-root -decode=ENCODED -otp=PASSWORD",
        ),
        ("Give it up:", "operator generate-root -cancel"),
    ],
    flags: &[
        Flag::bool("init", "Begin."),
        Flag::bool("cancel", "Give it up and forget what was entered."),
        Flag::bool("status", "Tell how far it has come."),
        Flag::bool("generate-otp", "Print a one-time password for -otp, and do nothing else."),
        Flag::text("decode", "An encoded token, to be decoded with -otp; - takes it from standard input."),
        Flag::text(
            "otp",
            "The one-time password: with -init one of your own, with -decode the one that -init showed; - takes it \
                           from standard input.",
        ),
        Flag::text(
            "pgp-key",
            "With -init: file with a public key of PGP to encrypt the token for, in place of a password.",
        ),
        Flag::text("nonce", "The nonce that -init showed."),
        Flag::bool("dr-token", "Not supported: there is no disaster recovery."),
        Flag::bool("recovery-token", "Not supported: there is no recovery mode."),
    ],
    shares: &[&HTTP, &FORMAT],
    run,
};

fn run(invocation: &Invocation) -> Outcome {
    if invocation.is_set("dr-token") || invocation.is_set("recovery-token") {
        return Err(Failure::local(
            "-dr-token and -recovery-token are not supported: there is one kind of root token.",
        ));
    }
    if let Some(encoded) = invocation.given("decode") {
        return decode(invocation, encoded);
    }
    let action = one_of(invocation, &["init", "cancel", "status", "generate-otp"])?;
    let client = invocation.client()?;
    match action {
        Some("init") => begin(invocation, &client),
        Some("cancel") => {
            let answer = client.change(&Call::new("DELETE", PATH));
            answer.map_err(|failure| failure.context("Error canceling root token generation"))?;
            console::line("Success! Root token generation canceled (if it was started)");
            Ok(Exit::SUCCESS)
        }
        Some("status") => show(invocation, &status(&client)?),
        Some(_) => {
            let length = status(&client)?.data_or_body().and_then(|status| status.get("otp_length")?.as_u64());
            console::line(random::base62(usize::try_from(length.unwrap_or(28)).unwrap_or(28).clamp(16, 256))?);
            Ok(Exit::SUCCESS)
        }
        None => enter(invocation, &client),
    }
}

fn status(client: &Client) -> Result<Answer, Failure> {
    let answer = client.read(PATH).map_err(|failure| failure.context("Error getting root generation status"))?;
    answer.ok_or_else(|| Failure::refused("Error getting root generation status: the server answered nothing"))
}

fn begin(invocation: &Invocation, client: &Client) -> Outcome {
    let mut body = Map::new();
    if let Some(otp) = from_flag(invocation, "otp")? {
        body.insert("otp".to_owned(), otp.expose().as_str().into());
    }
    let key = invocation.given("pgp-key").map(str::to_owned);
    if let Some(key) = &key {
        body.insert("pgp_key".to_owned(), pgp_keys(std::slice::from_ref(key))?.concat().into());
    }
    let answer = client.write(PATH, Value::Object(body));
    let answer = answer.map_err(|failure| failure.context("Error initializing root generation"))?;
    let answer = answer.ok_or_else(|| Failure::refused("Error initializing root generation: no answer"))?;
    if key.is_some() {
        must_encrypt(&answer, &["pgp_fingerprint"]).inspect_err(|_| drop(client.delete(PATH)))?;
    }
    let made =
        answer.data_or_body().and_then(|status| status.get("otp")).is_some_and(|otp| !otp.is_null() && otp != "");
    if made && invocation.format()? == Format::Table {
        console::complain(
            "A one-time password was made, the OTP below. It is needed to decode the new token and is not shown again: keep it.\n",
        );
    }
    show(invocation, &answer)
}

fn enter(invocation: &Invocation, client: &Client) -> Outcome {
    let known = status(client)?;
    let known = known.data_or_body().cloned().unwrap_or_default();
    if known.get("started") != Some(&Value::Bool(true)) {
        return Err(Failure::local(
            "No root token generation is in progress. Begin one with: leasehold operator generate-root -init",
        ));
    }
    let (key, nonce) = key_and_nonce(invocation, &known, "nonce")?;
    let answer = client.write("sys/generate-root/update", json!({ "key": key.expose(), "nonce": nonce }));
    let answer = answer.map_err(|failure| failure.context("Error posting unseal key"))?;
    show(invocation, &answer.ok_or_else(|| Failure::refused("Error posting unseal key: the server answered nothing"))?)
}

fn show(invocation: &Invocation, answer: &Answer) -> Outcome {
    let status = answer.data_or_body().cloned().unwrap_or_default();
    match invocation.format()? {
        Format::Table => {
            let number = |name: &str| status.get(name).and_then(Value::as_u64).unwrap_or(0);
            progress::steps("Keys entered", number("progress"), number("required"));
            console::line(output::table::key_value(&rows(&status)));
        }
        format => output::structured(&Value::Object(status), format),
    }
    Ok(Exit::SUCCESS)
}

fn rows(status: &Map<String, Value>) -> Vec<(&'static str, String)> {
    let given = |name: &str| status.get(name).filter(|value| !value.is_null() && **value != "" && **value != 0);
    let shown = |name: &str| status.get(name).map(output::plain).unwrap_or_default();
    let mut rows = vec![
        ("Nonce", shown("nonce")),
        ("Started", shown("started")),
        ("Progress", format!("{}/{}", shown("progress"), shown("required"))),
        ("Complete", shown("complete")),
    ];
    let encoded = given("encoded_token").or(given("encoded_root_token"));
    for (title, value) in [
        ("PGP Fingerprint", given("pgp_fingerprint")),
        ("Encoded Token", encoded),
        ("OTP", given("otp")),
        ("OTP Length", given("otp_length")),
    ] {
        rows.extend(value.map(|value| (title, output::plain(value))));
    }
    rows
}

fn decode(invocation: &Invocation, encoded: &str) -> Outcome {
    let encoded = if encoded == "-" { console::standard_input()?.trim().to_owned() } else { encoded.trim().to_owned() };
    let encoded = Zeroizing::new(encoded);
    let otp = from_flag(invocation, "otp")?;
    let otp = otp.ok_or_else(|| Failure::local("Missing otp: give -decode the -otp that -init showed"))?;
    let token = Secret::from(&**decoded(&encoded, otp.expose())?);
    match invocation.format()? {
        Format::Table => console::line(token.expose()),
        format => output::structured(Answer::new(json!({ "token": token.expose() })).body(), format),
    }
    Ok(Exit::SUCCESS)
}

fn from_flag(invocation: &Invocation, name: &str) -> Result<Option<Secret<String>>, Failure> {
    match invocation.given(name).filter(|value| !value.is_empty()) {
        None => Ok(None),
        Some("-") => Ok(Some(Secret::from(console::standard_input()?.trim()))),
        Some(value) => Ok(Some(Secret::from(value.trim()))),
    }
}

/// The token of its encoded form and the password: each byte of one with its byte of the other.
fn decoded(encoded: &str, otp: &str) -> Result<Zeroizing<String>, Failure> {
    let any_padding = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let wrong = |why: &str| Failure::local(format!("Error decoding root token: {why}"));
    let bytes = GeneralPurpose::new(&alphabet::STANDARD, any_padding).decode(encoded);
    let mut bytes = Zeroizing::new(bytes.map_err(|_| wrong("what was given to -decode is not base64"))?);
    if bytes.len() != otp.len() {
        return Err(wrong(&format!("the token has {} bytes and the password {}", bytes.len(), otp.len())));
    }
    bytes.iter_mut().zip(otp.bytes()).for_each(|(byte, other)| *byte ^= other);
    let token = std::str::from_utf8(&bytes).map_err(|_| wrong("the password is not the one of this token"))?;
    Ok(Zeroizing::new(token.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};

    #[test]
    fn a_token_comes_out_of_its_encoded_form_and_the_password() {
        let (token, otp) = ("hvs.0123456789abcdefghijklmn", "abcdefghijklmnopqrstuvwxyz01");
        let mixed: Vec<u8> = token.bytes().zip(otp.bytes()).map(|(left, right)| left ^ right).collect();
        for encoded in [STANDARD.encode(&mixed), STANDARD_NO_PAD.encode(&mixed)] {
            assert_eq!(*decoded(&encoded, otp).unwrap(), token);
        }
        assert!(decoded(&STANDARD.encode(&mixed), "short").unwrap_err().message.contains("28 bytes"));
        assert!(decoded("*", otp).unwrap_err().message.contains("base64"));
    }
}

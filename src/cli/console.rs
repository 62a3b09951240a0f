//! The terminal: standard input, output and error. A reader that went away (`| head`) is no error of ours, so that failed
//! writes are dropped silently, which `println!` would not do.
//!
//! Invariant: what is not a terminal gets no colours, and no terminal does where `NO_COLOR` asks for none.

use crate::base::Secret;
use crate::cli::{Environment, Failure};
use std::io::{self, BufRead, IsTerminal, Read, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use zeroize::Zeroizing;

const RED: &str = "\x1b[31m";
const YELLOW: &str = "\x1b[33m";
const PLAIN: &str = "\x1b[0m";

static COLOURED: AtomicBool = AtomicBool::new(false);

/// Decides whether standard error is written in colours.
pub fn choose_colours(environment: &Environment) {
    let unwanted = ["NO_COLOR", "VAULT_CLI_NO_COLOR"].iter().any(|name| environment.variable(name).is_some());
    let plain = environment.variable("TERM").is_none_or(|terminal| terminal == "dumb");
    COLOURED.store(!unwanted && !plain && io::stderr().is_terminal(), Ordering::Relaxed);
}

/// Whether a person watches standard error, so that progress can be shown there.
#[must_use]
pub fn is_watched() -> bool {
    io::stderr().is_terminal()
}

/// Writes a line to standard output.
pub fn line(text: impl AsRef<str>) {
    raw(format!("{}\n", text.as_ref()));
}

/// Writes a value to standard output: with a newline for a person, without one for a script.
pub fn value(text: &str) {
    if io::stdout().is_terminal() { line(text) } else { raw(text) }
}

/// Writes a line to standard error.
pub fn complain(text: impl AsRef<str>) {
    let _ = writeln!(io::stderr().lock(), "{}", text.as_ref());
}

/// Tells why a command failed.
pub fn error(text: impl AsRef<str>) {
    complain(coloured(RED, text.as_ref()));
}

/// Tells what is to be noticed.
pub fn warn(text: impl AsRef<str>) {
    complain(coloured(YELLOW, text.as_ref()));
}

/// Writes over the line of standard error that the last call wrote; for a person who waits.
pub fn progress(text: &str) {
    let mut out = io::stderr().lock();
    let _ = write!(out, "\r\x1b[2K{text}");
    let _ = out.flush();
}

/// Writes to standard output just what is given.
pub fn raw(text: impl AsRef<str>) {
    let mut out = io::stdout().lock();
    let _ = out.write_all(text.as_ref().as_bytes());
    let _ = out.flush();
}

/// Writes bytes to standard output as they are; false where nobody reads them any more.
#[must_use]
pub fn bytes(bytes: &[u8]) -> bool {
    let mut out = io::stdout().lock();
    out.write_all(bytes).and_then(|()| out.flush()).is_ok()
}

fn coloured(colour: &str, text: &str) -> String {
    if COLOURED.load(Ordering::Relaxed) { format!("{colour}{text}{PLAIN}") } else { text.to_owned() }
}

/// All of standard input, as text.
pub fn standard_input() -> Result<Zeroizing<String>, Failure> {
    let mut text = Zeroizing::new(String::new());
    io::stdin()
        .lock()
        .read_to_string(&mut text)
        .map_err(|error| Failure::local(format!("could not read standard input: {error}")))?;
    Ok(text)
}

/// Asks for a secret: without echo on a terminal, else the next line of standard input.
pub fn ask_secret(prompt: &str) -> Result<Secret<String>, Failure> {
    let failed = |error: io::Error| Failure::local(format!("could not read an answer: {error}"));
    if io::stdin().is_terminal() {
        return rpassword::prompt_password(prompt).map(|text| trimmed(&Zeroizing::new(text))).map_err(failed);
    }
    complain(prompt.trim_end());
    let mut text = Zeroizing::new(String::new());
    if io::stdin().lock().read_line(&mut text).map_err(failed)? == 0 {
        return Err(Failure::local("nothing was entered: standard input is empty"));
    }
    Ok(trimmed(&text))
}

fn trimmed(text: &str) -> Secret<String> {
    Secret::from(text.trim())
}

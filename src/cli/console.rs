//! The terminal: standard input, output and error. A reader that went away (`| head`) is no error of ours, so that failed
//! writes are dropped silently, which `println!` would not do.

use crate::base::Secret;
use crate::cli::Failure;
use std::io::{self, BufRead, IsTerminal, Read, Write};
use zeroize::Zeroizing;

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

fn raw(text: impl AsRef<str>) {
    let mut out = io::stdout().lock();
    let _ = out.write_all(text.as_ref().as_bytes());
    let _ = out.flush();
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

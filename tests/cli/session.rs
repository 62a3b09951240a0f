//! A long session at the command line, against a server and an AWS emulator that the test starts: every command with what it
//! prints and its exit code, as one page that reads from end to end. `UPDATE_SCRIPTS=1 cargo test --test cli session` writes
//! the page anew from its commands.
//!
//! Lines that begin with `$ ` are commands, those that begin with `# ` are for the reader, `[2]` is an exit code, and the rest is
//! what was printed, errors and answers as they come. What differs from one run to the next (tokens, ids, keys, times) is
//! replaced by something of the same length that does not: the same value by the same one everywhere.

use crate::support::moto::Moto;
use crate::support::server::{PROGRAM, Server};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Stdio};

/// Fields whose values are other ones in each run, whatever they look like.
const VOLATILE: [&str; 15] = [
    "ttl",
    "expire_time",
    "issue_time",
    "last_renewal",
    "last_renewal_time",
    "creation_time",
    "created_time",
    "updated_time",
    "last_update_time",
    "last_updated_time",
    "secret_key",
    "uptime",
    "OTP",
    "Encoded Token",
    "Encryption Count",
];

#[test]
fn a_long_session_prints_what_the_transcript_shows() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli/session.transcript");
    let expected = fs::read_to_string(&page).unwrap();
    let happened = play(&expected);
    let count = expected.lines().filter(|line| line.starts_with("$ ")).count();
    assert!(count >= 200, "the session has {count} commands");
    if happened == expected {
        return;
    }
    if std::env::var_os("UPDATE_SCRIPTS").is_some() {
        fs::write(page, happened).unwrap();
        return;
    }
    let line = expected.lines().zip(happened.lines()).take_while(|(left, right)| left == right).count();
    let from = |text: &str| text.lines().skip(line.saturating_sub(6)).take(14).collect::<Vec<_>>().join("\n  ");
    panic!("line {}:\nexpected\n  {}\nhappened\n  {}", line + 1, from(&expected), from(&happened));
}

fn play(page: &str) -> String {
    let moto = Moto::start();
    let log = tempfile::tempdir().unwrap();
    let server = Server::start(&format!("audit_directories = [\"{}\"]", log.path().display()));
    let (bin, home) = (server.path("bin"), server.path("home"));
    fs::create_dir(&bin).unwrap();
    fs::create_dir(&home).unwrap();
    symlink(PROGRAM, bin.join("leasehold")).unwrap();
    let search = format!("{}:/usr/bin:/bin", bin.display());
    let mut seen = Seen::default();
    for (real, shown) in [
        (server.address.as_str(), "http://127.0.0.1:8200"),
        (server.address.trim_start_matches("http://"), "127.0.0.1:8200"),
        (moto.endpoint.as_str(), "http://127.0.0.1:5000"),
        (moto.admin.access_key.as_str(), "AKIAADMIN"),
        (moto.admin.secret_key.as_str(), "ADMIN-SECRET-KEY"),
        (home.to_str().unwrap(), "/home/anna"),
        (log.path().to_str().unwrap(), "/var/log/leasehold"),
    ] {
        seen.known.push((real.to_owned(), shown.to_owned()));
    }
    let mut happened = String::new();
    let mut lines = page.lines().peekable();
    while let Some(line) = lines.next() {
        let is_for_the_reader =
            line.starts_with("# ") || (line.is_empty() && lines.peek().is_some_and(|next| next.starts_with("# ")));
        if is_for_the_reader {
            let _ = writeln!(happened, "{line}");
        }
        let Some(mut command) = line.strip_prefix("$ ").map(str::to_owned) else { continue };
        while let Some(more) = lines.next_if(|next| next.starts_with("> ")) {
            command = format!("{command}\n{}", &more[2..]);
        }
        let output = Command::new("bash")
            .args(["--norc", "-c", &format!("exec 2>&1\n{command}")])
            .current_dir(&home)
            .env_clear()
            .env("PATH", &search)
            .env("HOME", &home)
            .env("VAULT_ADDR", &server.address)
            .env("AUDIT", log.path())
            .env("AWS_ENDPOINT", &moto.endpoint)
            .env("ADMIN_ACCESS_KEY", &moto.admin.access_key)
            .env("ADMIN_SECRET_KEY", &moto.admin.secret_key)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let _ = writeln!(happened, "$ {}", command.replace('\n', "\n> "));
        let printed = seen.stable(&String::from_utf8_lossy(&output.stdout));
        happened.push_str(&printed);
        if !printed.is_empty() && !printed.ends_with('\n') {
            happened.push('\n');
        }
        if let Some(code) = output.status.code().filter(|code| *code != 0) {
            let _ = writeln!(happened, "[{code}]");
        }
    }
    happened
}

/// What differs from run to run, and what stands for it.
#[derive(Default)]
struct Seen {
    known: Vec<(String, String)>,
    values: BTreeMap<String, String>,
}

impl Seen {
    fn stable(&mut self, text: &str) -> String {
        let text = self.known.iter().fold(text.to_owned(), |text, (real, shown)| text.replace(real, shown));
        let mut stable = String::new();
        for line in text.split_inclusive('\n') {
            stable.push_str(&self.line(line));
        }
        stable
    }

    fn line(&mut self, line: &str) -> String {
        if let Some((key, value)) =
            line.split_once(": ").filter(|(key, _)| key.starts_with("Unseal Key ") || is_new_key(key))
        {
            return format!("{key}: {}\n", self.of_length(value.trim(), "", 'K'));
        }
        if let Some(line) = volatile(line) {
            return line;
        }
        if let Some((before, after)) = line.split_once(" (in ").filter(|(_, after)| after.contains(')')) {
            let after = after.split_once(')').map_or("", |(_, after)| after);
            return format!("{} (in <varies>){after}", self.line(before));
        }
        let mut stable = String::new();
        let mut rest = line;
        let in_word = |c: char| c.is_ascii_alphanumeric() || "-_.:+".contains(c);
        while let Some(start) = rest.find(in_word) {
            stable.push_str(&rest[..start]);
            let end = rest[start..].find(|c| !in_word(c)).map_or(rest.len(), |end| start + end);
            stable.push_str(&self.word(&rest[start..end]));
            rest = &rest[end..];
        }
        stable + rest
    }

    fn word(&mut self, word: &str) -> String {
        let trimmed = word.trim_end_matches(['.', ':']);
        let ending = &word[trimmed.len()..];
        let body = |prefix: &str| trimmed.strip_prefix(prefix).filter(|body| body.len() >= 16).map(|body| body.len());
        let is_id = |word: &str| {
            let all = word.chars().all(|c| c.is_ascii_alphanumeric());
            all && word.len() >= 20 && word.chars().any(|c| c.is_ascii_digit()) && word.chars().any(char::is_uppercase)
        };
        let shown =
            if let Some(prefix) = ["hvs.", "hvb.", "AKIA", "ASIA"].into_iter().find(|prefix| body(prefix).is_some()) {
                self.of_length(trimmed, prefix, '0')
            } else if is_time(trimmed) {
                "2026-01-01T00:00:00Z".to_owned()
            } else if is_uuid(trimmed) {
                let count = self.of_length(trimmed, "", '0');
                let digits: String = count.chars().filter(char::is_ascii_digit).collect();
                let number = &digits[digits.len() - 12..];
                format!("00000000-0000-0000-0000-{number}")
            } else if let Some((name, _)) = trimmed.rsplit_once('_').filter(|(_, id)| is_hex(id, 8)) {
                self.of_length(trimmed, &format!("{name}_"), '0')
            } else if trimmed.starts_with("leasehold-cluster-") {
                self.of_length(trimmed, "leasehold-cluster-", '0')
            } else if is_id(trimmed) {
                self.of_length(trimmed, "", '0')
            } else if trimmed.starts_with("vault-") && trimmed.contains(|c: char| c.is_ascii_uppercase()) {
                self.of_length(trimmed, "vault-", '0')
            } else if trimmed.len() == 10 && trimmed.parse::<u64>().is_ok_and(|number| number > 1_600_000_000) {
                "1767225600".to_owned()
            } else {
                trimmed.to_owned()
            };
        shown + ending
    }

    /// The stand-in of a value: as long as it is, so that what is aligned stays so.
    fn of_length(&mut self, value: &str, prefix: &str, fill: char) -> String {
        let number = self.values.len() + 1;
        let width = value.len() - prefix.len();
        let stand_in = || {
            let number = number.to_string();
            format!("{prefix}{}{number}", fill.to_string().repeat(width.saturating_sub(number.len())))
        };
        self.values.entry(value.to_owned()).or_insert_with(stand_in).clone()
    }
}

/// `Key 1`, as new unseal keys are shown.
fn is_new_key(key: &str) -> bool {
    key.strip_prefix("Key ").is_some_and(|number| number.parse::<u32>().is_ok())
}

/// A line whose value is another one in each run, as a row of a table, in JSON or in YAML.
fn volatile(line: &str) -> Option<String> {
    let trimmed = line.trim_start();
    let margin = &line[..line.len() - trimmed.len()];
    let is_volatile = |key: &str| VOLATILE.contains(&key);
    if let Some((key, value)) = trimmed.split_once(": ") {
        let name = key.trim_matches('"');
        if is_volatile(name) && !value.trim().is_empty() && !["0", "0,", "null", "null,"].contains(&value.trim()) {
            let comma = if value.trim_end().ends_with(',') { "," } else { "" };
            return Some(format!("{margin}{key}: <varies>{comma}\n"));
        }
    }
    let (key, value) = trimmed.split_once("  ")?;
    let gap = " ".repeat(value.len() - value.trim_start().len() + 2);
    let value = value.trim();
    let is_nothing = key != "Encryption Count" && ["n/a", "<nil>", "0s", "0"].contains(&value);
    (is_volatile(key) && !is_nothing && !value.contains("  ")).then(|| format!("{margin}{key}{gap}<varies>\n"))
}

fn is_time(word: &str) -> bool {
    let shape: String = word.chars().take(19).map(|c| if c.is_ascii_digit() { '9' } else { c }).collect();
    shape == "9999-99-99T99:99:99"
}

fn is_uuid(word: &str) -> bool {
    let parts: Vec<&str> = word.split('-').collect();
    parts.len() == 5 && parts.iter().zip([8, 4, 4, 4, 12]).all(|(part, length)| is_hex(part, length))
}

fn is_hex(word: &str, length: usize) -> bool {
    word.len() == length && word.chars().all(|c| c.is_ascii_hexdigit())
}

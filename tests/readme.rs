//! The README's tour, played, and those of other pages: what they show is what the program prints.
//!
//! Every `$ command` of a page's console blocks is run, in order, by a shell against a new server and an AWS emulator.
//! What differs from one run to the next (tokens, keys, ids, times) must have the form that the README shows; from then on the
//! README's example stands for the value of this run, in commands and outputs alike.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "test code: a panic is the verdict")]

mod support;

use leasehold::base::duration;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use support::moto::Moto;
use support::server::{PROGRAM, Server};
use support::{PATIENCE, python};

/// A command of the tour and what it prints, as the README has it.
struct Step {
    command: String,
    output: String,
}

#[test]
fn the_tour_prints_what_the_readme_shows() {
    let moto = Moto::start();
    let server = Server::start("");
    let mut known = Known::default();
    known.learn("http://127.0.0.1:8200", &server.address);
    known.learn("AKIAIOSFODNN7EXAMPLE", &moto.admin.access_key);
    let secret = format!("{} iam_endpoint={1} sts_endpoint={1}", moto.admin.secret_key, moto.endpoint);
    known.learn("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", &secret);

    assert!(play(&readme(), &server, known) > 20, "the README's tour is short");
    assert_eq!(moto.users(), Vec::<String>::new(), "the tour leaves nothing at AWS");
}

#[test]
fn the_page_on_key_value_secrets_shows_what_is_printed() {
    let server = Server::ready();
    let mut known = Known::default();
    known.learn("http://127.0.0.1:8200", &server.address);
    std::fs::write(server.path(".vault-token"), &server.root).unwrap();
    assert!(play(&page("docs/kv.md"), &server, known) > 12, "the page's tour is short");
}

#[test]
fn the_readme_s_configuration_is_one() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("server.hcl");
    fs::write(&file, blocks(&readme(), "hcl").concat()).unwrap();
    let (config, warnings) = leasehold::config::load(&[file]).unwrap_or_else(|error| panic!("{}", error.message()));
    assert!(warnings.is_empty(), "{warnings:?}");
    assert_eq!(config.listeners[0].address.to_string(), "127.0.0.1:8200");
}

/// The judge is judged: what is not in the README's form is told.
#[test]
fn a_difference_is_seen() {
    let shown = "token       hvs.0VbqwQdXZksynAT0U16Yoesc9Y7EPqzg\nduration    1h";
    let mut known = Known::default();
    assert_eq!(known.compare(shown, &shown.replace("0Vbqw", "1Abcd").replace("1h", "59m58s")), Ok(()));
    assert_eq!(known.in_this_run("x hvs.0VbqwQdXZksynAT0U16Yoesc9Y7EPqzg"), "x hvs.1AbcdQdXZksynAT0U16Yoesc9Y7EPqzg");
    for other in ["", "token hvs.short\nduration 1h", &shown.replace("1h", "2h"), &shown.replace("duration", "lease")] {
        assert!(Known::default().compare(shown, other).is_err(), "{other:?}");
    }
}

fn readme() -> String {
    page("README.md")
}

fn page(name: &str) -> String {
    fs::read_to_string(PathBuf::from(python::repository()).join(name)).unwrap()
}

/// Runs a page's commands against a server and compares; how many there were.
fn play(page: &str, server: &Server, mut known: Known) -> usize {
    let bin = server.path("bin");
    fs::create_dir(&bin).unwrap();
    symlink(PROGRAM, bin.join("leasehold")).unwrap();
    let search = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    let steps = steps(page);
    let count = steps.len();
    for step in steps {
        let play = |known: &Known| {
            let shell = Command::new("sh")
                .args(["-c", &format!("exec 2>&1\n{}", known.in_this_run(&step.command))])
                .env("PATH", &search)
                .env("HOME", server.path(""))
                .env("VAULT_ADDR", &server.address)
                .env_remove("VAULT_TOKEN")
                .current_dir(server.path(""))
                .stdin(Stdio::null())
                .output()
                .unwrap();
            String::from_utf8(shell.stdout).unwrap()
        };
        let mut printed = play(&known);
        let mut compared = known.compare(&step.output, &printed);
        // What is revoked is refused at once, and in other words until its row is gone, which a reader never sees.
        let until = Instant::now() + PATIENCE;
        while compared.is_err() && step.output.contains("Code: 403") && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(100));
            printed = play(&known);
            compared = known.compare(&step.output, &printed);
        }
        if let Err(difference) = compared {
            panic!("$ {}\n{difference}\nIt printed:\n{printed}", step.command);
        }
    }
    count
}

/// The contents of the fenced blocks of a language.
fn blocks(page: &str, language: &str) -> Vec<String> {
    let opening = format!("```{language}\n");
    page.split(&opening).skip(1).map(|rest| rest.split("```").next().unwrap().to_owned()).collect()
}

/// A line `$ …` begins a command, lines `> …` right behind it go on with it, and all until the next is its output.
fn steps(page: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    for line in blocks(page, "console").iter().flat_map(|block| block.lines()) {
        if let Some(command) = line.strip_prefix("$ ") {
            steps.push(Step { command: command.to_owned(), output: String::new() });
            continue;
        }
        let step = steps.last_mut().expect("a console block begins with a command");
        match line.strip_prefix("> ").filter(|_| step.output.is_empty()) {
            Some(more) => step.command = format!("{}\n{more}", step.command),
            None => step.output = format!("{}{line}\n", step.output),
        }
    }
    steps
}

/// What the README's examples are in this run.
#[derive(Default)]
struct Known(Vec<(String, String)>);

impl Known {
    fn learn(&mut self, example: &str, real: &str) {
        if example != real && !self.0.iter().any(|(known, _)| known == example) {
            self.0.push((example.to_owned(), real.to_owned()));
        }
    }

    fn in_this_run(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, (example, real)| text.replace(example, real))
    }

    /// Compares line by line and word by word, and learns from words that vary.
    fn compare(&mut self, shown: &str, printed: &str) -> Result<(), String> {
        let (shown, printed) = (shown.trim_end(), printed.trim_end());
        if shown.lines().count() != printed.lines().count() {
            return Err(format!("{} lines are shown, not {}", shown.lines().count(), printed.lines().count()));
        }
        for (shown, printed) in shown.lines().zip(printed.lines()) {
            let words = shown.split_whitespace().count();
            let is_alike = words == printed.split_whitespace().count()
                && shown
                    .split_whitespace()
                    .zip(printed.split_whitespace())
                    .all(|(word, real)| self.is_alike(word, real));
            if !is_alike {
                return Err(format!("shown:   {shown}\nprinted: {printed}"));
            }
        }
        Ok(())
    }

    fn is_alike(&mut self, word: &str, real: &str) -> bool {
        if self.in_this_run(word) == real || are_near(word, real) {
            return true;
        }
        // Of a lease's id only the last part varies; of a name with a random end, only the end.
        let (word, real) = match (word.rsplit_once('/'), real.rsplit_once('/')) {
            (Some((path, end)), Some((real_path, real_end))) if path == real_path => (end, real_end),
            _ => (word, real),
        };
        let alike = form(word).is_some_and(|wanted| form(real) == Some(wanted));
        if alike {
            self.learn(word, real);
        }
        alike
    }
}

/// Times that are left differ by what the machine takes.
fn are_near(word: &str, real: &str) -> bool {
    let is_time = |text: &str| text.ends_with(['s', 'm', 'h']);
    match (duration::parse(word), duration::parse(real)) {
        (Ok(shown), Ok(printed)) if is_time(word) && is_time(real) => shown.abs_diff(printed).as_secs() <= 60,
        _ => false,
    }
}

/// The form of a word that is another one in each run, and its length; none for words that stay.
fn form(word: &str) -> Option<(String, usize)> {
    let all = |text: &str, test: fn(char) -> bool| text.chars().all(test);
    let form = if let Some((name, _)) = word
        .rsplit_once(['-', '_'])
        .filter(|(name, end)| !name.is_empty() && end.len() == 8 && all(end, |c| c.is_ascii_hexdigit()))
    {
        name
    } else if word.starts_with("hvs.") {
        "a token"
    } else if word.len() == 36 && all(word, |c| c.is_ascii_hexdigit() || c == '-') {
        "a uuid"
    } else if word.len() == 24 && word.ends_with('Z') && word.contains('T') && word.contains(':') {
        "a time"
    } else if word.len() >= 20 && all(word, |c| c.is_ascii_alphanumeric() || "+/=".contains(c)) {
        "a key or an id"
    } else {
        return None;
    };
    Some((form.to_owned(), word.len()))
}

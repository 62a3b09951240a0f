//! `-autocomplete-install` and `-autocomplete-uninstall`: the shells' own files, to which a line is added, or a file for fish.
//!
//! Invariant: nothing but our own lines is changed, and installing twice is as good as once.

use super::script;
use crate::cli::{Environment, Exit, Failure, Outcome, console};
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// Installs completion for every shell that the person has files of.
///
/// # Errors
/// No home directory, no shell, or a file that cannot be written.
pub fn install(environment: &Environment) -> Outcome {
    let home = environment.home().ok_or_else(|| Failure::local("HOME is not set: there are no files of a shell"))?;
    let program = absolute(environment);
    let name = name(&program);
    let mut done = Vec::new();
    for (file, line) in lines(&home, &program, &name) {
        if let Some(text) = read(&file)? {
            let kept = without(&text, &line.mark);
            let gap = if kept.is_empty() || kept.ends_with('\n') { "" } else { "\n" };
            write(&file, &format!("{kept}{gap}{}\n", line.text))?;
            done.push(file);
        }
    }
    let fish = home.join(".config/fish");
    if fish.is_dir() {
        let folder = fish.join("completions");
        fs::create_dir_all(&folder).map_err(|error| failed(&folder, &error))?;
        let file = folder.join(format!("{name}.fish"));
        write(&file, &script("fish", &name)?)?;
        done.push(file);
    }
    if done.is_empty() {
        return Err(Failure::local(
            "Found no ~/.bashrc, ~/.bash_profile, ~/.zshrc or ~/.config/fish to install completion in. See: leasehold completion -h",
        ));
    }
    for file in done {
        console::line(format!("Success! Completion installed in {}", file.display()));
    }
    console::line("Open a new shell for it.");
    Ok(Exit::SUCCESS)
}

/// Takes out what was installed.
///
/// # Errors
/// No home directory, or a file that cannot be written.
pub fn uninstall(environment: &Environment) -> Outcome {
    let home = environment.home().ok_or_else(|| Failure::local("HOME is not set: there are no files of a shell"))?;
    let program = absolute(environment);
    let name = name(&program);
    for (file, line) in lines(&home, &program, &name) {
        let Some(text) = read(&file)? else { continue };
        let kept = without(&text, &line.mark);
        if kept != text {
            write(&file, &kept)?;
            console::line(format!("Success! Completion removed from {}", file.display()));
        }
    }
    let fish = home.join(format!(".config/fish/completions/{name}.fish"));
    match fs::remove_file(&fish) {
        Ok(()) => console::line(format!("Success! Removed {}", fish.display())),
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(failed(&fish, &error)),
    }
    Ok(Exit::SUCCESS)
}

/// One line of a shell's file, known by its end.
struct Line {
    text: String,
    mark: String,
}

fn lines(home: &Path, program: &Path, name: &str) -> Vec<(PathBuf, Line)> {
    let quoted = format!("'{}'", program.display().to_string().replace('\'', "'\"'\"'"));
    let line = |shell: &str| {
        let mark = format!("# completion of {name}");
        let prepared = if shell == "zsh" { "autoload -Uz compinit && compinit -u; " } else { "" };
        let guarded = format!("[ -x {quoted} ] && {{ {prepared}source <({quoted} completion {shell}); }}");
        Line { text: format!("{guarded} {mark}"), mark }
    };
    let bash = [".bashrc", ".bash_profile"].map(|file| home.join(file)).into_iter().find(|file| file.exists());
    let mut lines: Vec<(PathBuf, Line)> = bash.into_iter().map(|file| (file, line("bash"))).collect();
    lines.push((home.join(".zshrc"), line("zsh")));
    lines
}

fn without(text: &str, mark: &str) -> String {
    text.split_inclusive('\n').filter(|line| !line.trim_end().ends_with(mark)).collect()
}

/// The program's own file, so that the shell finds it wherever it is.
fn absolute(environment: &Environment) -> PathBuf {
    let called = environment.program();
    let own = std::env::current_exe().unwrap_or_else(|_| PathBuf::from(called));
    // Called by a link of another name it is to be completed under that name.
    match Path::new(called).file_name() {
        Some(name) if called.contains('/') && own.file_name() != Some(name) => {
            std::path::absolute(called).unwrap_or(own)
        }
        _ => own,
    }
}

fn name(program: &Path) -> String {
    program.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

fn read(file: &Path) -> Result<Option<String>, Failure> {
    match fs::read_to_string(file) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed(file, &error)),
    }
}

fn write(file: &Path, text: &str) -> Result<(), Failure> {
    fs::write(file, text).map_err(|error| failed(file, &error))
}

fn failed(file: &Path, error: &std::io::Error) -> Failure {
    Failure::local(format!("could not change {}: {error}", file.display()))
}

//! Completion in the shells themselves: what is typed, with its tabs, and what the shell makes of it.

use crate::canned::Server;
use std::fs;
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Stdio};

const MOUNTS: &str = r#"GET /v1/sys/internal/ui/mounts 200 {"data":{"secret":{"secret/":{"type":"kv","options":{"version":"1"}},"aws/":{"type":"aws"}},"auth":{"token/":{"type":"token"}}}}"#;

/// A home of one's own with the program in it, and a server that has something to complete.
fn prepare() -> (tempfile::TempDir, Server) {
    let home = tempfile::tempdir().unwrap();
    symlink(env!("CARGO_BIN_EXE_leasehold"), home.path().join("leasehold")).unwrap();
    let server = Server::start();
    for answer in [
        MOUNTS,
        r#"GET /v1/secret/?list=true 200 {"data":{"keys":["app","team/"]}}"#,
        r#"GET /v1/secret/app 200 {"data":{"a":"1"}}"#,
        r#"GET /v1/sys/seal-status 200 {"type":"shamir","initialized":true,"sealed":false,"t":1,"n":1,"version":"1.17.0"}"#,
        r#"GET /v1/sys/internal/specs/openapi 200 {"paths":{"/aws/creds/{name}":{},"/aws/config/root":{},"/aws/roles/{name}":{"post":{"requestBody":{"content":{"application/json":{"schema":{"properties":{"credential_type":{"description":"Its type."}}}}}}}}}}"#,
        r#"GET /v1/aws/config/root 200 {"data":{"region":"eu-1"}}"#,
    ] {
        server.will_answer(answer);
    }
    (home, server)
}

fn command(program: &str, home: &Path, server: &Server) -> Command {
    let mut command = Command::new(program);
    command
        .current_dir(home)
        .env_clear()
        .env("PATH", format!("{}:/usr/bin:/bin", home.display()))
        .env("HOME", home)
        .env("TERM", "xterm")
        .env("VAULT_ADDR", server.address());
    command
}

/// What is printed for a line of arguments.
fn printed(line: &str, home: &Path, server: &Server) -> String {
    let output = command("sh", home, server).args(["-c", line]).output().unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Types into a shell on a terminal, and gives the requests that the program made.
fn typed(shell: &str, keys: &str, home: &Path, server: &Server) -> Vec<String> {
    let mut terminal = command("script", home, server)
        .args(["-qec", shell, "/dev/null"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    terminal.stdin.take().unwrap().write_all(keys.as_bytes()).unwrap();
    assert!(terminal.wait().unwrap().code().is_some());
    server.taken()
}

/// Keys that a person types who knows that the shell completes.
const KEYS: &str = "leasehold stat\t\nleasehold read -fiel\ta secr\tap\t\nleasehold list -form\tjs\tsecret\n\
                    leasehold read aws/con\troo\t\nexit\n";

fn assert_completed(requests: &[String], shell: &str) {
    for wanted in
        ["GET /v1/sys/seal-status", "GET /v1/secret/app", "GET /v1/secret/?list=true", "GET /v1/aws/config/root"]
    {
        assert!(requests.iter().any(|request| request == wanted), "{shell} never came to {wanted}: {requests:#?}");
    }
}

#[test]
fn bash_completes_commands_flags_and_paths() {
    let (home, server) = prepare();
    let script = printed("leasehold completion bash", home.path(), &server);
    fs::write(home.path().join("rc"), script + "PS1='$ '\n").unwrap();
    let requests = typed("bash --noprofile --rcfile rc -i", KEYS, home.path(), &server);
    assert_completed(&requests, "bash");
}

#[test]
fn zsh_completes_commands_flags_and_paths() {
    let (home, server) = prepare();
    let script = printed("leasehold completion zsh", home.path(), &server);
    fs::write(home.path().join(".zshrc"), format!("autoload -Uz compinit && compinit -u\n{script}")).unwrap();
    let requests = typed("zsh -o NO_GLOBAL_RCS -i", KEYS, home.path(), &server);
    assert_completed(&requests, "zsh");
}

#[test]
fn fish_completes_commands_flags_and_paths() {
    let (home, server) = prepare();
    fs::write(home.path().join("rc.fish"), printed("leasehold completion fish", home.path(), &server)).unwrap();
    for (line, wanted) in [
        ("leasehold stat", "status\tTell whether the server is unsealed"),
        ("leasehold list -format=js", "-format=json"),
        ("leasehold read secret/a", "secret/app"),
        ("leasehold read aws/con", "aws/config/"),
        ("leasehold kv get secret/te", "secret/team/"),
        ("leasehold write aws/roles/x cred", "credential_type=\tIts type."),
        ("leasehold policy write mine rc", "rc.fish"),
    ] {
        let output = command("fish", home.path(), &server)
            .args(["-c", "source rc.fish; complete -C $argv", line])
            .output()
            .unwrap();
        let found = String::from_utf8_lossy(&output.stdout);
        assert!(found.lines().any(|found| found == wanted), "{line}: {found}");
    }
}

/// Shells of the field that have `complete -C` in their files ask like this.
#[test]
fn a_line_in_the_environment_is_completed() {
    let (home, server) = prepare();
    let asked =
        |line: &str| printed(&format!("COMP_LINE='{line}' COMP_POINT={} leasehold", line.len()), home.path(), &server);
    assert_eq!(asked("leasehold secrets en"), "enable\n");
    assert_eq!(asked("leasehold read -format=j"), "json\n");
    assert_eq!(asked("leasehold read secret/"), "secret/app\nsecret/team/\n");
    assert_eq!(asked("leasehold frobnicate "), "");
}

#[test]
fn nothing_is_said_when_the_server_is_silent() {
    let (home, server) = prepare();
    let line = "VAULT_ADDR=http://127.0.0.1:1 leasehold __complete -- read secret/ 2>&1";
    assert_eq!(printed(line, home.path(), &server), "");
}

#[test]
fn completion_is_put_into_the_shells_files_once_and_taken_out_again() {
    let (home, server) = prepare();
    let path = |name: &str| home.path().join(name);
    fs::create_dir_all(path(".config/fish")).unwrap();
    fs::write(path(".bashrc"), "alias x=y").unwrap();
    fs::write(path(".zshrc"), "alias x=y\n").unwrap();
    for _ in 0..2 {
        let told = printed("leasehold -autocomplete-install", home.path(), &server);
        assert!(told.contains(".bashrc") && told.contains(".zshrc") && told.contains("leasehold.fish"), "{told}");
    }
    let bash = fs::read_to_string(path(".bashrc")).unwrap();
    assert!(bash.starts_with("alias x=y\n") && bash.lines().count() == 2, "{bash}");
    let output = command("bash", home.path(), &server).args(["-ic", "complete -p leasehold"]).output().unwrap();
    assert!(String::from_utf8_lossy(&output.stdout).contains("_leasehold"), "{output:?}");
    printed("leasehold -autocomplete-uninstall", home.path(), &server);
    assert_eq!(fs::read_to_string(path(".bashrc")).unwrap(), "alias x=y\n");
    assert_eq!(fs::read_to_string(path(".zshrc")).unwrap(), "alias x=y\n");
    assert!(!path(".config/fish/completions/leasehold.fish").exists());
    fs::remove_file(path(".bashrc")).unwrap();
    fs::remove_file(path(".zshrc")).unwrap();
    fs::remove_dir_all(path(".config")).unwrap();
    assert_eq!(printed("leasehold -autocomplete-install; echo $?", home.path(), &server), "1\n");
}

//! The shape of the source: which layer may know which, and the conventions that a machine can check. A failure names the
//! file and the line. Tests inside `src/` may reach wherever they need to.

use std::path::{Path, PathBuf};
use std::{fs, io};

/// Who may name whom, besides itself. The longest prefix of a file's path below `src/` decides.
const LAYERS: &[(&str, &[&str])] = &[
    ("base", &[]),
    ("storage", &["base"]),
    ("barrier", &["base", "storage"]),
    ("logical", &["base"]),
    ("seal", &["base", "storage"]),
    ("policy", &["base"]),
    ("config", &["base"]),
    ("audit", &["base", "logical"]),
    ("engine", &["base", "logical"]),
    ("auth", &["base", "logical"]),
    // The core is given the engines as a list: it names none.
    ("core", &["base", "storage", "barrier", "logical", "seal", "policy", "config", "audit"]),
    // Endpoints that are given the core; they show its rows, and name the storage for those alone.
    ("sys", &["base", "logical", "seal", "policy", "audit", "core", "storage"]),
    ("auth/token", &["base", "logical", "policy", "core", "storage"]),
    ("engine/identity", &["base", "logical", "policy", "core", "storage"]),
    ("http", &["base", "logical", "config", "core"]),
    // Where everything is put together.
    ("server", EVERYTHING),
    // The command line talks HTTP, but for the command that starts a server.
    ("cli", &["base", "config"]),
    ("cli/server", &["base", "config", "server"]),
    // One that works on a server's files while it does not run.
    ("cli/operator/restore", &["base", "server"]),
    ("main.rs", &["base", "cli"]),
    ("lib.rs", &[]),
];

const EVERYTHING: &[&str] = &[
    "base", "storage", "barrier", "logical", "seal", "policy", "config", "audit", "engine", "auth", "core", "sys",
    "http",
];

/// Layers whose folders do not know each other.
const PLUGINS: [&str; 2] = ["engine", "auth"];

const LONGEST_FILE: usize = 500;

#[test]
fn every_layer_knows_only_those_below_it() {
    assert_none(sources("src").unwrap().iter().flat_map(|source| source.forbidden_imports()).collect());
}

#[test]
fn every_file_says_what_it_owns() {
    // What a `tests.rs` owns is said by the module that it stands in.
    let silent = |source: &Source| {
        let explained = source.text.starts_with("//! ") || source.path.ends_with("tests.rs");
        (!explained).then(|| source.at(1, "does not open with `//!`"))
    };
    assert_none(everything().unwrap().iter().filter_map(silent).collect());
}

#[test]
fn no_file_is_longer_than_can_be_read() {
    let long = |source: &Source| {
        let lines = source.text.lines().count();
        (lines > LONGEST_FILE).then(|| source.at(lines, &format!("is longer than {LONGEST_FILE} lines")))
    };
    assert_none(everything().unwrap().iter().filter_map(long).collect());
}

#[test]
fn no_function_is_called_get_something() {
    assert_none(everything().unwrap().iter().flat_map(Source::getters).collect());
}

#[test]
fn a_forbidden_import_is_found_however_it_is_written() {
    for (path, line) in [
        ("base/clock.rs", "use crate::logical::Map;"),
        ("logical/ctx.rs", "use crate::{\n    base::Error,\n    storage::{rows::Hash, Tx},\n};"),
        ("engine/kv/data.rs", "fn f() { crate::core::run() }"),
        ("engine/kv/data.rs", "use crate::engine::aws::ROUTES;"),
        ("engine/kv/data.rs", "use crate::engine::{kv::ENGINE, aws};"),
        ("engine/kv/mod.rs", "use crate::{logical::{Ctx as Context, route::*}, core::{self}};"),
        ("engine/kv/mod.rs", "use super::super::core::Core;"),
        ("policy/mod.rs", "use super::logical::Operation;"),
        ("core/mod.rs", "use crate::engine::ENGINES;"),
        ("auth/userpass/mod.rs", "use crate::core::Core;"),
        ("cli/read.rs", "use crate::http::Server;"),
        ("nowhere/mod.rs", "use crate::base::Error;"),
        ("main.rs", "fn main() { leasehold::core::run() }"),
    ] {
        let source = Source { path: path.into(), text: format!("//! x\n{line}\n") };
        assert!(!source.forbidden_imports().is_empty(), "{path}: {line}");
    }
}

#[test]
fn an_allowed_import_is_left_alone() {
    for (path, line) in [
        ("logical/ctx.rs", "use crate::{base::{Error, core_dumps}, logical::Map};"),
        ("base/clock.rs", "/// As [`crate::core::Core`] has it.\nuse super::super::base::Error; // crate::core::Core"),
        ("engine/kv/data.rs", "use crate::engine::kv::ENGINE;\nuse super::super::kv::ENGINE;"),
        ("engine/mod.rs", "use crate::engine::kv::ENGINE;\nuse crate::logical::Engine;"),
        ("auth/token/create.rs", "use crate::core::Core;"),
        ("server/mod.rs", "use crate::{core::Core, http, sys, engine::ENGINES};"),
        ("cli/server.rs", "use crate::server;\nuse crate::VERSION;"),
        ("core/mod.rs", "use crate::storage::Tx;\n#[cfg(test)]\nmod tests {\n    use crate::engine::kv;\n}"),
        ("core/tests.rs", "use crate::engine::kv;"),
    ] {
        let source = Source { path: path.into(), text: format!("//! x\n{line}\n") };
        assert_eq!(source.forbidden_imports(), [""; 0], "{path}: {line}");
    }
}

fn assert_none(faults: Vec<String>) {
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}

/// A file, with its path below the folder that it was found in.
struct Source {
    path: PathBuf,
    text: String,
}

/// A path from the crate's root: `storage::rows::Hash`.
struct Import {
    line: usize,
    path: String,
}

impl Source {
    fn forbidden_imports(&self) -> Vec<String> {
        if self.is_test() {
            return Vec::new();
        }
        let path = self.path.to_string_lossy();
        let row = LAYERS.iter().filter(|(prefix, _)| is_below(&path, prefix)).max_by_key(|(prefix, _)| prefix.len());
        let Some((_, allowed)) = row else { return vec![self.at(1, "is in no layer of the table in tests/shape.rs")] };
        let forbidden = |import: &Import| !self.is_own(import) && !allowed.contains(&import.layer());
        let told = |import: Import| self.at(import.line, &format!("may not know {}", import.path));
        self.imports().into_iter().filter(forbidden).map(told).collect()
    }

    /// Inside its own layer, and for a plug-in its own folder.
    fn is_own(&self, import: &Import) -> bool {
        let mut folders = self.path.iter().map(|part| part.to_string_lossy());
        let layer = folders.next().unwrap_or_default();
        let own = folders.next().filter(|own| PLUGINS.contains(&&*layer) && own != "mod.rs");
        layer == import.layer() && own.is_none_or(|own| import.path.split("::").nth(1) == Some(&*own))
    }

    fn is_test(&self) -> bool {
        self.path.iter().any(|part| part == "tests" || part == "tests.rs")
    }

    /// The paths into layers; what stands in the root itself (`crate::VERSION`) is anybody's.
    fn imports(&self) -> Vec<Import> {
        let code = self.code();
        let mut imports = Vec::new();
        for (at, tail) in roots(&code, self.depth()) {
            let line = code[..at].matches('\n').count() + 1;
            imports
                .extend(expanded(tail).0.into_iter().filter(|path| is_module(path)).map(|path| Import { line, path }));
        }
        imports
    }

    /// The text up to its tests, with comments blanked out and every line in its place.
    fn code(&self) -> String {
        let text = self.text.split("\n#[cfg(test)]\nmod tests {").next().unwrap_or_default();
        let without_comment = |line: &str| line.split("//").next().unwrap_or_default().to_owned();
        text.lines().map(without_comment).collect::<Vec<_>>().join("\n")
    }

    /// How many modules the file's own is below the crate's root.
    fn depth(&self) -> usize {
        let named = self.path.file_name().is_some_and(|name| name == "mod.rs" || name == "lib.rs" || name == "main.rs");
        self.path.iter().count() - usize::from(named)
    }

    fn getters(&self) -> Vec<String> {
        let code = self.code();
        let named_so =
            |line: &&str| line.trim_start().split(['(', '<']).next().is_some_and(|head| head.contains("fn get_"));
        let lines = code.lines().enumerate();
        lines.filter(|(_, line)| named_so(line)).map(|(at, _)| self.at(at + 1, "names a function get_…")).collect()
    }

    fn at(&self, line: usize, what: &str) -> String {
        format!("{}:{line}: {what}", self.path.display())
    }
}

impl Import {
    fn layer(&self) -> &str {
        self.path.split("::").next().unwrap_or_default()
    }
}

/// Where paths from the crate's root begin, and what follows: `crate::…`, `leasehold::…`, or enough `super::`s.
fn roots(code: &str, depth: usize) -> Vec<(usize, &str)> {
    let climbs = "super::".repeat(depth);
    let mut found = Vec::new();
    for root in ["crate::", "leasehold::", climbs.as_str()].into_iter().filter(|root| !root.is_empty()) {
        let starts = code.match_indices(root).map(|(at, _)| at);
        found.extend(starts.filter(|at| begins_a_path(&code[..*at])).map(|at| (at, &code[at + root.len()..])));
    }
    found
}

fn begins_a_path(before: &str) -> bool {
    !before.ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':')
}

/// The paths that a text begins with, groups written out (`a::{b, c::d}` is `a::b` and `a::c::d`), and what follows them.
fn expanded(text: &str) -> (Vec<String>, &str) {
    let text = text.trim_start();
    if let Some(mut rest) = text.strip_prefix('{') {
        let mut paths = Vec::new();
        while !rest.is_empty() && !rest.starts_with('}') {
            let (more, after) = expanded(rest);
            paths.extend(more);
            // Also steps over what a path may end in: ` as other`, `::*`.
            rest = after.trim_start_matches(|c| c != ',' && c != '}');
            rest = rest.strip_prefix(',').unwrap_or(rest).trim_start();
        }
        return (paths, rest.strip_prefix('}').unwrap_or(rest));
    }
    let (name, rest) = text.split_at(text.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(text.len()));
    match rest.strip_prefix("::") {
        _ if name.is_empty() => (Vec::new(), rest),
        None => (vec![name.to_owned()], rest),
        Some(tail) => match expanded(tail) {
            (below, rest) if below.is_empty() => (vec![name.to_owned()], rest),
            (below, rest) => (below.iter().map(|path| format!("{name}::{path}")).collect(), rest),
        },
    }
}

fn is_module(path: &str) -> bool {
    path.starts_with(|c: char| c.is_lowercase())
}

fn is_below(path: &str, prefix: &str) -> bool {
    path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/') || rest == ".rs")
}

fn everything() -> io::Result<Vec<Source>> {
    let mut all = sources("src")?;
    all.extend(sources("tests")?);
    Ok(all)
}

fn sources(folder: &str) -> io::Result<Vec<Source>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut found = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let below = path.strip_prefix(&root).map_err(io::Error::other)?;
                found.push(Source { path: below.to_owned(), text: fs::read_to_string(&path)? });
            }
        }
    }
    assert!(!found.is_empty());
    Ok(found)
}

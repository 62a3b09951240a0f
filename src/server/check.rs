//! `server -check`: tries a configuration without starting: what would keep a server from its start, and what is odd about it.
//! Nothing is made, opened for clients, or changed.

use super::listeners;
use crate::config::{Address, Config, ListenerConfig, Storage};
use crate::http::{self, TlsConfig};
use rustix::fs::{Access, access};
use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Read};
use std::net::TcpListener;
use std::os::unix::net::UnixStream;
use std::path::Path;

/// What there is to say about a configuration that could be read.
#[derive(Debug, Default)]
pub struct Findings {
    /// A server would not start.
    pub faults: Vec<String>,
    /// It would start, and somebody should know.
    pub notes: Vec<String>,
}

/// Looks at all that a start would need.
#[must_use]
pub fn check(config: &Config) -> Findings {
    let mut findings = Findings::default();
    match config.required_storage() {
        Ok(Storage::Sqlite { path }) => findings.storage(path),
        Ok(Storage::InMemory) => {
            findings.notes.push("the storage is in memory: all is gone when the server ends".into())
        }
        Err(error) => findings.faults.push(error.message().to_owned()),
    }
    if config.listeners.is_empty() {
        findings.faults.push("no listener is configured: write listener \"tcp\" { … }".into());
    }
    for listener in &config.listeners {
        findings.listener(config, listener);
    }
    for folder in &config.audit_directories {
        if !folder.is_dir() {
            findings.notes.push(format!("audit_directories: {} is not a directory", folder.display()));
        }
    }
    if let Some(file) = &config.pid_file {
        findings.writable_folder("pid_file", file);
    }
    findings
}

impl Findings {
    fn storage(&mut self, path: &Path) {
        let place = format!("storage: {}", path.display());
        let mut start = [0; 16];
        match OpenOptions::new().read(true).write(true).open(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                self.writable_folder("storage", path);
                self.notes.push(format!("{place} is not there yet: a new one is made at the start"));
            }
            Err(error) => self.faults.push(format!("{place}: {error}")),
            Ok(mut file) => match file.read(&mut start) {
                Ok(0) => {}
                Ok(_) if &start == b"SQLite format 3\0" => {}
                Ok(_) => self.faults.push(format!("{place} is no database of SQLite")),
                Err(error) => self.faults.push(format!("{place}: {error}")),
            },
        }
    }

    fn writable_folder(&mut self, key: &str, file: &Path) {
        let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        if !folder.is_dir() {
            self.faults.push(format!("{key}: {} is not a directory", folder.display()));
        } else if access(folder, Access::WRITE_OK).is_err() {
            self.faults.push(format!("{key}: {} cannot be written to", folder.display()));
        }
    }

    fn listener(&mut self, config: &Config, listener: &ListenerConfig) {
        let place = format!("listener {}", listener.address);
        match &listener.address {
            Address::Tcp(address) => match TcpListener::bind(address) {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::AddrInUse => {
                    self.notes.push(format!("{place}: somebody listens there at the moment, a server perhaps"));
                }
                Err(error) => self.faults.push(format!("{place}: {error}")),
            },
            Address::Unix(unix) => {
                self.writable_folder(&place, &unix.path);
                if fs::symlink_metadata(&unix.path).is_ok() && UnixStream::connect(&unix.path).is_ok() {
                    self.notes.push(format!("{place}: somebody listens there at the moment, a server perhaps"));
                }
            }
        }
        match &listener.tls {
            None => {
                if matches!(&listener.address, Address::Tcp(address) if !is_loopback(address)) {
                    self.notes.push(format!("{place}: without TLS, everybody on the way can read all secrets"));
                }
            }
            Some(tls) if tls.auto => {
                if let Err(error) = super::tls_auto::folder(config, tls) {
                    self.faults.push(format!("{place}: {}", error.message()));
                }
            }
            Some(_) => match listeners::one(config, listener).map(|listener| listener.tls) {
                Ok(tls) => self.certificates(&place, tls.as_ref()),
                Err(error) => self.faults.push(format!("{place}: {}", error.message())),
            },
        }
    }

    fn certificates(&mut self, place: &str, tls: Option<&TlsConfig>) {
        let Some(tls) = tls else { return };
        match http::check_tls(tls) {
            Err(error) => self.faults.push(format!("{place}: {}", error.message())),
            Ok(days) if days < 0 => self.notes.push(format!("{place}: {} has ended", tls.cert_file.display())),
            Ok(days) if days < 30 => {
                self.notes.push(format!("{place}: {} ends in {days} days", tls.cert_file.display()));
            }
            Ok(_) => {}
        }
    }
}

fn is_loopback(address: &str) -> bool {
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host).trim_matches(['[', ']']);
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

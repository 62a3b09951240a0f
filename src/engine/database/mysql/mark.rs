//! How a lease's user is known for the lease's own.
//!
//! Accounts carry no comments that all servers keep. So before anything else an account of the same name is made for a host
//! that there is not, whose name is the mark; nobody can sign in by it. Where it is, the name is the lease's; it is made
//! first, and only where the name is free, and goes last.

use crate::engine::database::driver::Mark;

const PREFIX: &str = "lease-";
/// Hosts of accounts have at most sixty characters in older servers.
const SERVER: usize = 32;
/// Characters of what names the lease.
const LEASE: usize = 20;

/// The host of the account that marks a name. Servers keep hosts in lower case.
#[must_use]
pub fn host(mark: &Mark) -> String {
    let server: String = mark.server.chars().filter(char::is_ascii_alphanumeric).take(SERVER).collect();
    format!("{PREFIX}{}-{server}", mark.lease).to_lowercase()
}

/// As the server's regular expressions tell such hosts from others.
pub const PATTERN: &str = "^lease-[0-9a-z]{20}-[0-9a-z]+$";

/// What a host says of whose user it is; none for other hosts.
#[must_use]
pub fn of_host(host: &str) -> Option<Mark> {
    let (lease, server) = host.strip_prefix(PREFIX)?.split_once('-')?;
    let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    if lease.len() != LEASE || server.is_empty() || !plain(lease) || !plain(server) {
        return None;
    }
    let server = uuid::Uuid::parse_str(server).map_or_else(|_| server.to_owned(), |uuid| uuid.to_string());
    Some(Mark { server, lease: lease.to_owned() })
}

/// The lock that the session holds which makes a lease's user: who wants to end that session finds it by this.
#[must_use]
pub fn lock(mark: &Mark) -> String {
    mark.session()
}

//! How a lease's user is known for the lease's own.
//!
//! Accounts carry no comments that all servers keep. So before anything else an account of the same name is made for a host
//! that there is not, whose name is the mark; nobody can sign in by it. Where it is, the name is the lease's; it is made
//! first, and only where the name is free, and goes last.

use crate::engine::database::driver::Mark;

const PREFIX: &str = "lease-";
/// Hosts of accounts have at most sixty characters in older servers.
const SERVER: usize = 32;

/// The host of the account that marks a name. Servers keep hosts in lower case.
#[must_use]
pub fn host(mark: &Mark) -> String {
    let server: String = mark.server.chars().filter(char::is_ascii_alphanumeric).take(SERVER).collect();
    format!("{PREFIX}{}-{server}", mark.lease).to_lowercase()
}

/// What a host says of whose user it is, in the words of [`Mark::comment`]; empty for other hosts.
#[must_use]
pub fn comment(host: &str) -> String {
    let parts = host.strip_prefix(PREFIX).and_then(|rest| rest.split_once('-'));
    let Some((lease, server)) = parts else { return String::new() };
    let server = uuid::Uuid::parse_str(server).map_or_else(|_| server.to_owned(), |uuid| uuid.to_string());
    Mark { server, lease: lease.to_owned() }.comment()
}

/// The lock that the session holds which makes a lease's user: who wants to end that session finds it by this.
#[must_use]
pub fn lock(mark: &Mark) -> String {
    mark.session()
}

//! Opens the sockets that connections come in by: a port, or a file with its mode and owner.
//!
//! A file is nobody's to connect to before it has them, and one that a server left behind is cleared away only when nobody
//! answers there.

use crate::base::{Error, Kind, Result};
use crate::config::{Address, UnixSocket};
use crate::http::socket::Door;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, bind, listen, socket_with};
use std::fmt::Display;
use std::fs;
use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::{FileTypeExt, PermissionsExt, chown};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;

/// How many connections wait for the accepting thread.
const BACKLOG: i32 = 128;

pub(super) fn open(address: &Address) -> Result<(Door, Option<SocketAddr>)> {
    match address {
        Address::Tcp(address) => {
            let refused = |error: io::Error| refused(address, error);
            let socket = TcpListener::bind(address).map_err(refused)?;
            socket.set_nonblocking(true).map_err(refused)?;
            let local = socket.local_addr().map_err(refused)?;
            Ok((Door::Tcp(socket), Some(local)))
        }
        Address::Unix(unix) => {
            let refused = |error: io::Error| refused(unix.path.display(), error);
            clear_away(&unix.path).map_err(refused)?;
            let socket = socket_with(
                AddressFamily::UNIX,
                SocketType::STREAM,
                SocketFlags::CLOEXEC | SocketFlags::NONBLOCK,
                None,
            )
            .map_err(|error| refused(error.into()))?;
            let place = SocketAddrUnix::new(&unix.path).map_err(|error| refused(error.into()))?;
            bind(&socket, &place).map_err(|error| refused(error.into()))?;
            settle(unix)?;
            listen(&socket, BACKLOG).map_err(|error| refused(error.into()))?;
            Ok((Door::Unix(UnixListener::from(socket)), None))
        }
    }
}

/// Removes what a server that has ended left behind.
fn clear_away(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
        Ok(file) if !file.file_type().is_socket() => {
            Err(io::Error::new(ErrorKind::AlreadyExists, "there is a file of this name that is no socket"))
        }
        Ok(_) if UnixStream::connect(path).is_ok() => Err(ErrorKind::AddrInUse.into()),
        Ok(_) => fs::remove_file(path),
    }
}

fn settle(unix: &UnixSocket) -> Result<()> {
    let set = |what: &str, outcome: io::Result<()>| {
        outcome.map_err(|error| Error::bad_request(format!("{what} of {} cannot be set: {error}", unix.path.display())))
    };
    let (user, group) = (unix.user.as_deref(), unix.group.as_deref());
    let user = user.map(|name| identifier("/etc/passwd", "socket_user", name)).transpose()?;
    let group = group.map(|name| identifier("/etc/group", "socket_group", name)).transpose()?;
    set("socket_mode", fs::set_permissions(&unix.path, fs::Permissions::from_mode(unix.mode)))?;
    if user.is_some() || group.is_some() {
        set("socket_user and socket_group", chown(&unix.path, user, group))?;
    }
    Ok(())
}

/// A number, or a name in this file of the system.
fn identifier(file: &str, key: &str, name: &str) -> Result<u32> {
    if let Ok(number) = name.parse() {
        return Ok(number);
    }
    let known = fs::read_to_string(file).unwrap_or_default();
    let number = known.lines().find_map(|line| {
        let mut fields = line.split(':');
        (fields.next() == Some(name)).then(|| fields.nth(1)?.parse().ok())?
    });
    number.ok_or_else(|| Error::bad_request(format!("{key}: {file} knows no {name:?}; a number will do as well")))
}

fn refused(address: impl Display, error: io::Error) -> Error {
    let kind = match error.kind() {
        ErrorKind::AddrInUse => Kind::Conflict,
        ErrorKind::PermissionDenied => Kind::Denied,
        _ => Kind::BadRequest,
    };
    Error::new(kind, format!("cannot listen on {address}: {}", plain_words(&error))).caused_by(error)
}

fn plain_words(error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::AddrInUse => "the address is already in use".to_owned(),
        ErrorKind::PermissionDenied => "permission denied by the operating system".to_owned(),
        _ => error.to_string(),
    }
}

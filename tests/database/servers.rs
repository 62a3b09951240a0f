//! The servers of the tests are what the tests take them for.

use crate::support::mariadb::{self, MariaDb};
use crate::support::peers::{Refusing, Silent};
use crate::support::postgres::{self, Postgres};
use crate::support::redis::{self, Redis, Users};
use crate::support::{PATIENCE, wait_for};
use std::net::TcpStream;
use std::time::Instant;

#[test]
fn a_postgresql_keeps_what_it_was_told_over_a_stop() {
    let mut server = Postgres::start(&[]);
    server.sql("postgres", "CREATE ROLE kept LOGIN PASSWORD 'p'");
    assert!(server.accepts("kept", "p") && !server.accepts("kept", "q") && !server.accepts("other", "p"));
    server.stop();
    assert!(!server.accepts("postgres", postgres::PASSWORD));
    server.start_again();
    assert_eq!(server.sql("postgres", "SELECT rolname FROM pg_roles WHERE rolname = 'kept'"), "kept");
}

#[test]
fn a_mariadb_keeps_what_it_was_told_over_a_stop() {
    let mut server = MariaDb::start(&[]);
    server.sql("CREATE USER 'kept'@'%' IDENTIFIED BY 'p'");
    assert!(server.accepts("kept", "p") && !server.accepts("kept", "q") && !server.accepts("other", "p"));
    server.stop();
    assert!(!server.accepts("root", mariadb::PASSWORD));
    server.start_again();
    assert_eq!(server.sql("SELECT User FROM mysql.user WHERE User = 'kept'"), "kept");
}

#[test]
fn a_redis_keeps_its_users_over_a_stop_once_they_are_saved() {
    for (users, save) in [(Users::AclFile, ["ACL", "SAVE"]), (Users::Configuration, ["CONFIG", "REWRITE"])] {
        let mut server = Redis::start(users);
        server.command(&["ACL", "SETUSER", "kept", "on", ">p", "~*", "+@read"]);
        assert!(server.accepts("kept", "p") && !server.accepts("kept", "q") && !server.accepts("other", "p"));
        server.command(&save);
        server.stop();
        assert!(!server.accepts("default", redis::PASSWORD));
        server.start_again();
        assert!(server.accepts("kept", "p"));
        assert!(!server.accepts("default", ""));
    }
}

#[test]
fn a_server_ends_with_its_value() {
    let port = {
        let server = Redis::start(Users::AclFile);
        assert!(TcpStream::connect(("127.0.0.1", server.port())).is_ok());
        server.port()
    };
    wait_for("the port refuses", PATIENCE, || TcpStream::connect(("127.0.0.1", port)).err());
}

#[test]
fn a_silent_peer_takes_callers_and_a_refusing_one_does_not() {
    let silent = Silent::start();
    let _caller = TcpStream::connect(silent.address).unwrap();
    wait_for("the call is taken", PATIENCE, || (silent.callers() == 1).then_some(()));
    let refusing = Refusing::start();
    let start = Instant::now();
    let error = TcpStream::connect(refusing.address).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionRefused);
    assert!(start.elapsed() < PATIENCE);
}

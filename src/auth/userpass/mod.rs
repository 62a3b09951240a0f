//! `auth/userpass/`: people who sign in with a name and a password that are kept here.
//!
//! The files follow the URLs: `users`, `users/password`, `users/policies`, `login`. `hashing` keeps and checks passwords.
//!
//! Invariants: a name is one name whatever its case and the space around it; a password is kept as a hash that is slow to
//! guess; whoever has no user costs the same work as whoever has one, and is told the same.

mod hashing;
mod login;
#[cfg(test)]
mod tests;
mod user;
mod users;

use crate::logical::Engine;

pub static ENGINE: Engine = Engine {
    name: "userpass",
    summary: "People who sign in with a name and a password.",
    help: "Each user has a password and the policies of its tokens. Signing in at login/NAME with the password makes a token; \
           whoever has no user here, or comes with another password, is told so in the same words and after the same time. \
           Passwords are kept as hashes (Argon2id) that are slow to guess.",
    routes: &[&users::LIST, &users::ROUTE, &users::password::ROUTE, &users::policies::ROUTE, &login::ROUTE],
    renew_login: Some(login::renew),
    locks_out: true,
    ..Engine::BLANK
};

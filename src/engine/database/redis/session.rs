//! A signed-in session, and what the engine asks of it.
//!
//! A lease's user carries its mark as one more password: the hash of a password that there is not. Where users are kept in a
//! file, a change counts only once it is in the file: else what was ended would be back after a restart.

use crate::base::{Error, Kind, Result};
use crate::engine::database::driver::{
    Database, Ended, ListedUser, Login, Mark, NewPassword, NewUser, OldUser, Parameters, RenewedUser, Wanted,
    unfinished,
};
use crate::engine::database::redis::rules;
use crate::engine::database::redis::wire::{Answer, Refusal, Wire};
use std::thread;
use std::time::{Duration, Instant};
use zeroize::Zeroizing;

/// The name of our sessions in the server's list.
const APPLICATION: &str = "leasehold";
/// How long a session may take to end once it was told to.
const SESSIONS_END: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(20);

/// Where the server keeps its users over a restart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Persistence {
    /// Nowhere that we know of.
    None,
    /// `ACL SAVE`
    AclFile,
    /// `CONFIG REWRITE`
    Configuration,
}

impl Persistence {
    /// # Errors
    /// `BadRequest` for a `persistence_mode` that there is not.
    pub fn of(parameters: &Parameters) -> Result<Self> {
        match parameters.text("persistence_mode").to_ascii_lowercase().as_str() {
            "" | "none" => Ok(Self::None),
            "aclfile" => Ok(Self::AclFile),
            "rewrite" => Ok(Self::Configuration),
            other => Err(Error::bad_request(format!("persistence_mode {other:?} is not none, aclfile or rewrite"))),
        }
    }
}

pub struct Session {
    wire: Wire,
    target: String,
    persistence: Persistence,
}

impl Session {
    /// Signs in, and asks nothing of a user that may be allowed nothing.
    ///
    /// # Errors
    /// `Denied` for a refused login.
    pub fn sign_in(
        wire: Wire,
        login: &Login,
        target: String,
        persistence: Persistence,
        deadline: Instant,
    ) -> Result<Self> {
        let mut session = Self { wire, target, persistence };
        let signed_in = session.wire.run(&["AUTH", &login.username, login.password.expose()], deadline)?;
        signed_in.map_err(|refusal| match refusal.code() {
            "WRONGPASS" | "NOAUTH" | "NOPERM" | "ERR" => Error::denied(refusal.0),
            _ => refused(refusal),
        })?;
        Ok(session)
    }

    /// What the engine's own sessions begin with.
    ///
    /// # Errors
    /// What the user may not do that the engine needs.
    pub fn set_up(&mut self, deadline: Instant) -> Result<()> {
        self.call_session(APPLICATION, deadline)?;
        self.check_persistence(deadline)
    }

    fn run(&mut self, words: &[&str], deadline: Instant) -> Result<Answer> {
        let answer = self.wire.run(words, deadline).map_err(|error| unfinished(error, deadline));
        answer?.map_err(refused)
    }

    /// Names the session in the server's own list.
    fn call_session(&mut self, name: &str, deadline: Instant) -> Result<()> {
        self.run(&["CLIENT", "SETNAME", name], deadline).map(drop)
    }

    /// The hashes of a user's passwords; none where there is no such user.
    fn passwords(&mut self, username: &str, deadline: Instant) -> Result<Option<Vec<String>>> {
        let user = self.run(&["ACL", "GETUSER", username], deadline)?;
        if user == Answer::Nothing {
            return Ok(None);
        }
        let passwords = user
            .field("passwords")
            .ok_or_else(|| Error::upstream("the server's answer is not understood").answered())?;
        Ok(Some(passwords.items().iter().filter_map(|hash| hash.text().map(str::to_owned)).collect()))
    }

    /// Has the server write its users down.
    fn persist(&mut self, deadline: Instant) -> Result<()> {
        let (command, words) = match self.persistence {
            Persistence::None => return Ok(()),
            Persistence::AclFile => (["ACL", "SAVE"], "persistence_mode=aclfile"),
            Persistence::Configuration => (["CONFIG", "REWRITE"], "persistence_mode=rewrite"),
        };
        self.run(&command, deadline).map(drop).map_err(|error| error.context(words))
    }

    /// Sees that the server writes its users down where the connection says: else it would only show after a restart.
    fn check_persistence(&mut self, deadline: Instant) -> Result<()> {
        if self.persistence == Persistence::Configuration {
            // A server with a file for them leaves them out of its configuration, and does not say so. Not all may ask.
            let file = self.wire.run(&["CONFIG", "GET", "aclfile"], deadline)?;
            if file.is_ok_and(|file| file.field("aclfile").and_then(Answer::text).is_some_and(|file| !file.is_empty()))
            {
                return Err(Error::bad_request(
                    "persistence_mode=rewrite: the server keeps its users in an aclfile: persistence_mode=aclfile",
                ));
            }
        }
        self.persist(deadline)
    }

    fn make(&mut self, user: &NewUser<'_>, rules: &[String], deadline: Instant) -> Result<()> {
        if self.passwords(user.username, deadline)?.is_some() {
            return Err(Error::bad_request(format!("there is a user {:?} already; it is left alone", user.username)));
        }
        let password = Zeroizing::new(format!(">{}", user.password.expose()));
        let mark = format!("#{}", hash(user.mark));
        let mut words = vec!["ACL", "SETUSER", user.username, "on", &password, &mark];
        words.extend(rules.iter().map(String::as_str));
        self.run(&words, deadline).map_err(|error| error.context("creation_statements"))?;
        let written = self.persist(deadline);
        if written.as_ref().is_err_and(|error| error.kind() == Kind::BadRequest) {
            let taken_back = self.run(&["ACL", "DELUSER", user.username], deadline);
            taken_back.map_err(|error| error.context("a user could not be taken back").left_open())?;
        }
        written
    }

    /// Ends the session that may still be making this lease's user.
    fn end_maker(&mut self, mark: &Mark, deadline: Instant) -> Result<()> {
        let until = deadline.min(Instant::now() + SESSIONS_END);
        let name = format!("name={}", mark.session());
        loop {
            let list = self.run(&["CLIENT", "LIST"], deadline)?;
            let lines = list.text().unwrap_or_default().lines();
            let ids: Vec<String> = lines
                .filter(|line| line.split(' ').any(|word| word == name))
                .filter_map(|line| line.split(' ').find_map(|word| word.strip_prefix("id=")).map(str::to_owned))
                .collect();
            if ids.is_empty() {
                return Ok(());
            }
            for id in ids {
                self.run(&["CLIENT", "KILL", "ID", &id], deadline)?;
            }
            if Instant::now() >= until {
                return Err(Error::upstream("the session that makes this user does not end").answered());
            }
            thread::sleep(PAUSE);
        }
    }
}

impl Database for Session {
    fn target(&self) -> &str {
        &self.target
    }

    fn is_alive(&mut self, deadline: Instant) -> bool {
        self.wire.run(&["PING"], deadline).is_ok()
    }

    fn create_user(&mut self, user: &NewUser<'_>, deadline: Instant) -> Result<()> {
        let rules = rules::read(user.statements).map_err(|error| error.context("creation_statements"))?;
        check_name(user.username)?;
        // Whoever ends this lease finds the session by its name, should we be gone before it has answered.
        self.call_session(&user.mark.session(), deadline)?;
        let made = self.make(user, &rules, deadline);
        if made.as_ref().is_err_and(|error| error.kind() != Kind::BadRequest) {
            return made;
        }
        self.call_session(APPLICATION, deadline).map_err(Error::left_open)?;
        made
    }

    fn renew_user(&mut self, user: &RenewedUser<'_>, deadline: Instant) -> Result<()> {
        // Users do not end by themselves: there is nothing to move.
        match self.passwords(user.username, deadline)? {
            Some(passwords) if passwords.contains(&hash(user.mark)) => Ok(()),
            Some(_) => Err(Error::conflict(format!("the user {:?} is not this lease's", user.username))),
            None => Err(Error::bad_request(format!("there is no user {:?} any more", user.username))),
        }
    }

    fn delete_user(&mut self, user: &OldUser<'_>, deadline: Instant) -> Result<Ended> {
        if let Some(mark) = user.mark.filter(|_| user.pending) {
            self.end_maker(mark, deadline)?;
        }
        let is_meant = |passwords: &[String]| match user.mark {
            Some(mark) => passwords.contains(&hash(mark)),
            None => passwords.iter().all(|hash| mark(hash).is_none()),
        };
        let ended = match self.passwords(user.username, deadline)? {
            Some(passwords) if !is_meant(&passwords) => return Ok(Ended::Unmarked),
            // The server ends the user's sessions with it.
            Some(_) => self.run(&["ACL", "DELUSER", user.username], deadline).map(|_| Ended::Done)?,
            None => Ended::Gone,
        };
        // Also where it was gone: we may have ended it before, and not have come to this.
        self.persist(deadline).map_err(|error| {
            let what = format!("the user {:?} is gone, but would be back after a restart", user.username);
            error.context(what)
        })?;
        Ok(ended)
    }

    fn change_password(&mut self, change: &NewPassword<'_>, deadline: Instant) -> Result<()> {
        if self.passwords(change.username, deadline)?.is_none() {
            return Err(Error::bad_request(format!("there is no user {:?}", change.username)));
        }
        let password = Zeroizing::new(format!(">{}", change.password.expose()));
        self.run(&["ACL", "SETUSER", change.username, "resetpass", &password], deadline)?;
        // It is changed: that it is not written down is no clear no.
        self.persist(deadline).map_err(|error| error.context("the password is changed, but").left_open())
    }

    /// The server has no pages: it gives its whole list each time.
    fn list_users(&mut self, wanted: &Wanted<'_>, deadline: Instant) -> Result<Vec<ListedUser>> {
        let list = self.run(&["ACL", "LIST"], deadline)?;
        let users = list.items().iter().filter_map(|line| listed(line.text()?));
        let mut users: Vec<ListedUser> = users
            .filter(|user| user.username.as_str() > wanted.after)
            .filter(|user| user.mark.is_some() || user.username.starts_with(wanted.prefix))
            .collect();
        users.sort_by(|one, other| one.username.cmp(&other.username));
        users.truncate(wanted.limit);
        Ok(users)
    }

    fn users_named(&mut self, names: &[String], deadline: Instant) -> Result<Vec<ListedUser>> {
        let mut users = Vec::new();
        for name in names {
            let user = self.run(&["ACL", "GETUSER", name], deadline)?;
            if user == Answer::Nothing {
                continue;
            }
            let texts =
                |field| user.field(field).map(Answer::items).unwrap_or_default().iter().filter_map(Answer::text);
            users.push(ListedUser {
                username: name.clone(),
                mark: texts("passwords").find_map(mark),
                expires: None,
                can_sign_in: texts("flags").any(|flag| flag == "on"),
            });
        }
        Ok(users)
    }
}

/// A user out of its line in the server's list: `user NAME on #HASH ~* +@read`.
fn listed(line: &str) -> Option<ListedUser> {
    let (username, rules) = line.strip_prefix("user ")?.split_once(' ')?;
    let mut rules = rules.split(' ');
    let can_sign_in = rules.next() == Some("on");
    let mark = rules.find_map(|word| mark(word.strip_prefix('#')?));
    Some(ListedUser { username: username.to_owned(), mark, expires: None, can_sign_in })
}

/// # Errors
/// `BadRequest` for a name that cannot be a user's.
fn check_name(username: &str) -> Result<()> {
    if username.contains(|character: char| character.is_whitespace() || character.is_control()) {
        return Err(Error::bad_request("username_template makes a name with spaces or control characters in it"));
    }
    Ok(())
}

/// Begins the bytes of a mark.
const TAG: &[u8; 4] = b"lsh:";
const LEASE: usize = 20;
const HASH: usize = 32;

/// A mark as the hash of a password. There is no password that has it: it is the mark's own letters and not made by hashing.
fn hash(mark: &Mark) -> String {
    let mut bytes = TAG.to_vec();
    bytes.extend(mark.lease.bytes().chain(mark.server.bytes()));
    bytes.resize(HASH, b'.');
    hex::encode(bytes)
}

/// What such a hash says of whose user it is, as far as it fits in; none for the hashes of passwords.
fn mark(hash: &str) -> Option<Mark> {
    let bytes = hex::decode(hash).ok()?;
    let text = String::from_utf8(bytes.strip_prefix(TAG)?.to_vec()).ok()?;
    let (lease, server) = text.split_at_checked(LEASE)?;
    Some(Mark { server: server.to_owned(), lease: lease.to_owned() })
}

impl Refusal {
    /// The word in capitals that it begins with.
    fn code(&self) -> &str {
        self.0.split(' ').next().unwrap_or_default()
    }
}

fn refused(refusal: Refusal) -> Error {
    match refusal.code() {
        // Starting, busy, or not the one to write to: for nobody it goes better just now.
        "LOADING" | "BUSY" | "READONLY" | "MASTERDOWN" | "CLUSTERDOWN" => Error::upstream(refusal.0),
        // Out of room, or of others to keep it: it may go well another time.
        "OOM" | "MISCONF" | "TRYAGAIN" | "NOREPLICAS" => Error::upstream(refusal.0).answered(),
        _ => Error::bad_request(refusal.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_the_hash_of_no_password_and_tells_whose_it_is() {
        let mark = Mark { server: "123e4567-e89b-12d3-a456-426614174000".into(), lease: "AbCdEfGhIjKlMnOpQrSt".into() };
        let hash = hash(&mark);
        assert_eq!(hash.len(), 64);
        assert!(super::mark(&hash).is_some_and(|read| read.is(&mark) && read.server == "123e4567"));
        assert_eq!(super::mark(&"ab".repeat(32)), None);
        let other = Mark { lease: "AbCdEfGhIjKlMnOpQrSu".into(), ..mark };
        assert_ne!(hash, super::hash(&other));
        assert!(super::mark(&hash).is_some_and(|read| !read.is(&other)));
    }

    #[test]
    fn what_passes_is_told_from_what_stays() {
        for (message, kind, is_silence) in [
            ("LOADING Redis is loading the dataset in memory", Kind::Upstream, true),
            ("READONLY You can't write against a read only replica.", Kind::Upstream, true),
            ("OOM command not allowed when used memory > 'maxmemory'.", Kind::Upstream, false),
            ("MISCONF Errors writing to the AOF file", Kind::Upstream, false),
            ("NOPERM User app has no permissions to run the 'acl|setuser' command", Kind::BadRequest, false),
            ("ERR Error in ACL SETUSER modifier '+@nothing': Unknown command", Kind::BadRequest, false),
        ] {
            let error = refused(Refusal(message.to_owned()));
            assert_eq!((error.kind(), error.is_silence()), (kind, is_silence), "{message}");
        }
    }
}

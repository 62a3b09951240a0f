//! The users that are in the databases, for comparing them with the leases: what each carries that tells whose it is.
//!
//! Invariant: the engine's own users and those of static roles are never listed.

use crate::base::template::Shape;
use crate::base::{Error, Result, Timestamp};
use crate::engine::database::connection::Connection;
use crate::engine::database::driver::{ListedUser, Mark, Naming, Wanted};
use crate::engine::database::static_role::StaticRole;
use crate::engine::database::user::{self, Owed};
use crate::engine::database::{retired, username};
use crate::logical::{Claim, Ctx, Drift, Intent, LeaseView, Look, Page, Reconciling, Remedy, Seen};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

pub static RECONCILING: Reconciling = Reconciling { places, list, named, look, is_of, owed };

/// Users asked for at a time.
const PAGE: usize = 500;

/// A user may end so much before or after its lease without anybody minding.
const TOLERANCE: Duration = Duration::from_secs(60);

/// The connections that make users.
fn places(ctx: &mut Ctx) -> Result<Vec<String>> {
    ctx.read(|records| {
        let mut names = Vec::new();
        for name in records.list("config/")? {
            if Connection::load_in(records, &name)?.is_some_and(|connection| !connection.is_self_managed()) {
                names.push(name);
            }
        }
        Ok(names)
    })
}

fn list(ctx: &mut Ctx, place: &str, after: &str) -> Result<Page> {
    let connection = Connection::load(ctx, place)?;
    let judge = Judge::new(ctx, &connection)?;
    let users = connection.with(ctx, place, |database, deadline| {
        database.list_users(&Wanted { prefix: &judge.shape.beginning, after, limit: PAGE }, deadline)
    })?;
    let next = users.last().filter(|_| users.len() == PAGE).map(|last| last.username.clone());
    Ok(Page { found: users.into_iter().filter_map(|user| judge.seen(ctx, user)).collect(), next })
}

fn named(ctx: &mut Ctx, place: &str, names: &[String]) -> Result<Vec<Seen>> {
    let connection = Connection::load(ctx, place)?;
    let judge = Judge::new(ctx, &connection)?;
    let users = connection.with(ctx, place, |database, deadline| database.users_named(names, deadline))?;
    Ok(users.into_iter().filter_map(|user| judge.seen(ctx, user)).collect())
}

/// What tells the users of a connection's leases from others.
struct Judge {
    naming: &'static Naming,
    shape: Shape,
    /// Users that belong to nobody's lease.
    spared: BTreeSet<String>,
}

impl Judge {
    fn new(ctx: &Ctx, connection: &Connection) -> Result<Self> {
        let naming = &connection.plugin()?.naming;
        let shape = username::shape(naming, connection.parameters.text("username_template"));
        Ok(Self { naming, shape, spared: spared(ctx)? })
    }

    /// None for users that are nobody's to compare.
    fn seen(&self, ctx: &Ctx, user: ListedUser) -> Option<Seen> {
        if self.spared.contains(&user.username) {
            return None;
        }
        let claim = match &user.mark {
            Some(mark) if mark.is_of(&ctx.server_id) => Claim::Marked,
            Some(_) => Claim::Others,
            None if username::is_ours(ctx, self.naming, &user.username) => Claim::Named,
            None if self.looks_alike(&user.username) => Claim::Alike { is_unique: self.shape.has_chance },
            None => return None,
        };
        let mark = user.mark.map(|mark| mark.lease);
        Some(Seen { name: user.username, id: String::new(), mark, claim, created: None })
    }

    fn looks_alike(&self, username: &str) -> bool {
        !self.shape.beginning.is_empty() && username.starts_with(&self.shape.beginning)
    }
}

/// The engine's own users and those of static roles, on all connections: databases may share a server.
fn spared(ctx: &Ctx) -> Result<BTreeSet<String>> {
    ctx.read(|records| {
        let mut users = BTreeSet::new();
        for name in records.list("config/")? {
            users.extend(Connection::load_in(records, &name)?.map(|connection| connection.username().to_owned()));
        }
        for name in records.list("static-roles/")? {
            users.extend(StaticRole::load_in(records, &name)?.map(|role| role.username));
        }
        Ok(users)
    })
}

fn is_of(revocation: &Value, seen: &Seen) -> bool {
    let Ok(owed) = Owed::of(revocation) else { return true };
    match (&owed.mark, &seen.mark) {
        (Some(of_lease), Some(mark)) => of_lease.lease.eq_ignore_ascii_case(mark),
        // Without a mark one cannot be told from the other.
        _ => true,
    }
}

/// Looks for the users of leases, with one question for each connection.
fn look(ctx: &mut Ctx, leases: &[LeaseView]) -> Result<Vec<Look>> {
    let mut looks: Vec<Option<Look>> = leases.iter().map(|_| None).collect();
    let mut groups: BTreeMap<String, Group> = BTreeMap::new();
    for (at, lease) in leases.iter().enumerate() {
        let owed = Owed::of(&lease.revocation)?;
        match owed.connection(ctx) {
            Ok(connection) => {
                let group = groups.entry(connection.id.clone());
                let group =
                    group.or_insert_with(|| Group { name: owed.connection.clone(), connection, leases: Vec::new() });
                group.leases.push((at, owed));
            }
            Err(error) => looks[at] = Some(Look::Elsewhere(error.message().to_owned())),
        }
    }
    for group in groups.into_values() {
        group.look(ctx, leases, &mut looks)?;
    }
    looks.into_iter().map(|look| look.ok_or_else(|| Error::internal("a lease was not looked at"))).collect()
}

/// Leases whose users are reached by one connection.
struct Group {
    name: String,
    connection: Connection,
    leases: Vec<(usize, Owed)>,
}

impl Group {
    fn look(self, ctx: &mut Ctx, leases: &[LeaseView], looks: &mut [Option<Look>]) -> Result<()> {
        let names: Vec<String> = self.leases.iter().map(|(_, owed)| owed.username.clone()).collect();
        let answer = self.connection.with(ctx, &self.name, |database, deadline| {
            Ok((database.target().to_owned(), database.users_named(&names, deadline)?))
        });
        let (target, users) = match answer {
            Ok(answer) => answer,
            Err(error) => {
                let (reason, is_silence) = (error.message().to_owned(), error.is_silence());
                for (at, _) in &self.leases {
                    let (place, reason) = (self.name.clone(), reason.clone());
                    looks[*at] = Some(Look::Unreachable { place, reason, is_silence });
                }
                return Ok(());
            }
        };
        let users: BTreeMap<&str, &ListedUser> = users.iter().map(|user| (user.username.as_str(), user)).collect();
        for (at, owed) in &self.leases {
            let look = match (user::see_target(&target, owed), users.get(owed.username.as_str())) {
                (Err(changed), _) => Look::Elsewhere(changed.message().to_owned()),
                (Ok(()), None) => Look::Gone,
                (Ok(()), Some(user)) => Look::There(drift(owed, user, leases[*at].expires)),
            };
            looks[*at] = Some(look);
        }
        Ok(())
    }
}

fn drift(owed: &Owed, user: &ListedUser, ends: Option<Timestamp>) -> Vec<Drift> {
    let mut drift = Vec::new();
    let mut say = |what: String, remedy| drift.push(Drift { what, remedy });
    match (&owed.mark, &user.mark) {
        (Some(of_lease), Some(mark)) if !mark.is(of_lease) => {
            say("carries the mark of another lease, and is left alone when this one ends".to_owned(), Remedy::ByHand);
        }
        (Some(_), None) => {
            say("does not carry its lease's mark, and is left alone when the lease ends".to_owned(), Remedy::ByHand);
        }
        _ => {}
    }
    if !user.can_sign_in {
        say("cannot sign in".to_owned(), Remedy::Revoke);
    }
    if let (Some(stops), Some(ends)) = (user.expires, ends) {
        let (due, lease) = (ends.plus(user::GRACE), ends.rfc3339());
        if stops.plus(TOLERANCE) < due {
            say(format!("stops working at {}, before its lease ends ({lease})", stops.rfc3339()), Remedy::Renew);
        } else if stops > due.plus(TOLERANCE) {
            say(
                format!("stops working by itself only at {}, and its lease ends at {lease}", stops.rfc3339()),
                Remedy::Renew,
            );
        }
    }
    drift
}

/// The lease of a user that has none. Which role it was made for is not known: it ends in the driver's own way.
fn owed(ctx: &mut Ctx, place: &str, seen: &Seen) -> Result<Intent> {
    let connection = Connection::load(ctx, place)?;
    let target = connection.known_target(ctx, place)?;
    let mark = seen.mark.clone().map(|lease| Mark { server: ctx.server_id.clone(), lease });
    let owed = Owed {
        connection: place.to_owned(),
        connection_id: connection.id.clone(),
        target: target.clone(),
        username: seen.name.clone(),
        mark,
        revocation_statements: Vec::new(),
    };
    Ok(Intent {
        kind: user::KIND.kind,
        role: String::new(),
        subject: seen.name.clone(),
        target: retired::lease_target(&connection.id, &target),
        revocation: owed.to_value()?,
        ttl: None,
        max_ttl: None,
        renewable: false,
    })
}

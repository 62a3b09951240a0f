//! Roles and secret ids as they are kept.
//!
//! Records: `role/NAME`; `role-id/ID`, which leads to the name; and by the role's uid, so that a role that is made again under
//! its name has none of the old one's, `secret/UID/HASH` and `accessor/UID/ACCESSOR`, which leads to the hash. What ends at a
//! time is also at `expiry/HOUR/UID/HASH`, with a task for that hour. Names and ids are folded in paths.

use crate::base::cidr::Cidr;
use crate::base::{Error, Result, Timestamp, fold, random};
use crate::logical::ctx::{load, store};
use crate::logical::{Ctx, Map, Records, TokenParameters};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::net::SocketAddr;

/// The task that deletes what ends within an hour, by the hour's number.
pub const EXPIRE: &str = "approle-expire";
/// The task that deletes what a deleted role had, by the role's uid.
pub const FORGET: &str = "approle-forget";

pub const ROLES: &str = "role/";

/// The longest name of a role, id of a role, and secret id, in bytes.
pub const LONGEST: usize = 4096;

const HOUR: i64 = 3_600_000;

/// What an answer shows of a time that there is not.
const NEVER: &str = "0001-01-01T00:00:00Z";

#[derive(Clone, Serialize, Deserialize)]
#[serde(default)]
pub struct Role {
    pub uid: String,
    pub role_id: String,
    pub bind_secret_id: bool,
    pub secret_id_bound_cidrs: Vec<String>,
    /// 0: any number.
    pub secret_id_num_uses: u32,
    /// Seconds; 0: without end.
    pub secret_id_ttl: u64,
    pub local_secret_ids: bool,
    pub token: TokenParameters,
}

impl Default for Role {
    fn default() -> Self {
        Self {
            uid: String::new(),
            role_id: String::new(),
            bind_secret_id: true,
            secret_id_bound_cidrs: Vec::new(),
            secret_id_num_uses: 0,
            secret_id_ttl: 0,
            local_secret_ids: false,
            token: TokenParameters::default(),
        }
    }
}

impl Role {
    /// A role with ids of its own.
    #[must_use]
    pub fn new() -> Self {
        Self { uid: random::uuid(), role_id: random::uuid(), ..Self::default() }
    }

    /// # Errors
    /// `Internal` for a record that does not open.
    pub fn find(records: &(impl Records + ?Sized), name: &str) -> Result<Option<Self>> {
        load(records, &role_path(name))
    }

    /// The role that has this id, and its name.
    ///
    /// # Errors
    /// As [`Self::find`].
    pub fn by_id(records: &(impl Records + ?Sized), id: &str) -> Result<Option<(String, Self)>> {
        let Some(name) = load::<String>(records, &id_path(id))? else { return Ok(None) };
        let role = Self::find(records, &name)?.filter(|role| role.role_id == id);
        Ok(role.map(|role| (name, role)))
    }

    /// Stores a role; `before` is how it is stored now.
    ///
    /// # Errors
    /// `BadRequest` for an id that another role has, in whatever case, and for a role that anybody could use.
    pub fn save(&self, records: &mut dyn Records, name: &str, before: Option<&Self>) -> Result<()> {
        self.check()?;
        if load::<String>(records, &id_path(&self.role_id))?.is_some_and(|owner| owner != name) {
            return Err(Error::bad_request("role_id already in use"));
        }
        if let Some(before) = before {
            records.delete(&id_path(&before.role_id))?;
        }
        store(records, &id_path(&self.role_id), &name)?;
        store(records, &role_path(name), self)
    }

    /// Deletes a role. Nobody signs in by it from now on; its secret ids are deleted by a task.
    ///
    /// # Errors
    /// `Internal` when the store fails.
    pub fn delete(&self, records: &mut dyn Records, name: &str, now: Timestamp) -> Result<()> {
        records.delete(&id_path(&self.role_id))?;
        records.delete(&role_path(name))?;
        records.schedule(FORGET, &self.uid, now)
    }

    fn check(&self) -> Result<()> {
        if self.role_id.is_empty() || self.role_id.len() > LONGEST || self.role_id.trim() != self.role_id {
            return Err(Error::bad_request(format!(
                "invalid role_id: it is a text of 1 to {LONGEST} bytes without space around it"
            )));
        }
        let is_bound =
            self.bind_secret_id || !self.secret_id_bound_cidrs.is_empty() || !self.token.bound_cidrs.is_empty();
        if is_bound { Ok(()) } else { Err(Error::bad_request("at least one constraint should be enabled on the role")) }
    }
}

/// A secret id, without the secret.
#[derive(Clone, Serialize, Deserialize)]
pub struct SecretId {
    pub accessor: String,
    /// Left; 0: any number.
    pub num_uses: u32,
    /// Seconds; 0: without end.
    pub ttl: u64,
    pub created: Timestamp,
    pub updated: Timestamp,
    pub expires: Option<Timestamp>,
    pub metadata: Map,
    pub cidr_list: Vec<String>,
    pub token_bound_cidrs: Vec<String>,
}

impl SecretId {
    /// One that has not ended.
    ///
    /// # Errors
    /// `Internal` for a record that does not open.
    pub fn find(records: &(impl Records + ?Sized), uid: &str, hash: &str, now: Timestamp) -> Result<Option<Self>> {
        let found: Option<Self> = load(records, &secret_path(uid, hash))?;
        Ok(found.filter(|secret| secret.expires.is_none_or(|expires| now < expires)))
    }

    /// Stores a new one.
    ///
    /// # Errors
    /// `BadRequest` where the role has the same one already.
    pub fn insert(&self, records: &mut dyn Records, uid: &str, hash: &str) -> Result<()> {
        if records.has(&secret_path(uid, hash))? {
            return Err(Error::bad_request("SecretID is already registered"));
        }
        store(records, &accessor_path(uid, &self.accessor), &hash)?;
        if let Some(expires) = self.expires {
            let hour = hour(expires);
            store(records, &expiry_path(&hour, uid, hash), &())?;
            records.schedule(EXPIRE, &hour, end_of(&hour))?;
        }
        self.save(records, uid, hash)
    }

    /// # Errors
    /// `Internal` when the store fails.
    pub fn save(&self, records: &mut dyn Records, uid: &str, hash: &str) -> Result<()> {
        store(records, &secret_path(uid, hash), self)
    }

    /// # Errors
    /// `Internal` when the store fails.
    pub fn delete(&self, records: &mut dyn Records, uid: &str, hash: &str) -> Result<()> {
        records.delete(&secret_path(uid, hash))?;
        records.delete(&accessor_path(uid, &self.accessor))?;
        match self.expires {
            Some(expires) => records.delete(&expiry_path(&hour(expires), uid, hash)).map(drop),
            None => Ok(()),
        }
    }

    #[must_use]
    pub fn describe(&self) -> Value {
        json!({
            "cidr_list": self.cidr_list,
            "creation_time": self.created.rfc3339(),
            "expiration_time": self.expires.map_or_else(|| NEVER.to_owned(), Timestamp::rfc3339),
            "last_updated_time": self.updated.rfc3339(),
            "metadata": self.metadata,
            "secret_id_accessor": self.accessor,
            "secret_id_num_uses": self.num_uses,
            "secret_id_ttl": self.ttl,
            "token_bound_cidrs": self.token_bound_cidrs,
        })
    }
}

/// The keyed hash by which a role's secret id is kept.
#[must_use]
pub fn secret_hash(ctx: &Ctx, uid: &str, secret_id: &str) -> String {
    ctx.digest(&format!("secret id\0{uid}\0{secret_id}"))
}

/// The hash of the secret id that an accessor belongs to.
///
/// # Errors
/// `Internal` for a record that does not open.
pub fn hash_of_accessor(records: &(impl Records + ?Sized), uid: &str, accessor: &str) -> Result<Option<String>> {
    load(records, &accessor_path(uid, accessor))
}

/// Whether a client at this address is in one of the blocks; where there are none, every client is.
#[must_use]
pub fn is_inside(blocks: &[String], peer: Option<SocketAddr>) -> bool {
    let holds =
        |block: &String| peer.is_some_and(|peer| Cidr::parse(block).is_ok_and(|block| block.contains(peer.ip())));
    blocks.is_empty() || blocks.iter().any(holds)
}

/// Checks that a secret id's blocks are inside those of its role, where that has some.
///
/// # Errors
/// `BadRequest` naming the block that is not.
pub fn check_subset(blocks: &[String], of_role: &[String]) -> Result<()> {
    if of_role.is_empty() {
        return Ok(());
    }
    let outer = of_role.iter().map(|block| Cidr::parse(block)).collect::<Result<Vec<_>>>()?;
    for block in blocks {
        let inner = Cidr::parse(block)?;
        if !outer.iter().any(|outer| outer.holds(&inner)) {
            return Err(Error::bad_request(format!(
                "failed to verify subset relationship between CIDR blocks on the role {of_role:?} and CIDR blocks on the \
                 secret ID: {block} is in none of the role's"
            )));
        }
    }
    Ok(())
}

/// Deletes up to `limit` secret ids that end within an hour that is over; whether there may be more.
///
/// # Errors
/// `Internal` when the store fails.
pub fn delete_ended(records: &mut dyn Records, hour: &str, limit: usize) -> Result<bool> {
    let mut left = limit;
    for folder in records.list(&format!("expiry/{hour}/"))? {
        let uid = folder.trim_end_matches('/');
        for hash in records.list(&format!("expiry/{hour}/{folder}"))? {
            if left == 0 {
                return Ok(true);
            }
            left -= 1;
            match load::<SecretId>(records, &secret_path(uid, &hash))? {
                Some(secret) => secret.delete(records, uid, &hash)?,
                None => drop(records.delete(&expiry_path(hour, uid, &hash))?),
            }
        }
    }
    Ok(false)
}

/// Deletes up to `limit` secret ids of a role that is gone; whether there may be more.
///
/// # Errors
/// `Internal` when the store fails.
pub fn delete_all(records: &mut dyn Records, uid: &str, limit: usize) -> Result<bool> {
    let hashes = records.list(&format!("secret/{uid}/"))?;
    for hash in hashes.iter().take(limit) {
        match load::<SecretId>(records, &secret_path(uid, hash))? {
            Some(secret) => secret.delete(records, uid, hash)?,
            None => drop(records.delete(&secret_path(uid, hash))?),
        }
    }
    Ok(hashes.len() > limit)
}

/// The hours in which something ends, up to now.
///
/// # Errors
/// `Internal` when the store fails.
pub fn hours_until(records: &(impl Records + ?Sized), now: Timestamp) -> Result<Vec<String>> {
    let folders = records.list("expiry/")?;
    let hours = folders.into_iter().map(|folder| folder.trim_end_matches('/').to_owned());
    Ok(hours.filter(|hour| end_of(hour) <= now).collect())
}

#[must_use]
pub fn accessors(uid: &str) -> String {
    format!("accessor/{uid}/")
}

#[must_use]
pub fn role_path(name: &str) -> String {
    format!("{ROLES}{name}")
}

fn id_path(id: &str) -> String {
    format!("role-id/{}", fold(id).replace('%', "%25").replace('/', "%2F"))
}

fn secret_path(uid: &str, hash: &str) -> String {
    format!("secret/{uid}/{hash}")
}

fn accessor_path(uid: &str, accessor: &str) -> String {
    format!("{}{}", accessors(uid), accessor.replace('%', "%25").replace('/', "%2F"))
}

fn expiry_path(hour: &str, uid: &str, hash: &str) -> String {
    format!("expiry/{hour}/{uid}/{hash}")
}

/// The number of the hour that a time is in.
fn hour(at: Timestamp) -> String {
    at.0.div_euclid(HOUR).to_string()
}

fn end_of(hour: &str) -> Timestamp {
    Timestamp(hour.parse::<i64>().unwrap_or_default().saturating_add(1).saturating_mul(HOUR))
}

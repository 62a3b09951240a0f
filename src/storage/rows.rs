//! The rows that cross the storage trait. Clear columns are here in full; what is `sealed` is opaque to every store.

use crate::base::{Error, Result, Timestamp};

/// A keyed hash of something that the file must not show, or a mount's uuid.
pub type Hash = [u8; 16];

/// What a lease or an accessor is found by: eight bytes of time (big-endian milliseconds, so that new rows go to the end of
/// the index) and a keyed hash of the whole identifier.
pub type LeaseKey = [u8; 24];

/// The small tables: a handful of rows, each a sealed definition under a keyed hash of its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Catalog {
    Mounts,
    Policies,
    AuditDevices,
}

impl Catalog {
    /// The table's name, which is also part of what its rows' seals are bound to.
    #[must_use]
    pub fn table(self) -> &'static str {
        match self {
            Self::Mounts => "mounts",
            Self::Policies => "policies",
            Self::AuditDevices => "audit_devices",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CatalogRow {
    pub key: Hash,
    pub sealed: Vec<u8>,
}

/// A data key, wrapped by the root key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRow {
    pub term: u32,
    pub created: Timestamp,
    pub wrapped: Vec<u8>,
}

/// One segment of a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeRow {
    pub id: i64,
    pub mount: Hash,
    pub parent: i64,
    pub name: Hash,
    pub sealed_name: Vec<u8>,
    pub has_record: bool,
    pub has_children: bool,
    pub has_leases: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordRow {
    pub sealed: Vec<u8>,
    pub expires: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeaseKind {
    Token = 1,
    Secret = 2,
}

/// Where a lease is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeaseState {
    /// Committed before the outside world is touched; not yet answered to anybody.
    Pending = 1,
    Active = 2,
    /// Dead already; its outside credential is being ended.
    Revoking = 3,
    /// As `Revoking`, but past its quick tries: retried slowly, and listed.
    Irrevocable = 4,
}

macro_rules! from_number {
    ($type:ident, $($variant:ident),+) => {
        impl TryFrom<i64> for $type {
            type Error = Error;

            fn try_from(number: i64) -> Result<Self> {
                match number {
                    $(n if n == Self::$variant as i64 => Ok(Self::$variant),)+
                    _ => Err(Error::internal(format!("{number} is no {}", stringify!($type)))),
                }
            }
        }
    };
}

from_number!(LeaseKind, Token, Secret);
from_number!(LeaseState, Pending, Active, Revoking, Irrevocable);

/// A lease as it is stored. `due` is when the sweeper must look at it: its expiry while active, its deadline while pending,
/// its next attempt while revoking; none for a token that never expires.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaseRow {
    pub id: i64,
    pub key: LeaseKey,
    /// The row id of the token above; 0 for one that stands alone.
    pub parent: i64,
    pub mount: Hash,
    pub node: i64,
    pub kind: LeaseKind,
    pub state: LeaseState,
    pub issued: Timestamp,
    pub expires: Option<Timestamp>,
    pub maximum: Option<Timestamp>,
    pub due: Option<Timestamp>,
    pub attempts: u32,
    pub accessor: Option<LeaseKey>,
    pub entity: Option<Hash>,
    pub role: Option<Hash>,
    pub subject: Option<Hash>,
    pub target: Option<Hash>,
    /// What ended it, where that was not its own time.
    pub cause: Option<Hash>,
    pub sealed: Vec<u8>,
}

impl LeaseRow {
    /// What it waits in line with when it is due: the leases of its target, or of its mount where no target is known.
    #[must_use]
    pub fn lane(&self) -> Hash {
        self.target.unwrap_or(self.mount)
    }
}

/// A line of due leases, by [`LeaseRow::lane`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lane {
    pub id: Hash,
    /// The earliest due time in it.
    pub due: Timestamp,
}

/// A lease to be stored; the columns of [`LeaseRow`] less those that begin the same for all.
#[derive(Debug, Clone)]
pub struct NewLease {
    pub key: LeaseKey,
    pub parent: i64,
    pub mount: Hash,
    pub node: i64,
    pub kind: LeaseKind,
    pub state: LeaseState,
    pub issued: Timestamp,
    pub expires: Option<Timestamp>,
    pub maximum: Option<Timestamp>,
    pub due: Option<Timestamp>,
    pub accessor: Option<LeaseKey>,
    pub entity: Option<Hash>,
    pub role: Option<Hash>,
    pub subject: Option<Hash>,
    pub target: Option<Hash>,
    pub sealed: Vec<u8>,
}

/// The ways to find leases by what they are about, each a keyed hash in a clear column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeaseIndex {
    Role,
    /// The name outside.
    Subject,
    Entity,
    /// Where the credential lives.
    Target,
}

/// What leases are counted of; every state counts until the row is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counted {
    All,
    Mount(Hash),
    /// As in [`LeaseRow::role`].
    Role(Hash),
    Node(i64),
    /// None: those without an entity.
    Entity(Option<Hash>),
    /// The same on one mount.
    EntityAt(Hash, Option<Hash>),
}

/// An answer that may be asked for again, for as long as its lease is active.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnswerRow {
    pub key: Hash,
    /// The row id of its lease.
    pub lease: i64,
    pub expires: Timestamp,
    pub sealed: Vec<u8>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MountCount {
    pub mount: Hash,
    pub kind: LeaseKind,
    pub state: LeaseState,
    pub count: u64,
}

/// Durable work that is not a lease. `kind` is clear (it tells the runner), all else that it needs is sealed. A mount's work
/// is found by a keyed hash of its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkRow {
    pub id: i64,
    pub kind: String,
    pub mount: Option<Hash>,
    pub key: Option<Hash>,
    pub due: Option<Timestamp>,
    pub attempts: u32,
    pub sealed: Vec<u8>,
}

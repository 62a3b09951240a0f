//! Leases that are meant together: one, those under a prefix, of a role, of an entity, of an alias, of a mount. Gone through a page at a time,
//! with no snapshot open in between.

use crate::base::{Result, fold};
use crate::core::causes::Cause;
use crate::core::identity::entities;
use crate::core::leases::Leases;
use crate::core::live::Live;
use crate::core::mounts::Mount;
use crate::core::revocation::{BATCH, ROWS_A_CHANGE};
use crate::storage::{Hash, LeaseIndex, LeaseRow, LeaseState, Snapshot};
use std::ops::ControlFlow;
use std::sync::Arc;

pub enum Selection {
    One(i64),
    /// A token that ends alone: the tokens that it made stay.
    Alone(i64),
    /// Whole segments of lease ids.
    Prefix(String),
    Role(Arc<Mount>, String),
    /// By its id, with what those had that were merged into it.
    Entity(String),
    /// The tokens of whoever signed in at the mount by this name.
    Alias(Arc<Mount>, String),
    Mount(Arc<Mount>),
}

/// Whether whoever goes through a selection wants more of it.
pub type Further = ControlFlow<()>;

impl Live {
    /// Goes through the rows of a selection, whatever their state; what hangs below them is not part of it.
    ///
    /// # Errors
    /// The visitor's own.
    pub fn each_selected(
        &self,
        selection: &Selection,
        visit: &mut dyn FnMut(LeaseRow) -> Result<Further>,
    ) -> Result<Further> {
        match selection {
            Selection::One(id) | Selection::Alone(id) => {
                let row = self.storage.reading(|snapshot| snapshot.lease(*id))?;
                row.map_or(Ok(Further::Continue(())), visit)
            }
            Selection::Mount(mount) => self.each_at(mount, 0, visit),
            Selection::Prefix(prefix) => {
                for (mount, node) in self.under(prefix)? {
                    if self.each_at(&mount, node, visit)?.is_break() {
                        return Ok(Further::Break(()));
                    }
                }
                Ok(Further::Continue(()))
            }
            Selection::Role(mount, role) => {
                let hash = Leases { barrier: &self.barrier }.index("lease role", &mount.hash(), role);
                self.each_by(LeaseIndex::Role, &hash, visit)
            }
            Selection::Entity(id) => self.each_of_entity(id, visit),
            // What was made at the mount is asked by which name, for the alias may have gone, or be somebody else's by now.
            Selection::Alias(mount, name) => {
                self.each_at(mount, 0, &mut |row| match self.is_of_alias(&row, mount, name) {
                    true => visit(row),
                    false => Ok(Further::Continue(())),
                })
            }
        }
    }

    /// What an entity has, and those had that were merged into it.
    fn each_of_entity(&self, id: &str, visit: &mut dyn FnMut(LeaseRow) -> Result<Further>) -> Result<Further> {
        let leases = Leases { barrier: &self.barrier };
        let entity = self.read_identities(|records| entities::by_id(records, id))?;
        let merged = entity.map(|entity| entity.merged).unwrap_or_default();
        for hash in [id.to_owned()].iter().chain(&merged).filter_map(|id| leases.entity(id)) {
            if self.each_by(LeaseIndex::Entity, &hash, visit)?.is_break() {
                return Ok(Further::Break(()));
            }
        }
        Ok(Further::Continue(()))
    }

    fn each_by(
        &self,
        index: LeaseIndex,
        hash: &Hash,
        visit: &mut dyn FnMut(LeaseRow) -> Result<Further>,
    ) -> Result<Further> {
        each_page(|after| self.storage.reading(|s| s.leases_by(index, hash, after, BATCH)), visit)
    }

    /// Whether a row is a token that somebody got who signed in by this name. One that does not open is dead already.
    fn is_of_alias(&self, row: &LeaseRow, mount: &Mount, name: &str) -> bool {
        let lease = Leases { barrier: &self.barrier }.open(row.clone());
        let login = lease.ok().and_then(|lease| lease.payload.token).and_then(|token| token.login);
        row.mount == mount.hash() && login.is_some_and(|login| fold(&login.alias) == fold(name))
    }

    /// Marks all active leases of a role, an entity or an alias as revoking; the ids of those that are not gone yet.
    ///
    /// # Errors
    /// `Internal` when the store fails.
    pub fn revoke_selected(&self, selection: &Selection, cause: &Cause) -> Result<Vec<i64>> {
        let mut all = Vec::new();
        let mut page = Vec::new();
        let now = self.now();
        let cause = self.prepare_cause(cause)?;
        let mark = |page: &mut Vec<LeaseRow>| -> Result<()> {
            self.storage.writing(|tx| {
                for row in page.iter().filter(|row| row.state == LeaseState::Active) {
                    if tx.lease_advance(row.id, LeaseState::Active, LeaseState::Revoking, Some(now), 0)? {
                        cause.put_on(tx, row.id)?;
                    }
                }
                Ok(())
            })?;
            page.clear();
            Ok(())
        };
        let _ = self.each_selected(selection, &mut |row| {
            all.push(row.id);
            page.push(row);
            if page.len() >= ROWS_A_CHANGE {
                mark(&mut page)?;
            }
            Ok(Further::Continue(()))
        })?;
        mark(&mut page)?;
        self.bell.ring();
        Ok(all)
    }

    /// The rows at a node and below it; node 0 is the whole mount.
    fn each_at(&self, mount: &Mount, node: i64, visit: &mut dyn FnMut(LeaseRow) -> Result<Further>) -> Result<Further> {
        let hash = mount.hash();
        let page = |snapshot: &dyn Snapshot, after| match node {
            0 => snapshot.leases_of_mount(&hash, after, BATCH),
            node => snapshot.leases_at(node, after, BATCH),
        };
        if each_page(|after| self.storage.reading(|snapshot| page(snapshot, after)), visit)?.is_break() {
            return Ok(Further::Break(()));
        }
        if node != 0 {
            for child in self.child_nodes(mount, node)? {
                if self.each_at(mount, child, visit)?.is_break() {
                    return Ok(Further::Break(()));
                }
            }
        }
        Ok(Further::Continue(()))
    }
}

/// Goes through the rows that hang below a token, without those further down.
///
/// # Errors
/// The visitor's own.
pub fn each_child(live: &Live, token: i64, visit: &mut dyn FnMut(LeaseRow) -> Result<Further>) -> Result<Further> {
    each_page(|after| live.storage.reading(|snapshot| snapshot.lease_children(token, after, BATCH)), visit)
}

fn each_page(
    page: impl Fn(i64) -> Result<Vec<LeaseRow>>,
    visit: &mut dyn FnMut(LeaseRow) -> Result<Further>,
) -> Result<Further> {
    let mut after = 0;
    loop {
        let rows = page(after)?;
        let Some(last) = rows.last() else { return Ok(Further::Continue(())) };
        after = last.id;
        for row in rows {
            if visit(row)?.is_break() {
                return Ok(Further::Break(()));
            }
        }
    }
}

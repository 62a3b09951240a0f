//! A token's cubbyhole ends with the token: its records go in the same transaction as the token's row, or before it.

use crate::base::Result;
use crate::core::live::Live;
use crate::core::names::Names;
use crate::core::records::delete_below;
use crate::storage::{Hash, LeaseKey, Tx};

/// Records deleted at a time.
const BATCH: usize = 500;

/// The name under which a token's cubbyhole is kept: nobody can tell the token from it.
#[must_use]
pub fn name(live: &Live, token: &LeaseKey) -> String {
    hex::encode(live.barrier.hash("cubbyhole", &[token]))
}

/// Deletes a token's cubbyhole, a batch at a time; whether it is gone.
pub fn clear(live: &Live, tx: &mut dyn Tx, cubbyholes: &Hash, token: &LeaseKey) -> Result<bool> {
    let names = Names { barrier: &live.barrier, mount: *cubbyholes };
    let Some(node) = names.find(tx, &name(live, token))? else { return Ok(true) };
    let mut limit = BATCH;
    delete_below(tx, &names, node, &mut limit)?;
    names.prune(tx, node)?;
    Ok(tx.node_row(node)?.is_none())
}

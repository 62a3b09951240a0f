//! The tree of names of one mount: paths to nodes and back. Names are sealed and looked up by keyed hashes; a path's last
//! node is what records and leases hang at.

use crate::barrier::{Barrier, Place};
use crate::base::{Error, Result};
use crate::storage::{Hash, NodeRow, Snapshot, Tx};

/// How many children are read at a time.
const PAGE: usize = 1000;

#[derive(Clone, Copy)]
pub struct Names<'b> {
    pub barrier: &'b Barrier,
    pub mount: Hash,
}

impl Names<'_> {
    /// The node at a path, if there is one; the empty path is the mount's top, 0.
    pub fn find(&self, snapshot: &dyn Snapshot, path: &str) -> Result<Option<i64>> {
        let mut node = 0;
        for name in segments(path) {
            match snapshot.node(&self.mount, node, &self.hash(name))? {
                Some(child) => node = child,
                None => return Ok(None),
            }
        }
        Ok(Some(node))
    }

    /// The node at a path, made where it is missing.
    pub fn ensure(&self, tx: &mut dyn Tx, path: &str) -> Result<i64> {
        let mut node = 0;
        for name in segments(path) {
            let hash = self.hash(name);
            node = match tx.node(&self.mount, node, &hash)? {
                Some(child) => child,
                None => {
                    let sealed = self.seal(node, &hash, name)?;
                    tx.node_insert(&self.mount, node, &hash, &sealed)?
                }
            };
        }
        Ok(node)
    }

    /// Deletes a node and those above it for as long as nothing hangs at them.
    pub fn prune(&self, tx: &mut dyn Tx, mut node: i64) -> Result<()> {
        while node != 0 {
            let Some(row) = tx.node_row(node)? else { return Ok(()) };
            if !tx.node_delete_if_bare(node)? {
                return Ok(());
            }
            node = row.parent;
        }
        Ok(())
    }

    /// All children with their names; one whose name does not open is reported and left out.
    pub fn children(&self, snapshot: &dyn Snapshot, node: i64) -> Result<Vec<(String, NodeRow)>> {
        let mut children = Vec::new();
        let mut after = 0;
        loop {
            let page = snapshot.node_children(&self.mount, node, after, PAGE)?;
            let Some(last) = page.last() else { return Ok(children) };
            after = last.id;
            for row in page {
                match self.open(&row) {
                    Ok(name) => children.push((name, row)),
                    Err(error) => log::error!("node {} is damaged and left out: {}", row.id, error.for_log()),
                }
            }
        }
    }

    /// A node's name sealed with the newest key.
    pub fn reseal(&self, row: &NodeRow) -> Result<Vec<u8>> {
        self.seal(row.parent, &row.name, &self.open(row)?)
    }

    /// The path of a node, from its mount's top.
    pub fn path_of(&self, snapshot: &dyn Snapshot, node: i64) -> Result<String> {
        let mut names = Vec::new();
        let mut next = node;
        while next != 0 {
            let row =
                snapshot.node_row(next)?.ok_or_else(|| Error::internal("a node has no way to its mount's top"))?;
            names.push(self.open(&row)?);
            next = row.parent;
        }
        names.reverse();
        Ok(names.join("/"))
    }

    fn open(&self, row: &NodeRow) -> Result<String> {
        let name = self.barrier.open(&self.place(&identity(row.parent, &row.name)), &row.sealed_name)?;
        if self.hash_bytes(&name) != row.name {
            return Err(Error::internal("a name does not belong to its hash"));
        }
        String::from_utf8(name.to_vec()).map_err(|_| Error::internal("a name is not UTF-8"))
    }

    fn seal(&self, parent: i64, hash: &Hash, name: &str) -> Result<Vec<u8>> {
        self.barrier.seal(&self.place(&identity(parent, hash)), name.as_bytes())
    }

    fn place<'p>(&'p self, row: &'p [u8]) -> Place<'p> {
        Place { table: "nodes", column: "sealed_name", row, grants: &[] }
    }

    fn hash(&self, name: &str) -> Hash {
        self.hash_bytes(name.as_bytes())
    }

    fn hash_bytes(&self, name: &[u8]) -> Hash {
        self.barrier.hash("node name", &[&self.mount, name])
    }
}

fn identity(parent: i64, hash: &Hash) -> Vec<u8> {
    [&parent.to_be_bytes()[..], hash].concat()
}

fn segments(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter(|segment| !segment.is_empty())
}

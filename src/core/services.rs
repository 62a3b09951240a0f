//! What the core does for an engine beside keeping its records: passwords, marks, its leases counted and ended, and failed
//! log-ins counted.

use crate::base::{Result, Secret};
use crate::core::causes::{Cause, Event};
use crate::core::leases::Leases;
use crate::core::live::Live;
use crate::core::revocation::BATCH;
use crate::logical::{Services, Which};
use crate::storage::{Counted, Hash, LeaseIndex, LeaseKind, LeaseRow, Snapshot};
use std::sync::Arc;

/// The services for one mount.
pub struct MountServices {
    pub live: Arc<Live>,
    pub mount: Hash,
}

impl Services for MountServices {
    fn generate_password(&self, policy: &str) -> Result<Secret<String>> {
        self.live.generate_password(policy)
    }

    fn mark(&self, text: &str) -> String {
        hex::encode(&self.live.barrier.hash("outside name", &[text.as_bytes()])[..5])
    }

    fn digest(&self, text: &str) -> String {
        hex::encode(self.live.barrier.hash("engine digest", &[&self.mount, text.as_bytes()]))
    }

    /// The store counts a mount's leases and a role's by itself: an engine's mount has no others than those of secrets.
    fn count_leases(&self, which: &Which<'_>) -> Result<u64> {
        let leases = Leases { barrier: &self.live.barrier };
        let counted = match which {
            Which::All => Some(Counted::Mount(self.mount)),
            Which::Role(name) => Some(Counted::Role(leases.index("lease role", &self.mount, name))),
            Which::Subject(_) | Which::Target(_) => None,
        };
        if let Some(counted) = counted {
            return self.live.storage.reading(|snapshot| snapshot.lease_count(&counted));
        }
        let mut count = 0;
        self.each_page(which, |page| {
            count += u64::try_from(page.len()).unwrap_or(u64::MAX);
            Ok(())
        })?;
        Ok(count)
    }

    fn end_leases(&self, which: &Which<'_>) -> Result<u64> {
        let mut count = 0;
        self.each_page(which, |page| {
            for row in page {
                self.live.revoke_row(row.id, &Cause::of(Event::EndedByEngine))?;
                count += 1;
            }
            Ok(())
        })?;
        Ok(count)
    }

    fn check_lockout(&self, name: &str) -> Result<()> {
        self.live.check_lockout(&*self.live.mount_of(&self.mount)?, name)
    }

    fn attempted(&self, name: &str, succeeded: bool) -> Result<()> {
        let mount = self.live.mount_of(&self.mount)?;
        if succeeded {
            self.live.forget_failures(&mount, name);
            return Ok(());
        }
        self.live.count_failure(&mount, name)
    }
}

impl MountServices {
    /// Goes through the mount's leases of secrets a page at a time, with no snapshot open while `work` runs.
    fn each_page(&self, which: &Which<'_>, mut work: impl FnMut(&[LeaseRow]) -> Result<()>) -> Result<()> {
        let mut after = 0;
        loop {
            let mut page = self.live.storage.reading(|snapshot| self.page(snapshot, which, after))?;
            let Some(last) = page.last() else { return Ok(()) };
            after = last.id;
            page.retain(|row| row.kind == LeaseKind::Secret && row.mount == self.mount);
            work(&page)?;
        }
    }

    fn page(&self, snapshot: &dyn Snapshot, which: &Which<'_>, after: i64) -> Result<Vec<LeaseRow>> {
        let leases = Leases { barrier: &self.live.barrier };
        let (index, value) = match which {
            Which::All => return snapshot.leases_of_mount(&self.mount, after, BATCH),
            Which::Role(name) => (LeaseIndex::Role, Some(leases.index("lease role", &self.mount, name))),
            Which::Subject(name) => (LeaseIndex::Subject, Some(leases.index("lease subject", &self.mount, name))),
            Which::Target(name) => (LeaseIndex::Target, leases.target(name)),
        };
        value.map_or_else(|| Ok(Vec::new()), |value| snapshot.leases_by(index, &value, after, BATCH))
    }
}

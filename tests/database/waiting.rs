//! Waiting for what the server does by itself after it has answered.

use crate::bench::{Bench, Credential};
use crate::support::{PATIENCE, wait_for};

impl Bench {
    /// Waits until the lease of this credential is off the list.
    pub fn gone(&self, credential: &Credential) {
        let (folder, suffix) = credential.lease.rsplit_once('/').unwrap();
        wait_for("the lease is ended", PATIENCE, || {
            let (_, answer) = self.server.list(&format!("sys/leases/lookup/{folder}"));
            (!answer.to_string().contains(suffix)).then_some(())
        });
    }

    /// Waits until nothing is leased for a role.
    pub fn nothing_leased(&self, role: &str) {
        wait_for("nothing is leased", PATIENCE, || {
            (self.server.list(&format!("sys/leases/lookup/database/creds/{role}")).0 == 404).then_some(())
        });
    }

    /// Asks for credentials, which must be refused; the error.
    pub fn no_issue(&self, role: &str) -> String {
        crate::bench::refusal(self.server.get(&format!("database/creds/{role}")))
    }
}

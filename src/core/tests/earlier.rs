//! Files of earlier versions: what unsealing brings up to date, and what it leaves alone.

use super::Bench;
use crate::core::policies;
use crate::policy;

/// The first text that `default` was ever made with.
const FIRST: &str = include_str!("earlier_default.hcl");

impl Bench {
    /// The text of `default` after a start, where it was this before.
    fn default_after(&self, text: &str) -> String {
        let live = self.live();
        live.storage.writing(|tx| policies::store(tx, &live.barrier, "default", text)).unwrap();
        drop(live);
        self.core.seal();
        self.unseal();
        self.live().policies.text("default").unwrap()
    }
}

#[test]
fn a_default_policy_that_nobody_changed_gets_the_present_text() {
    let bench = Bench::new();
    assert_eq!(bench.default_after(FIRST), policy::DEFAULT);
    let edited = format!("{FIRST}# ours\n");
    for kept in [edited.as_str(), "", policy::DEFAULT] {
        assert_eq!(bench.default_after(kept), kept);
    }
}

#[test]
fn the_present_default_policy_is_known_to_versions_to_come() {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, policy::DEFAULT.as_bytes());
    let present = "50fa1e6f859a99515bd187112bedbcce70df30d8aee53d33b36ab9fc5cbd8ee6";
    assert_eq!(
        hex::encode(digest.as_ref()),
        present,
        "whoever changes the text of default puts the old one's hash into EARLIER_DEFAULTS, and the new one's here"
    );
    assert!(!policy::EARLIER_DEFAULTS.contains(&present));
}

//! Which versions of the program have served this store, and since when: a record for each below the system mount.

use crate::base::{Result, Timestamp};
use crate::core::live::Live;
use crate::core::records::MountRecords;
use serde::{Deserialize, Serialize};

const FOLDER: &str = "version-history/";

/// A version's first start on this store.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Installed {
    pub version: String,
    pub at: Timestamp,
    /// When it was built, where that is known.
    pub built: Option<String>,
    pub previous: Option<String>,
}

impl Live {
    /// Puts the running version on record, if it is new here.
    ///
    /// # Errors
    /// `Internal` when the store fails.
    pub fn note_version(&self) -> Result<()> {
        let version = self.settings.version;
        let records = MountRecords::at(self, "sys/")?;
        let path = format!("{FOLDER}{version}");
        if records.has(&path)? {
            return Ok(());
        }
        let previous = self.installed_versions()?.pop().map(|installed| installed.version);
        let built = option_env!("LEASEHOLD_BUILD_DATE").map(str::to_owned);
        let installed = Installed { version: version.to_owned(), at: self.now(), built, previous };
        records.change(&path, |_: Option<Installed>| Ok(installed.clone())).map(drop)
    }

    /// All versions, the oldest first.
    ///
    /// # Errors
    /// `Internal` when the store fails.
    pub fn installed_versions(&self) -> Result<Vec<Installed>> {
        let records = MountRecords::at(self, "sys/")?;
        let names = records.list(FOLDER)?;
        let mut all = Vec::new();
        for name in names {
            all.extend(records.load::<Installed>(&format!("{FOLDER}{name}"))?);
        }
        all.sort_by_key(|installed| installed.at);
        Ok(all)
    }
}

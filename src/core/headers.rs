//! What the system's configuration says about HTTP headers: whose pages in browsers may call (CORS), and which headers of
//! requests audit devices are told. One sealed record below the system mount, read once when the server is unsealed.

use crate::base::{Error, Result};
use crate::core::live::Live;
use crate::core::records::MountRecords;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

const RECORD: &str = "config/headers";

/// Everybody's pages.
const ANY: &str = "*";

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cors {
    pub enabled: bool,
    pub allowed_origins: Vec<String>,
    /// Those besides the ones that clients always need.
    pub allowed_headers: Vec<String>,
}

impl Cors {
    #[must_use]
    pub fn allows(&self, origin: &str) -> bool {
        self.allowed_origins.iter().any(|allowed| allowed == ANY || allowed == origin)
    }

    /// Checks origins as they are to be stored.
    ///
    /// # Errors
    /// `BadRequest` for none at all, and for a star beside others.
    pub fn check(&self) -> Result<()> {
        if self.allowed_origins.is_empty() {
            return Err(Error::bad_request("at least one origin or the wildcard must be provided"));
        }
        if self.allowed_origins.len() > 1 && self.allowed_origins.iter().any(|origin| origin == ANY) {
            return Err(Error::bad_request("to allow all origins the '*' must be the only value for allowed_origins"));
        }
        Ok(())
    }
}

/// How a header stands in audit entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Audited {
    pub hmac: bool,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Table {
    #[serde(default)]
    pub cors: Cors,
    /// By their names in small letters.
    #[serde(default)]
    pub audited: BTreeMap<String, Audited>,
}

#[derive(Default)]
pub struct Headers {
    table: RwLock<Arc<Table>>,
    /// Held while the table changes, so that two changes do not overlook each other.
    changing: Mutex<()>,
}

impl Headers {
    #[must_use]
    pub fn table(&self) -> Arc<Table> {
        self.table.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn replace(&self, table: Table) {
        *self.table.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(table);
    }
}

impl Live {
    /// Reads what is configured. What is damaged counts as not configured, and is reported.
    ///
    /// # Errors
    /// `Internal` when there is no system mount.
    pub fn load_headers(&self) -> Result<()> {
        match MountRecords::at(self, "sys/")?.load(RECORD) {
            Ok(table) => self.headers.replace(table.unwrap_or_default()),
            Err(error) => log::error!("the configuration of headers is damaged and holds no more: {}", error.for_log()),
        }
        Ok(())
    }

    /// # Errors
    /// The change's own, or `Internal` when the store fails; then nothing has changed.
    pub fn change_headers(&self, change: impl Fn(&mut Table) -> Result<()>) -> Result<()> {
        let _alone = self.headers.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let table = MountRecords::at(self, "sys/")?.change(RECORD, |before: Option<Table>| {
            let mut table = before.unwrap_or_default();
            change(&mut table)?;
            Ok(table)
        })?;
        self.headers.replace(table);
        Ok(())
    }
}

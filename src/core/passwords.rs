//! Password policies as they are stored: records of the system mount, one to a name, each the text as it was written.

use crate::base::passwords::{DEFAULT, Policy};
use crate::base::{Error, Result, Secret};
use crate::core::live::Live;
use crate::core::records::MountRecords;
use crate::logical::{Records, View};

const FOLDER: &str = "policies/password/";

impl Live {
    /// A new password by the policy of that name; by the default one where the name is empty.
    ///
    /// # Errors
    /// `BadRequest` when there is no such policy, or hardly any password keeps its rules.
    pub fn generate_password(&self, name: &str) -> Result<Secret<String>> {
        if name.is_empty() {
            return Policy::parse(DEFAULT)?.generate();
        }
        let text = self.password_policy(name)?;
        let text = text.ok_or_else(|| Error::bad_request(format!("there is no password policy {name:?}")))?;
        Policy::parse(&text)
            .and_then(|policy| policy.generate())
            .map_err(|error| error.context(format!("password policy {name:?}")))
    }

    /// The text of a policy.
    ///
    /// # Errors
    /// `Internal` when its record does not open.
    pub fn password_policy(&self, name: &str) -> Result<Option<String>> {
        let stored = self.reading(|records| records.get(&record(name)))?;
        let Some(bytes) = stored else { return Ok(None) };
        let text = String::from_utf8(bytes.to_vec());
        text.map(Some).map_err(|_| Error::internal("a stored password policy is no text"))
    }

    /// The names of all policies, in order.
    ///
    /// # Errors
    /// `Internal` when the store fails.
    pub fn password_policies(&self) -> Result<Vec<String>> {
        self.reading(|records| records.list(FOLDER))
    }

    /// Stores a policy once some passwords were made by it.
    ///
    /// # Errors
    /// `BadRequest` for a text that is no policy, or by which no passwords can be made.
    pub fn put_password_policy(&self, name: &str, text: &str) -> Result<()> {
        Policy::parse(text)
            .and_then(|policy| policy.try_out())
            .map_err(|error| error.context("invalid password policy"))?;
        self.system_records()?.write(&mut |records| records.put(&record(name), text.as_bytes()))
    }

    /// # Errors
    /// `Internal` when the store fails.
    pub fn delete_password_policy(&self, name: &str) -> Result<()> {
        self.system_records()?.write(&mut |records| records.delete(&record(name)).map(drop))
    }

    fn reading<T>(&self, question: impl Fn(&dyn Records) -> Result<T>) -> Result<T> {
        let mut answer = None;
        self.system_records()?.read(&mut |records| {
            answer = Some(question(records)?);
            Ok(())
        })?;
        answer.ok_or_else(|| Error::internal("the store did not run the question"))
    }

    fn system_records(&self) -> Result<MountRecords> {
        let mounts = self.mounts();
        let mount = mounts.at("sys/").ok_or_else(|| Error::internal("there is no system mount"))?;
        Ok(MountRecords::of(self, mount.hash()))
    }
}

fn record(name: &str) -> String {
    format!("{FOLDER}{name}")
}

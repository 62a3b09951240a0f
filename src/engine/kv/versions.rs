//! What `delete`, `undelete` and `destroy` have in common: a list of versions of one key, each of which is changed.

use super::config::Config;
use super::key::Key;
use super::store;
use crate::base::{Error, Result};
use crate::logical::{Ctx, Field, Input, Records, Response};

pub const PATH: Field = Field::text("path", "The name that the value is kept under.");
pub const VERSIONS: Field = Field::list("versions", "The numbers of the versions.");

/// What is done with one version that is there and not destroyed. May also change records.
pub type Change<'c> = &'c dyn Fn(&mut Key, u64, &Config, &mut dyn Records) -> Result<()>;

/// Changes the versions that are asked for, all in one transaction. Versions and keys that are not there are passed over.
///
/// # Errors
/// `BadRequest` for no version, and for what is none.
pub fn change(ctx: &mut Ctx, input: &Input, change: Change<'_>) -> Result<Response> {
    let path = store::write_path(input)?;
    let numbers = numbers(input)?;
    ctx.write(|records| {
        let config = store::config(records)?;
        let Some(mut key) = store::key(records, &path)? else { return Ok(()) };
        for number in &numbers {
            if key.versions.get(number).is_some_and(|version| !version.destroyed) {
                change(&mut key, *number, &config, records)?;
            }
        }
        store::put_key(records, &path, &key)
    })?;
    Ok(Response::empty())
}

fn numbers(input: &Input) -> Result<Vec<u64>> {
    let given = input.list("versions").unwrap_or_default();
    if given.is_empty() {
        return Err(Error::bad_request("No version number provided"));
    }
    let wrong = |_| Error::bad_request("field \"versions\" takes the numbers of versions, as [1, 2]");
    given.iter().map(|number| number.trim().parse()).collect::<Result<_, _>>().map_err(wrong)
}

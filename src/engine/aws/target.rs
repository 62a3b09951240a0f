//! Which AWS account the engine's keys belong to: the target that leases are tied to.
//!
//! Asked once for a key and then remembered beside it, so that neither configuring nor every lease needs STS.

use crate::base::{Error, Result};
use crate::engine::aws::config::root::Root;
use crate::engine::aws::sts_api;
use crate::logical::{Ctx, Records};
use serde::{Deserialize, Serialize};

const RECORD: &str = "target";

/// The record: what was learnt, and with which key from where.
#[derive(Serialize, Deserialize)]
struct Target {
    access_key: String,
    sts_endpoint: String,
    account: String,
}

/// The target's name on leases.
#[must_use]
pub fn identity(account: &str) -> String {
    format!("aws {account}")
}

/// The account that these keys belong to.
///
/// # Errors
/// AWS's, when it has to be asked and does not answer or does not know the key.
pub fn account(ctx: &mut Ctx, root: &Root) -> Result<String> {
    let deadline = ctx.outside().deadline();
    let client = root.sts(ctx, deadline);
    // Keys of the surroundings change without a word: it is the present one that counts.
    let access_key = client.keys()?.map(|keys| keys.access_key).unwrap_or_default();
    let known: Option<Target> = ctx.load(RECORD)?;
    if let Some(known) = known.filter(|known| known.access_key == access_key && known.sts_endpoint == root.sts_endpoint)
    {
        return Ok(known.account);
    }
    let identity = sts_api::caller_identity(&client)
        .map_err(|failure| Error::from(failure).context("the AWS account of the engine's keys is not known"))?;
    ctx.write(|records| note(records, &access_key, root, &identity.account))?;
    Ok(identity.account)
}

/// The account that was last found to be the keys', without asking.
///
/// # Errors
/// `Internal` when the record does not open.
pub fn known(ctx: &Ctx) -> Result<Option<String>> {
    Ok(ctx.load::<Target>(RECORD)?.map(|known| known.account))
}

/// Notes the account of configured keys.
///
/// # Errors
/// `Internal` when the store fails.
pub fn remember(records: &mut dyn Records, root: &Root, account: &str) -> Result<()> {
    note(records, &root.access_key, root, account)
}

fn note(records: &mut dyn Records, access_key: &str, root: &Root, account: &str) -> Result<()> {
    let target = Target {
        access_key: access_key.to_owned(),
        sts_endpoint: root.sts_endpoint.clone(),
        account: account.to_owned(),
    };
    crate::logical::ctx::store(records, RECORD, &target)
}

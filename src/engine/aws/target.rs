//! Which AWS account the configured keys belong to: the target that leases are tied to.
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
    let known: Option<Target> = ctx.load(RECORD)?;
    if let Some(known) =
        known.filter(|known| known.access_key == root.access_key && known.sts_endpoint == root.sts_endpoint)
    {
        return Ok(known.account);
    }
    let deadline = ctx.outside().deadline();
    let identity = sts_api::caller_identity(&root.sts(ctx, deadline))
        .map_err(|failure| Error::from(failure).context("the AWS account of the configured keys is not known"))?;
    ctx.write(|records| remember(records, root, &identity.account))?;
    Ok(identity.account)
}

/// Notes the account of these keys.
///
/// # Errors
/// `Internal` when the store fails.
pub fn remember(records: &mut dyn Records, root: &Root, account: &str) -> Result<()> {
    let target = Target {
        access_key: root.access_key.clone(),
        sts_endpoint: root.sts_endpoint.clone(),
        account: account.to_owned(),
    };
    crate::logical::ctx::store(records, RECORD, &target)
}

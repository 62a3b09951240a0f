//! `sys/leases/revoke-alias`: ends everything that somebody got who signed in by a name.

use crate::base::{Error, Result};
use crate::core::causes::Event;
use crate::core::identity::entities;
use crate::core::mounts::{Class, Mount, Resolved};
use crate::core::plan::{self, DRY_RUN};
use crate::core::selection::Selection;
use crate::core::{Call, Live};
use crate::logical::route::SUDO;
use crate::logical::{Action, Field, Input, Operation, Response, Route};
use crate::sys::revoke::{SYNC, end_all};
use std::sync::Arc;

pub static REVOKE: Route<Call> = Route {
    pattern: "leases/revoke-alias/{alias..}",
    fields: &[
        Field::text("alias", "The auth method's path and the name there, as auth/userpass/alice; or the alias's id."),
        SYNC,
        DRY_RUN,
    ],
    actions: &[Action::new(Operation::Update, revoke, "Revokes all tokens got by signing in as this.")],
    exists: None,
    summary: "Revokes all tokens got by signing in as this.",
    help: "Those of this alias alone, and with them all that was made with them: what the same entity has by signing in \
           elsewhere stays. All of it is dead at once; then the credentials are ended one by one. Batch tokens are stored \
           nowhere: they are ended by disabling the entity.",
    flags: SUDO,
};

fn revoke(call: &mut Call, input: &Input) -> Result<Response> {
    let live = call.live()?;
    let alias = input.required("alias")?;
    let (mount, name) = find(live, &alias)?;
    let selection = Selection::Alias(mount, name);
    if plan::is_asked_for(input) {
        return live.plan(&selection, call.deadline);
    }
    let cause = call.cause(Event::RevokedByAlias).at(&alias);
    let rows = live.revoke_selected(&selection, &cause)?;
    end_all(call, cause, input, &rows)
}

fn find(live: &Live, alias: &str) -> Result<(Arc<Mount>, String)> {
    let mounts = live.mounts();
    if let Resolved::Mount(mount, name) = mounts.resolve(&live.barrier, alias)
        && mount.class == Class::Auth
        && !name.trim_matches('/').is_empty()
    {
        return Ok((mount, name.trim_matches('/').to_owned()));
    }
    let id = alias.trim_matches('/');
    let entity = live.read_identities(|records| entities::by_alias_id(records, id))?;
    let found = entity.and_then(|entity| entity.aliases.into_iter().find(|alias| alias.id == id));
    let mount = |accessor: &str| mounts.active().find(|mount| mount.accessor == accessor).cloned();
    found.and_then(|alias| Some((mount(&alias.mount_accessor)?, alias.name))).ok_or_else(|| {
        Error::bad_request(format!(
            "{alias:?} is no alias: write an auth method's path and the name there, as auth/userpass/alice, or an alias's id"
        ))
    })
}

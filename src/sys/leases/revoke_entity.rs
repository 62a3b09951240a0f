//! `sys/leases/revoke-entity`: ends everything that an entity has.

use crate::base::Result;
use crate::core::Call;
use crate::core::causes::Event;
use crate::core::plan::{self, DRY_RUN};
use crate::core::selection::Selection;
use crate::logical::route::SUDO;
use crate::logical::{Action, Field, Input, Operation, Response, Route};
use crate::sys::revoke::{SYNC, end_all};

pub static REVOKE: Route<Call> = Route {
    pattern: "leases/revoke-entity/{entity_id}",
    fields: &[Field::text("entity_id", "The entity's id."), SYNC, DRY_RUN],
    actions: &[Action::new(Operation::Update, revoke, "Revokes all tokens and leases of an entity.")],
    exists: None,
    summary: "Revokes all tokens and leases of an entity.",
    help: "Its tokens, and with them all that was made with them; and the leases that it asked for itself. All of them are dead \
           at once; then the credentials are ended one by one. The entity can sign in again: disable it to prevent that.",
    flags: SUDO,
};

fn revoke(call: &mut Call, input: &Input) -> Result<Response> {
    let live = call.live()?;
    let entity = input.required("entity_id")?;
    let selection = Selection::Entity(entity.clone());
    if plan::is_asked_for(input) {
        return live.plan(&selection, call.deadline);
    }
    let cause = call.cause(Event::RevokedByEntity).at(&entity);
    let rows = live.revoke_selected(&selection, &cause)?;
    end_all(call, cause, input, &rows)
}

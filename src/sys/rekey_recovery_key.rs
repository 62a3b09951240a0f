//! `sys/rekey-recovery-key/…`: other recovery keys, where the seal opens by itself. What the handlers do is in `rekey`.

use crate::core::Call;
use crate::core::ceremonies::Target::Recovery;
use crate::logical::route::{PUBLIC, SUDO};
use crate::logical::{Action, Operation, Route};
use crate::sys::rekey;

pub static INIT: Route<Call> = Route {
    pattern: "rekey-recovery-key/init",
    fields: rekey::START_FIELDS,
    actions: &[
        Action::new(Operation::Read, |call, _| rekey::status(call, Recovery), "Shows how far the attempt is."),
        Action::new(
            Operation::Update,
            |call, input| rekey::begin(call, input, Recovery),
            "Begins to make new recovery keys.",
        ),
        Action::new(Operation::Delete, |call, input| rekey::cancel(call, input, Recovery), "Cancels the attempt."),
    ],
    exists: None,
    summary: "New recovery keys: begins, shows or cancels an attempt.",
    help: "As rekey/init, for the keys that show that enough people agree where the seal opens by itself.",
    flags: PUBLIC,
};

pub static UPDATE: Route<Call> = Route {
    pattern: "rekey-recovery-key/update",
    fields: rekey::KEY_FIELDS,
    actions: &[Action::new(
        Operation::Update,
        |call, input| rekey::update(call, input, Recovery),
        "Takes one present recovery key; the last one is answered with the new ones.",
    )],
    exists: None,
    summary: "New recovery keys: takes one present key.",
    help: "The new keys are answered once and stored nowhere.",
    flags: PUBLIC,
};

pub static VERIFY: Route<Call> = Route {
    pattern: "rekey-recovery-key/verify",
    fields: rekey::VERIFY_FIELDS,
    actions: &[
        Action::new(Operation::Read, |call, _| rekey::verify_status(call, Recovery), "Shows how far verifying is."),
        Action::new(
            Operation::Update,
            |call, input| rekey::verify(call, input, Recovery),
            "Takes one new key; with enough of them, they are in force.",
        ),
        Action::new(
            Operation::Delete,
            |call, input| rekey::restart_verify(call, input, Recovery),
            "Begins verifying anew.",
        ),
    ],
    exists: None,
    summary: "New recovery keys: shows that they have arrived.",
    help: "As rekey/verify.",
    flags: PUBLIC,
};

pub static BACKUP: Route<Call> = Route {
    pattern: "rekey/recovery-key-backup",
    fields: &[],
    actions: &[
        Action::new(Operation::Read, rekey::no_backup, "There are none: it keeps keys that PGP has encrypted."),
        Action::new(Operation::Delete, rekey::nothing_to_delete, "Deletes what is not there."),
    ],
    exists: None,
    summary: "Kept copies of new recovery keys, of which this server has none.",
    help: "Only keys that PGP has encrypted are kept, and this server encrypts none.",
    flags: SUDO,
};

//! Cases about what the store counts by itself, the further names of a lease, and answers that are kept.

use super::{MOUNT, OTHER, ids, insert, lease};
use crate::base::Timestamp;
use crate::storage::{AnswerRow, Counted, LeaseKind, LeaseState, NewLease, Storage};

pub(crate) fn leases_are_counted_with_every_change(store: &dyn Storage) {
    let count = |of: Counted| store.reading(|s| s.lease_count(&of)).unwrap();
    assert_eq!(count(Counted::All), 0);
    let (role, entity) = ([1; 16], [2; 16]);
    let one = insert(store, &NewLease { node: 3, role: Some(role), entity: Some(entity), ..lease() });
    let two = insert(store, &NewLease { node: 3, role: Some(role), ..lease() });
    insert(store, &NewLease { mount: OTHER, node: 4, entity: Some(entity), state: LeaseState::Pending, ..lease() });
    let all = || {
        [
            Counted::All,
            Counted::Mount(MOUNT),
            Counted::Mount(OTHER),
            Counted::Role(role),
            Counted::Node(3),
            Counted::Node(4),
            Counted::Entity(Some(entity)),
            Counted::Entity(None),
            Counted::EntityAt(MOUNT, Some(entity)),
            Counted::EntityAt(MOUNT, None),
            Counted::EntityAt(OTHER, None),
        ]
        .map(count)
    };
    assert_eq!(all(), [3, 2, 1, 2, 2, 1, 2, 1, 1, 1, 0]);
    store.writing(|tx| tx.lease_advance(one, LeaseState::Active, LeaseState::Irrevocable, None, 9)).unwrap();
    assert_eq!(all(), [3, 2, 1, 2, 2, 1, 2, 1, 1, 1, 0], "every state counts");
    let undone = store.writing(|tx| {
        tx.lease_delete(two)?;
        Err::<(), _>(crate::base::Error::conflict("no"))
    });
    assert!(undone.is_err());
    assert_eq!(count(Counted::All), 3, "what is undone is not counted");
    for id in [one, two] {
        store.writing(|tx| tx.lease_delete(id)).unwrap();
    }
    assert_eq!(all(), [1, 0, 1, 0, 0, 1, 1, 0, 0, 0, 0]);
}

pub(crate) fn leases_are_counted_by_state_and_those_that_die_by_lane(store: &dyn Storage) {
    let counts = || {
        let rows = store.reading(|s| s.lease_counts()).unwrap();
        let mut rows: Vec<_> =
            rows.into_iter().map(|row| (row.mount, row.kind as i64, row.state as i64, row.count)).collect();
        rows.sort_unstable();
        rows
    };
    let dying = || store.reading(|s| s.dying_counts()).unwrap();
    let expired = |lane| store.reading(|s| s.expired_in_lane(&lane, Timestamp(100), 10)).unwrap();
    let target = [9; 16];
    let secret = NewLease { kind: LeaseKind::Secret, target: Some(target), due: Some(Timestamp(50)), ..lease() };
    let one = insert(store, &secret);
    let two = insert(store, &NewLease { target: None, due: Some(Timestamp(500)), ..lease() });
    insert(store, &NewLease { kind: LeaseKind::Token, ..lease() });
    assert_eq!(counts(), [(MOUNT, 1, 2, 1), (MOUNT, 2, 2, 2)]);
    assert_eq!((dying(), expired(target), expired(MOUNT)), (vec![], 1, 0));
    let advance = |id, from, to| {
        store.writing(|tx| tx.lease_advance(id, from, to, Some(Timestamp(900)), 1)).unwrap();
    };
    advance(one, LeaseState::Active, LeaseState::Revoking);
    advance(one, LeaseState::Revoking, LeaseState::Irrevocable);
    advance(two, LeaseState::Active, LeaseState::Revoking);
    assert_eq!(counts(), [(MOUNT, 1, 2, 1), (MOUNT, 2, 3, 1), (MOUNT, 2, 4, 1)]);
    let mut lanes = dying();
    lanes.sort_unstable();
    let mut expected = vec![(MOUNT, 1), (target, 1)];
    expected.sort_unstable();
    assert_eq!((lanes, expired(target)), (expected, 0));
    for id in [one, two] {
        store.writing(|tx| tx.lease_delete(id)).unwrap();
    }
    assert_eq!((counts(), dying()), (vec![(MOUNT, 1, 2, 1)], vec![]));
}

pub(crate) fn children_are_counted_up_to_a_number(store: &dyn Storage) {
    let states = [LeaseState::Revoking, LeaseState::Active, LeaseState::Active];
    let children = states.map(|state| insert(store, &NewLease { parent: 9, state, ..lease() }));
    let count = |after, at_most| store.reading(|s| s.lease_children_count(9, after, at_most)).unwrap();
    assert_eq!((count(0, 2), count(0, 3), count(0, 10)), (2, 3, 3));
    assert_eq!((count(children[0], 10), count(children[2], 10)), (2, 0));
    assert_eq!(store.reading(|s| s.lease_children_count(0, 0, 10)).unwrap(), 0, "what stands alone is nobody's child");
}

pub(crate) fn a_lease_may_have_further_names(store: &dyn Storage) {
    let name = [5; 16];
    let named: Vec<i64> = (0..3).map(|_| insert(store, &lease())).collect();
    for id in &named {
        store.writing(|tx| tx.lease_name(*id, &name)).unwrap();
        store.writing(|tx| tx.lease_name(*id, &name)).unwrap();
    }
    let found = |after, limit| ids(&store.reading(|s| s.leases_named(&name, after, limit)).unwrap());
    assert_eq!(found(0, 10), named);
    assert_eq!(found(named[0], 1), [named[1]]);
    store.writing(|tx| tx.lease_delete(named[1])).unwrap();
    assert_eq!(found(0, 10), [named[0], named[2]]);
}

pub(crate) fn an_answer_is_kept_while_its_lease_is_active(store: &dyn Storage) {
    let keep = |key: u8, lease, expires| {
        let row = AnswerRow { key: [key; 16], lease, expires: Timestamp(expires), sealed: vec![key] };
        store.writing(|tx| tx.answer_put(&row)).unwrap();
        row
    };
    let find = |key: u8| store.reading(|s| s.answer(&[key; 16])).unwrap();
    let (one, two) =
        (insert(store, &NewLease { due: None, ..lease() }), insert(store, &NewLease { due: None, ..lease() }));
    keep(1, two, 5);
    let replaced = keep(1, one, 10);
    assert_eq!(find(1), Some(replaced));
    keep(2, two, 20);
    keep(3, two, 30);
    assert_eq!(store.reading(|s| s.next_chore()).unwrap(), Some(Timestamp(10)));
    store.writing(|tx| tx.lease_advance(one, LeaseState::Active, LeaseState::Revoking, None, 0)).unwrap();
    assert_eq!(find(1), None, "gone when its lease is revoked");
    assert_eq!(store.writing(|tx| tx.answers_purge(Timestamp(20), 10)).unwrap(), 1);
    assert!(find(2).is_none() && find(3).is_some());
    store.writing(|tx| tx.lease_delete(two)).unwrap();
    assert_eq!(find(3), None, "gone with its lease");
}

//! Marking, listing, counting, and work.

use super::{MOUNT, OTHER, fresh_key, ids, insert, lease, state_of};
use crate::base::Timestamp;
use crate::storage::{LeaseIndex, LeaseKind, LeaseState, MountCount, NewLease, Snapshot, Storage, Tx, WorkRow};

pub(super) const EVERY_STATE: [LeaseState; 4] =
    [LeaseState::Pending, LeaseState::Active, LeaseState::Revoking, LeaseState::Irrevocable];

pub(crate) fn marking_takes_active_rows_alone(store: &dyn Storage) {
    type Mark = fn(&mut dyn Tx, usize) -> crate::base::Result<usize>;
    let by_parent: Mark = |tx, limit| tx.lease_mark_children(4, Some(&[9; 16]), Timestamp(77), limit);
    let by_mount: Mark = |tx, limit| tx.lease_mark_mount(&[4; 16], Some(&[9; 16]), Timestamp(77), limit);
    let by_node: Mark = |tx, limit| tx.lease_mark_node(4, Some(&[9; 16]), Timestamp(77), limit);
    let cases = [
        (by_parent, NewLease { parent: 4, ..lease() }),
        (by_mount, NewLease { mount: [4; 16], ..lease() }),
        (by_node, NewLease { node: 4, ..lease() }),
    ];
    let bystander = insert(store, &lease());
    for (mark, template) in cases {
        let add = |kind, state| insert(store, &NewLease { key: fresh_key(), kind, state, ..template.clone() });
        let others: Vec<_> = EVERY_STATE
            .into_iter()
            .filter(|state| *state != LeaseState::Active)
            .map(|state| (add(LeaseKind::Secret, state), state))
            .collect();
        let active: Vec<_> = [LeaseKind::Secret, LeaseKind::Token, LeaseKind::Secret]
            .map(|kind| add(kind, LeaseState::Active))
            .into_iter()
            .collect();
        let pages = [(); 3].map(|()| store.writing(|tx| mark(tx, 2)).unwrap());
        assert_eq!(pages, [2, 1, 0]);
        for id in active {
            let row = store.reading(|s| s.lease(id)).unwrap().unwrap();
            assert_eq!((row.state, row.due, row.attempts), (LeaseState::Revoking, Some(Timestamp(77)), 0));
            assert_eq!(row.cause, Some([9; 16]));
        }
        for (id, state) in others {
            let row = store.reading(|s| s.lease(id)).unwrap().unwrap();
            assert_eq!((row.state, row.due, row.cause), (state, Some(Timestamp(1000)), None), "left as it was");
        }
    }
    assert_eq!(state_of(store, bystander), LeaseState::Active);
}

pub(crate) fn lists_are_paged_in_order_of_id_whatever_the_state(store: &dyn Storage) {
    let mut all = Vec::new();
    for round in 0..3 {
        for (at, state) in EVERY_STATE.into_iter().rev().enumerate() {
            let kind = if (round + at) % 2 == 0 { LeaseKind::Token } else { LeaseKind::Secret };
            all.push((insert(store, &NewLease { parent: 4, node: 5, kind, state, ..lease() }), kind));
            insert(store, &NewLease { parent: 40, node: 50, mount: OTHER, kind: LeaseKind::Secret, state, ..lease() });
        }
    }
    let pages_of = |page: &dyn Fn(&dyn Snapshot, i64) -> Vec<i64>| {
        let mut seen = Vec::new();
        loop {
            let next = store.reading(|s| Ok(page(s, seen.last().copied().unwrap_or(0)))).unwrap();
            assert!(next.len() <= 5);
            if next.is_empty() {
                return seen;
            }
            seen.extend(next);
        }
    };
    let everything: Vec<_> = all.iter().map(|(id, _)| *id).collect();
    let tokens: Vec<_> = all.iter().filter(|(_, kind)| *kind == LeaseKind::Token).map(|(id, _)| *id).collect();
    assert_eq!(pages_of(&|s, after| ids(&s.lease_children(4, after, 5).unwrap())), everything);
    assert_eq!(pages_of(&|s, after| ids(&s.leases_at(5, after, 5).unwrap())), everything);
    assert_eq!(pages_of(&|s, after| ids(&s.leases_of_mount(&MOUNT, after, 5).unwrap())), everything);
    let revoking: Vec<_> = all
        .iter()
        .filter(|(id, kind)| *kind == LeaseKind::Token && state_of(store, *id) == LeaseState::Revoking)
        .map(|(id, _)| *id)
        .collect();
    let in_state =
        |s: &dyn Snapshot, after| s.leases_in_state(&MOUNT, LeaseKind::Token, LeaseState::Revoking, after, 5).unwrap();
    assert!(!revoking.is_empty());
    assert_eq!(pages_of(&|s, after| ids(&in_state(s, after))), revoking);
    assert_eq!(pages_of(&|s, after| ids(&s.leases_of_kind(LeaseKind::Token, after, 5).unwrap())), tokens);

    let names: Vec<_> = (0..12_u8)
        .map(|n| store.writing(|tx| tx.node_insert(&MOUNT, 0, &[n.wrapping_mul(91); 16], b"n")).unwrap())
        .collect();
    store.writing(|tx| tx.node_insert(&OTHER, 0, &[1; 16], b"n")).unwrap();
    store.writing(|tx| tx.node_insert(&MOUNT, names[0], &[1; 16], b"n")).unwrap();
    let page = |s: &dyn Snapshot, after| s.node_children(&MOUNT, 0, after, 5).unwrap().iter().map(|n| n.id).collect();
    assert_eq!(pages_of(&page), names);
}

pub(crate) fn counts_are_by_mount_kind_and_state(store: &dyn Storage) {
    insert(store, &lease());
    insert(store, &lease());
    insert(store, &NewLease { state: LeaseState::Irrevocable, ..lease() });
    insert(store, &NewLease { kind: LeaseKind::Token, mount: OTHER, ..lease() });
    let counts = store.reading(|s| s.lease_counts()).unwrap();
    let count = |mount, kind, state, count| MountCount { mount, kind, state, count };
    let expected = [
        count(MOUNT, LeaseKind::Secret, LeaseState::Active, 2),
        count(MOUNT, LeaseKind::Secret, LeaseState::Irrevocable, 1),
        count(OTHER, LeaseKind::Token, LeaseState::Active, 1),
    ];
    assert_eq!(counts.len(), expected.len());
    assert!(expected.iter().all(|row| counts.contains(row)));
}

pub(crate) fn work_is_kept_updated_and_done(store: &dyn Storage) {
    let id = store.writing(|tx| tx.work_insert("tidy", Some(Timestamp(5)), b"plan")).unwrap();
    let next = store.writing(|tx| tx.work_insert("rotate", None, b"")).unwrap();
    let mut row = store.reading(|s| s.work(id)).unwrap().unwrap();
    let expected = WorkRow {
        id,
        kind: "tidy".into(),
        mount: None,
        key: None,
        due: Some(Timestamp(5)),
        attempts: 0,
        sealed: b"plan".to_vec(),
    };
    assert_eq!(row, expected);
    row.attempts = 3;
    row.due = None;
    row.sealed = b"later".to_vec();
    assert!(store.writing(|tx| tx.work_update(&row)).unwrap());
    assert_eq!(store.reading(|s| s.work(id)).unwrap().unwrap(), row);
    let page = |after, limit| {
        let rows = store.reading(|s| s.work_all(after, limit)).unwrap();
        rows.iter().map(|row| row.id).collect::<Vec<_>>()
    };
    assert_eq!(page(0, 1), [id]);
    assert_eq!(page(id, 10), [next]);
    assert!(store.writing(|tx| tx.work_delete(id)).unwrap());
    assert!(!store.writing(|tx| tx.work_update(&row)).unwrap());
    assert_eq!(store.reading(|s| s.work(id)).unwrap(), None);
}

pub(crate) fn work_of_a_mount_is_found_by_its_key_and_goes_with_it(store: &dyn Storage) {
    let put = |mount, key: u8, due, sealed: &[u8]| {
        store.writing(|tx| tx.work_put(mount, &[key; 16], "rotate", Some(Timestamp(due)), sealed)).unwrap()
    };
    let first = put(&MOUNT, 1, 50, b"a");
    let other = put(&OTHER, 2, 60, b"b");
    let mut row = store.reading(|s| s.work(first)).unwrap().unwrap();
    row.attempts = 4;
    assert!(store.writing(|tx| tx.work_update(&row)).unwrap());

    assert_eq!(put(&MOUNT, 1, 70, b"c"), first, "the same work with another time");
    let moved = store.reading(|s| s.work_by_key(&[1; 16])).unwrap().unwrap();
    assert_eq!((moved.due, moved.attempts, moved.sealed), (Some(Timestamp(70)), 0, b"c".to_vec()));
    assert_eq!((moved.mount, moved.kind.as_str()), (Some(MOUNT), "rotate"));

    assert_eq!(store.writing(|tx| tx.purge_mount(&MOUNT, 10)).unwrap(), 1);
    assert_eq!(store.reading(|s| s.work_by_key(&[1; 16])).unwrap(), None);
    assert!(store.reading(|s| s.work(other)).unwrap().is_some(), "another mount's work stays");
}

pub(crate) fn leases_are_found_by_what_they_are_about(store: &dyn Storage) {
    let about = [
        (LeaseIndex::Role, NewLease { role: Some([7; 16]), ..lease() }),
        (LeaseIndex::Subject, NewLease { subject: Some([7; 16]), ..lease() }),
        (LeaseIndex::Entity, NewLease { entity: Some([7; 16]), ..lease() }),
        (LeaseIndex::Target, NewLease { target: Some([7; 16]), ..lease() }),
    ];
    for (index, new) in about {
        let expected: Vec<i64> = (0..3).map(|_| insert(store, &NewLease { key: fresh_key(), ..new.clone() })).collect();
        let page = |after, limit| ids(&store.reading(|s| s.leases_by(index, &[7; 16], after, limit)).unwrap());
        assert_eq!(page(0, 10), expected, "{index:?}");
        assert_eq!(page(expected[0], 1), [expected[1]], "{index:?}");
    }
}

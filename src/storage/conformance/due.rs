//! What is due and in which line, what is tried again, and what is kept of leases that end.

use super::lists::EVERY_STATE;
use super::{MOUNT, OTHER, ids, insert, lease, state_of};
use crate::base::Timestamp;
use crate::storage::{Hash, Lane, LeaseKind, LeaseState, NewLease, Storage};

const TARGET: Hash = [3; 16];

fn lanes(store: &dyn Storage, kind: LeaseKind) -> Vec<Lane> {
    store.reading(|s| s.lanes(kind)).unwrap()
}

fn due(store: &dyn Storage, lane: &Hash, now: i64, limit: usize) -> Vec<i64> {
    ids(&store.reading(|s| s.leases_due(LeaseKind::Secret, lane, Timestamp(now), limit)).unwrap())
}

pub(crate) fn what_is_due_comes_earliest_first_in_its_line(store: &dyn Storage) {
    assert_eq!(lanes(store, LeaseKind::Secret), []);
    let add = |due: Option<i64>, target| insert(store, &NewLease { due: due.map(Timestamp), target, ..lease() });
    let (late, never, early) = (add(Some(300), None), add(None, None), add(Some(100), None));
    let elsewhere = add(Some(200), Some(TARGET));
    insert(store, &NewLease { mount: OTHER, due: Some(Timestamp(250)), target: Some(TARGET), ..lease() });
    insert(store, &NewLease { kind: LeaseKind::Token, due: Some(Timestamp(50)), ..lease() });
    let lane = |id, due| Lane { id, due: Timestamp(due) };
    assert_eq!(lanes(store, LeaseKind::Secret), [lane(TARGET, 200), lane(MOUNT, 100)]);
    assert_eq!(lanes(store, LeaseKind::Token), [lane(MOUNT, 50)]);
    assert_eq!(due(store, &MOUNT, 99, 10), [0; 0]);
    assert_eq!(due(store, &MOUNT, 100, 10), [early]);
    assert_eq!(due(store, &MOUNT, 9999, 10), [early, late]);
    assert_eq!(due(store, &MOUNT, 9999, 1), [early]);
    assert_eq!(due(store, &TARGET, 249, 10), [elsewhere]);
    assert_eq!(due(store, &TARGET, 250, 10).len(), 2, "whichever mount they belong to");
    assert_eq!(state_of(store, never), LeaseState::Active);
}

pub(crate) fn what_was_revoked_can_be_told_from_what_only_its_time_has_ended(store: &dyn Storage) {
    let add = |state, due| insert(store, &NewLease { state, due: Some(Timestamp(due)), ..lease() });
    for state in EVERY_STATE {
        add(state, 100);
    }
    let (late, early) = (add(LeaseState::Irrevocable, 90), add(LeaseState::Revoking, 50));
    add(LeaseState::Revoking, 200);
    let dead =
        |limit| ids(&store.reading(|s| s.leases_due_dead(LeaseKind::Secret, &MOUNT, Timestamp(99), limit)).unwrap());
    assert_eq!((dead(10), dead(1)), (vec![early, late], vec![early]));
    let all = store.reading(|s| s.leases_due_dead(LeaseKind::Secret, &MOUNT, Timestamp(100), 10)).unwrap();
    assert_eq!(all.len(), 4);
    assert!(all.iter().all(|row| matches!(row.state, LeaseState::Revoking | LeaseState::Irrevocable)));
}

pub(crate) fn work_that_is_due_comes_earliest_first(store: &dyn Storage) {
    assert_eq!(store.reading(|s| s.next_chore()).unwrap(), None);
    let work = store.writing(|tx| tx.work_insert("tidy", Some(Timestamp(200)), b"")).unwrap();
    store.writing(|tx| tx.work_insert("rest", None, b"")).unwrap();
    assert_eq!(store.reading(|s| s.next_chore()).unwrap(), Some(Timestamp(200)));
    let work_due = |now| store.reading(|s| s.work_due(Timestamp(now), 10)).unwrap();
    assert!(work_due(199).is_empty());
    assert_eq!(work_due(200)[0].id, work);
    let retry = |until| store.writing(|tx| tx.work_retry(Timestamp(100), Timestamp(until), 10)).unwrap();
    assert_eq!([retry(199), retry(200), retry(200)], [0, 1, 0]);
    assert_eq!(work_due(100)[0].id, work);
}

pub(crate) fn what_an_earlier_process_left_pending_becomes_due(store: &dyn Storage) {
    let add = |state, due: Option<i64>| insert(store, &NewLease { state, due: due.map(Timestamp), ..lease() });
    let mut pending = [Some(900), None, Some(800)].map(|due| add(LeaseState::Pending, due));
    let overdue = add(LeaseState::Pending, Some(50));
    add(LeaseState::Active, Some(900));
    let pages = [(); 3].map(|()| store.writing(|tx| tx.lease_pending_due(Timestamp(60), 2)).unwrap());
    assert_eq!(pages, [2, 1, 0]);
    let due = due(store, &MOUNT, 60, 10);
    assert_eq!(due[0], overdue);
    let mut rest = due[1..].to_vec();
    rest.sort_unstable();
    pending.sort_unstable();
    assert_eq!(rest, pending);
}

pub(crate) fn what_waits_for_its_next_try_becomes_due_in_its_line_alone(store: &dyn Storage) {
    let add = |state, due| insert(store, &NewLease { state, due: Some(Timestamp(due)), ..lease() });
    let mut waiting = [(LeaseState::Revoking, 100), (LeaseState::Irrevocable, 120), (LeaseState::Revoking, 110)]
        .map(|(state, due)| add(state, due));
    let overdue = add(LeaseState::Revoking, 50);
    add(LeaseState::Revoking, 121);
    add(LeaseState::Active, 100);
    add(LeaseState::Pending, 100);
    let other = NewLease { state: LeaseState::Revoking, due: Some(Timestamp(100)), target: Some(TARGET), ..lease() };
    insert(store, &other);
    let retry =
        || store.writing(|tx| tx.lease_retry(LeaseKind::Secret, &MOUNT, Timestamp(60), Timestamp(120), 2)).unwrap();
    assert_eq!([(); 3].map(|()| retry()), [2, 1, 0]);
    let found = due(store, &MOUNT, 60, 10);
    assert_eq!(found[0], overdue);
    let mut rest = found[1..].to_vec();
    rest.sort_unstable();
    waiting.sort_unstable();
    assert_eq!(rest, waiting);
    assert_eq!(due(store, &TARGET, 60, 10), [0; 0]);
}

pub(crate) fn what_is_due_in_a_line_can_be_counted_as_irrevocable(store: &dyn Storage) {
    let add = |state, due| insert(store, &NewLease { state, due: Some(Timestamp(due)), ..lease() });
    let rows = EVERY_STATE.map(|state| (add(state, 100), state));
    let later = add(LeaseState::Revoking, 101);
    let mark = || store.writing(|tx| tx.lease_mark_irrevocable(&MOUNT, Timestamp(100), 1)).unwrap();
    assert_eq!([(); 3].map(|()| mark()), [1, 1, 0]);
    for (id, before) in rows {
        let pending = before == LeaseState::Pending;
        assert_eq!(state_of(store, id), if pending { before } else { LeaseState::Irrevocable });
    }
    assert_eq!(state_of(store, later), LeaseState::Revoking);
}

pub(crate) fn the_cause_of_an_end_is_kept_for_a_while(store: &dyn Storage) {
    let id = insert(store, &lease());
    let put = |key: u8, at| store.writing(|tx| tx.cause_insert(&[key; 16], Timestamp(at), &[key])).unwrap();
    put(1, 10);
    put(2, 20);
    put(3, 30);
    assert!(store.writing(|tx| tx.lease_set_cause(id, &[2; 16])).unwrap());
    assert_eq!(store.reading(|s| s.lease(id)).unwrap().unwrap().cause, Some([2; 16]));
    assert_eq!(store.reading(|s| s.cause(&[2; 16])).unwrap(), Some(vec![2]));
    let tidy = || store.writing(|tx| tx.causes_tidy(Timestamp(30), 1)).unwrap();
    assert_eq!([(); 3].map(|()| tidy()), [1, 1, 0]);
    assert_eq!(store.reading(|s| s.cause(&[2; 16])).unwrap(), None);
    assert_eq!(store.reading(|s| s.cause(&[3; 16])).unwrap(), Some(vec![3]));
}

pub(crate) fn the_names_of_ended_leases_are_kept_for_a_while_and_in_bounds(store: &dyn Storage) {
    let put = |name: u8, at| store.writing(|tx| tx.ended_put(&[name; 16], Timestamp(at))).unwrap();
    let at = |name: u8| store.reading(|s| s.ended(&[name; 16])).unwrap();
    for name in 1..=5 {
        put(name, i64::from(name) * 10);
    }
    put(1, 60);
    assert_eq!((at(1), at(2), at(9)), (Some(Timestamp(60)), Some(Timestamp(20)), None));
    let tidy = |before, keep| store.writing(|tx| tx.ended_tidy(Timestamp(before), keep, 2)).unwrap();
    assert_eq!([(); 2].map(|()| tidy(30, 100)), [1, 0]);
    assert_eq!((at(2), at(3)), (None, Some(Timestamp(30))));
    assert_eq!([(); 3].map(|()| tidy(0, 2)), [2, 0, 0], "the newest two stay");
    assert_eq!((at(4), at(5), at(1)), (None, Some(Timestamp(50)), Some(Timestamp(60))));
}

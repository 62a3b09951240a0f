//! What every store must do, as tests: `conformance!(make)` in a store's own tests runs them all on stores that `make`
//! returns, each on a fresh one.
//!
//! What only one kind of store can show (files, crashes) is in that store's tests.

mod counts;
mod due;
mod isolation;
mod lists;

pub(crate) use counts::*;
pub(crate) use due::*;
pub(crate) use isolation::*;
pub(crate) use lists::*;

use super::{Catalog, Hash, KeyRow, LeaseKey, LeaseKind, LeaseRow, LeaseState, NewLease, Storage};
use crate::base::{Kind, Timestamp};
use std::sync::atomic::{AtomicI64, Ordering};

/// One test for each case of the suite.
macro_rules! conformance {
    ($make:expr; $($case:ident),+ $(,)?) => {
        $(
            #[test]
            fn $case() {
                let (store, _keep) = $make();
                crate::storage::conformance::$case(&store);
            }
        )+
    };
    ($make:expr) => {
        crate::storage::conformance::conformance! {
            $make;
            small_tables_keep_put_replace_and_delete,
            names_form_a_tree,
            a_name_goes_only_when_nothing_hangs_at_it,
            a_name_below_one_that_is_gone_is_refused,
            a_mount_is_purged_in_pages_and_spares_names_with_leases,
            a_lease_comes_back_as_it_was_stored,
            a_lease_is_found_by_key_and_accessor,
            a_key_or_accessor_is_used_once,
            an_id_is_never_used_twice,
            a_lease_advances_only_from_the_state_it_is_in,
            only_an_active_lease_is_renewed,
            only_an_active_lease_changes_its_parent,
            marking_takes_active_rows_alone,
            lists_are_paged_in_order_of_id_whatever_the_state,
            what_is_due_comes_earliest_first_in_its_line,
            what_was_revoked_can_be_told_from_what_only_its_time_has_ended,
            work_that_is_due_comes_earliest_first,
            what_an_earlier_process_left_pending_becomes_due,
            what_waits_for_its_next_try_becomes_due_in_its_line_alone,
            what_is_due_in_a_line_can_be_counted_as_irrevocable,
            the_cause_of_an_end_is_kept_for_a_while,
            the_names_of_ended_leases_are_kept_for_a_while_and_in_bounds,
            counts_are_by_mount_kind_and_state,
            work_is_kept_updated_and_done,
            work_of_a_mount_is_found_by_its_key_and_goes_with_it,
            leases_are_found_by_what_they_are_about,
            leases_are_counted_with_every_change,
            leases_are_counted_by_state_and_those_that_die_by_lane,
            children_are_counted_up_to_a_number,
            a_lease_may_have_further_names,
            an_answer_is_kept_while_its_lease_is_active,
            a_failed_change_leaves_nothing,
            a_change_sees_itself_and_nobody_sees_it_early,
            a_question_sees_one_moment,
            a_change_that_panics_leaves_nothing_and_blocks_nobody,
            a_change_inside_a_change_is_refused,
            no_update_is_lost,
            no_write_is_skewed,
            no_child_outlives_a_dying_parent,
            one_failing_change_does_not_hurt_its_group,
        }
    };
}
pub(crate) use conformance;

pub(crate) const MOUNT: Hash = [7; 16];
const OTHER: Hash = [8; 16];

/// A key that no other call returns.
pub(crate) fn fresh_key() -> LeaseKey {
    static NEXT: AtomicI64 = AtomicI64::new(1);
    let mut key = [0; 24];
    key[..8].copy_from_slice(&NEXT.fetch_add(1, Ordering::Relaxed).to_be_bytes());
    key
}

/// An active secret of [`MOUNT`], due at 1000.
pub(crate) fn lease() -> NewLease {
    NewLease {
        key: fresh_key(),
        parent: 0,
        mount: MOUNT,
        node: 0,
        kind: LeaseKind::Secret,
        state: LeaseState::Active,
        issued: Timestamp(10),
        expires: Some(Timestamp(1000)),
        maximum: Some(Timestamp(5000)),
        due: Some(Timestamp(1000)),
        accessor: None,
        entity: None,
        role: None,
        subject: None,
        target: None,
        sealed: b"sealed".to_vec(),
    }
}

fn insert(store: &dyn Storage, lease: &NewLease) -> i64 {
    store.writing(|tx| tx.lease_insert(lease)).unwrap()
}

fn ids(leases: &[LeaseRow]) -> Vec<i64> {
    leases.iter().map(|lease| lease.id).collect()
}

fn state_of(store: &dyn Storage, id: i64) -> LeaseState {
    store.reading(|snapshot| snapshot.lease(id)).unwrap().unwrap().state
}

pub(crate) fn small_tables_keep_put_replace_and_delete(store: &dyn Storage) {
    let key = KeyRow { term: 3, created: Timestamp(9), wrapped: vec![1, 2] };
    store
        .writing(|tx| {
            tx.set_meta("one", b"first")?;
            tx.set_meta("one", b"second")?;
            tx.put_key(&key)
        })
        .unwrap();
    assert_eq!(store.reading(|s| s.meta("one")).unwrap().as_deref(), Some(&b"second"[..]));
    assert_eq!(store.reading(|s| s.meta("two")).unwrap(), None);
    assert_eq!(store.reading(|s| s.keyring()).unwrap(), [key]);
    for catalog in [Catalog::Mounts, Catalog::Policies, Catalog::AuditDevices] {
        store.writing(|tx| tx.catalog_put(catalog, &[1; 16], catalog.table().as_bytes())).unwrap();
        store.writing(|tx| tx.catalog_put(catalog, &[2; 16], b"two")).unwrap();
        let row = store.reading(|s| s.catalog_row(catalog, &[1; 16])).unwrap();
        assert_eq!(row.as_deref(), Some(catalog.table().as_bytes()));
        assert_eq!(store.reading(|s| s.catalog(catalog)).unwrap().len(), 2);
        assert!(store.writing(|tx| tx.catalog_delete(catalog, &[1; 16])).unwrap());
        assert!(!store.writing(|tx| tx.catalog_delete(catalog, &[1; 16])).unwrap());
        assert_eq!(store.reading(|s| s.catalog(catalog)).unwrap().len(), 1);
    }
}

pub(crate) fn names_form_a_tree(store: &dyn Storage) {
    let (top, below) = store
        .writing(|tx| {
            let top = tx.node_insert(&MOUNT, 0, &[1; 16], b"top")?;
            let below = tx.node_insert(&MOUNT, top, &[1; 16], b"below")?;
            tx.node_insert(&OTHER, 0, &[1; 16], b"the same name elsewhere")?;
            tx.record_put(below, b"value", Some(Timestamp(5)))?;
            tx.lease_insert(&NewLease { node: below, ..lease() })?;
            Ok((top, below))
        })
        .unwrap();
    assert_eq!(store.reading(|s| s.node(&MOUNT, 0, &[1; 16])).unwrap(), Some(top));
    assert_eq!(store.reading(|s| s.node(&MOUNT, top, &[1; 16])).unwrap(), Some(below));
    assert_eq!(store.reading(|s| s.node(&MOUNT, below, &[1; 16])).unwrap(), None);
    let row = store.reading(|s| s.node_row(top)).unwrap().unwrap();
    assert_eq!((row.parent, row.name, row.sealed_name.as_slice()), (0, [1; 16], &b"top"[..]));
    assert_eq!((row.has_record, row.has_children, row.has_leases), (false, true, false));
    let row = store.reading(|s| s.node_row(below)).unwrap().unwrap();
    assert_eq!((row.parent, row.has_record, row.has_children, row.has_leases), (top, true, false, true));
    let record = store.reading(|s| s.record(below)).unwrap().unwrap();
    assert_eq!((record.sealed.as_slice(), record.expires), (&b"value"[..], Some(Timestamp(5))));
    let again = store.writing(|tx| tx.node_insert(&MOUNT, 0, &[1; 16], b"again")).unwrap_err();
    assert_eq!(again.kind(), Kind::Conflict);
}

pub(crate) fn a_name_goes_only_when_nothing_hangs_at_it(store: &dyn Storage) {
    let node = store.writing(|tx| tx.node_insert(&MOUNT, 0, &[1; 16], b"n")).unwrap();
    let delete = || store.writing(|tx| tx.node_delete_if_bare(node)).unwrap();
    let child = store.writing(|tx| tx.node_insert(&MOUNT, node, &[2; 16], b"c")).unwrap();
    assert!(!delete());
    assert!(store.writing(|tx| tx.node_delete_if_bare(child)).unwrap());
    store.writing(|tx| tx.record_put(node, b"v", None)).unwrap();
    assert!(!delete());
    assert!(store.writing(|tx| tx.record_delete(node)).unwrap());
    let hanging = insert(store, &NewLease { node, ..lease() });
    assert!(!delete());
    assert!(store.writing(|tx| tx.lease_delete(hanging)).unwrap());
    assert!(delete());
    assert!(!delete());
}

pub(crate) fn a_name_below_one_that_is_gone_is_refused(store: &dyn Storage) {
    let elsewhere = store.writing(|tx| tx.node_insert(&OTHER, 0, &[1; 16], b"n")).unwrap();
    for parent in [elsewhere, elsewhere + 1000] {
        let refused = store.writing(|tx| tx.node_insert(&MOUNT, parent, &[2; 16], b"c")).unwrap_err();
        assert_eq!(refused.kind(), Kind::Conflict);
    }
    let refused = store.writing(|tx| tx.record_put(elsewhere + 1000, b"v", None)).unwrap_err();
    assert_eq!(refused.kind(), Kind::Conflict);
}

pub(crate) fn a_mount_is_purged_in_pages_and_spares_names_with_leases(store: &dyn Storage) {
    let leased = store
        .writing(|tx| {
            let mut parent = 0;
            for depth in 0..5_u8 {
                parent = tx.node_insert(&MOUNT, parent, &[depth; 16], b"n")?;
                tx.record_put(parent, b"v", None)?;
                for leaf in 10..14_u8 {
                    let leaf = tx.node_insert(&MOUNT, parent, &[leaf; 16], b"leaf")?;
                    tx.record_put(leaf, b"v", None)?;
                }
            }
            let kept = tx.node_insert(&OTHER, 0, &[1; 16], b"kept")?;
            tx.record_put(kept, b"v", None)?;
            let leased = tx.node_insert(&MOUNT, 0, &[99; 16], b"leased")?;
            tx.lease_insert(&NewLease { node: leased, ..lease() })?;
            Ok(leased)
        })
        .unwrap();
    let mut gone = 0;
    loop {
        let page = store.writing(|tx| tx.purge_mount(&MOUNT, 7)).unwrap();
        assert!(page <= 7);
        gone += page;
        if page == 0 {
            break;
        }
    }
    assert_eq!(gone, 50, "25 names and 25 records");
    let left = store.reading(|s| s.node_children(&MOUNT, 0, 0, 100)).unwrap();
    assert_eq!(left.iter().map(|node| node.id).collect::<Vec<_>>(), [leased]);
    assert!(store.reading(|s| s.node_children(&OTHER, 0, 0, 100)).unwrap()[0].has_record);
}

pub(crate) fn a_lease_comes_back_as_it_was_stored(store: &dyn Storage) {
    let full = NewLease {
        parent: 44,
        node: 55,
        kind: LeaseKind::Token,
        state: LeaseState::Pending,
        accessor: Some(fresh_key()),
        entity: Some([1; 16]),
        role: Some([2; 16]),
        subject: Some([3; 16]),
        target: Some([4; 16]),
        ..lease()
    };
    let bare = NewLease { expires: None, maximum: None, due: None, ..lease() };
    for new in [full, bare] {
        let id = insert(store, &new);
        let row = store.reading(|s| s.lease(id)).unwrap().unwrap();
        let expected = LeaseRow {
            id,
            key: new.key,
            parent: new.parent,
            mount: new.mount,
            node: new.node,
            kind: new.kind,
            state: new.state,
            issued: new.issued,
            expires: new.expires,
            maximum: new.maximum,
            due: new.due,
            attempts: 0,
            accessor: new.accessor,
            entity: new.entity,
            role: new.role,
            subject: new.subject,
            target: new.target,
            cause: None,
            sealed: new.sealed,
        };
        assert_eq!(row, expected);
    }
}

pub(crate) fn a_lease_is_found_by_key_and_accessor(store: &dyn Storage) {
    let new = NewLease { accessor: Some(fresh_key()), ..lease() };
    let id = insert(store, &new);
    let by_key = store.reading(|s| s.lease_by_key(&new.key)).unwrap().unwrap();
    let by_accessor = store.reading(|s| s.lease_by_accessor(&new.accessor.unwrap())).unwrap().unwrap();
    assert_eq!((by_key.id, by_accessor.id), (id, id));
    assert_eq!(store.reading(|s| s.lease_by_key(&fresh_key())).unwrap(), None);
    assert_eq!(store.reading(|s| s.lease_by_accessor(&new.key)).unwrap(), None);
}

pub(crate) fn a_key_or_accessor_is_used_once(store: &dyn Storage) {
    let new = NewLease { accessor: Some(fresh_key()), ..lease() };
    insert(store, &new);
    let same_key = NewLease { accessor: None, ..new.clone() };
    let same_accessor = NewLease { key: fresh_key(), ..new };
    for twice in [same_key, same_accessor] {
        assert_eq!(store.writing(|tx| tx.lease_insert(&twice)).unwrap_err().kind(), Kind::Conflict);
    }
}

pub(crate) fn an_id_is_never_used_twice(store: &dyn Storage) {
    let last = insert(store, &lease());
    assert!(store.writing(|tx| tx.lease_delete(last)).unwrap());
    assert!(insert(store, &lease()) > last);
    let last = store.writing(|tx| tx.work_insert("tidy", None, b"")).unwrap();
    assert!(store.writing(|tx| tx.work_delete(last)).unwrap());
    assert!(store.writing(|tx| tx.work_insert("tidy", None, b"")).unwrap() > last);
}

pub(crate) fn a_lease_advances_only_from_the_state_it_is_in(store: &dyn Storage) {
    use LeaseState::{Active, Irrevocable, Pending, Revoking};
    let id = insert(store, &NewLease { state: Pending, ..lease() });
    let advance = |from, to, due, attempts| store.writing(|tx| tx.lease_advance(id, from, to, due, attempts)).unwrap();
    assert!(!advance(Active, Revoking, None, 0));
    assert!(advance(Pending, Active, Some(Timestamp(70)), 0));
    assert!(!advance(Pending, Active, Some(Timestamp(71)), 0));
    assert!(advance(Active, Revoking, Some(Timestamp(80)), 0));
    assert!(advance(Revoking, Revoking, Some(Timestamp(90)), 1));
    assert!(advance(Revoking, Irrevocable, Some(Timestamp(100)), 2));
    let row = store.reading(|s| s.lease(id)).unwrap().unwrap();
    assert_eq!((row.state, row.due, row.attempts), (Irrevocable, Some(Timestamp(100)), 2));
}

pub(crate) fn only_an_active_lease_is_renewed(store: &dyn Storage) {
    let id = insert(store, &lease());
    let renew = |until| {
        let (until, maximum) = (Some(Timestamp(until)), Some(Timestamp(9000)));
        store.writing(|tx| tx.lease_renew(id, until, maximum, b"renewed")).unwrap()
    };
    assert!(renew(2000));
    let row = store.reading(|s| s.lease(id)).unwrap().unwrap();
    assert_eq!(
        (row.expires, row.due, row.maximum),
        (Some(Timestamp(2000)), Some(Timestamp(2000)), Some(Timestamp(9000)))
    );
    assert_eq!(row.sealed, b"renewed");
    assert!(store.writing(|tx| tx.lease_reseal(id, b"resealed")).unwrap());
    let revoking = Some(Timestamp(50));
    store.writing(|tx| tx.lease_advance(id, LeaseState::Active, LeaseState::Revoking, revoking, 0)).unwrap();
    assert!(!renew(3000));
    let row = store.reading(|s| s.lease(id)).unwrap().unwrap();
    assert_eq!((row.expires, row.due, row.sealed.as_slice()), (Some(Timestamp(2000)), revoking, &b"resealed"[..]));
    assert!(!store.writing(|tx| tx.lease_reseal(id + 1, b"")).unwrap());
}

pub(crate) fn only_an_active_lease_changes_its_parent(store: &dyn Storage) {
    let id = insert(store, &lease());
    let hang = |parent| store.writing(|tx| tx.lease_set_parent(id, parent, b"elsewhere")).unwrap();
    assert!(hang(77));
    let row = store.reading(|s| s.lease(id)).unwrap().unwrap();
    assert_eq!((row.parent, row.sealed.as_slice()), (77, &b"elsewhere"[..]));
    store.writing(|tx| tx.lease_advance(id, LeaseState::Active, LeaseState::Revoking, None, 0)).unwrap();
    assert!(!hang(0));
    assert_eq!(store.reading(|s| s.lease(id)).unwrap().unwrap().parent, 77);
}

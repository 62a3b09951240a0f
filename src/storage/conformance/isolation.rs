//! What holds between changes: all or nothing, each by itself, and as if they had run one after the other.

use super::{insert, lease, state_of};
use crate::base::{Error, Kind, Result, Timestamp};
use crate::storage::{LeaseState, NewLease, Snapshot, Storage, Tx};
use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

const THREADS: u64 = 8;
const ROUNDS: u64 = 50;

pub(crate) fn a_failed_change_leaves_nothing(store: &dyn Storage) {
    let error = store
        .writing(|tx| {
            tx.set_meta("half", b"done")?;
            tx.lease_insert(&lease())?;
            Err::<(), _>(Error::denied("second thoughts"))
        })
        .unwrap_err();
    assert_eq!((error.kind(), error.message()), (Kind::Denied, "second thoughts"));
    assert_eq!(store.reading(|s| s.meta("half")).unwrap(), None);
    assert_eq!(store.reading(|s| s.lease_counts()).unwrap(), []);
    store.writing(|tx| tx.set_meta("next", b"fine")).unwrap();
}

pub(crate) fn a_change_sees_itself_and_nobody_sees_it_early(store: &dyn Storage) {
    store
        .writing(|tx| {
            let id = tx.lease_insert(&lease())?;
            assert!(tx.lease(id)?.is_some());
            tx.lease_advance(id, LeaseState::Active, LeaseState::Revoking, None, 0)?;
            assert_eq!(tx.lease(id)?.map(|row| row.state), Some(LeaseState::Revoking));
            tx.set_meta("mine", b"yes")?;
            assert_eq!(tx.meta("mine")?.as_deref(), Some(&b"yes"[..]));
            Ok(())
        })
        .unwrap();
    // Readers run beside writers that set two rows to the same value: none may ever see two different ones.
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    let pair = store.reading(|s| Ok((s.meta("left")?, s.meta("right")?))).unwrap();
                    assert_eq!(pair.0, pair.1);
                }
            });
        }
        for round in 0..ROUNDS {
            store
                .writing(|tx| {
                    tx.set_meta("left", &round.to_be_bytes())?;
                    tx.set_meta("right", &round.to_be_bytes())
                })
                .unwrap();
        }
        stop.store(true, Ordering::Relaxed);
    });
}

/// On a store whose readers exclude the writer this holds trivially: there the change just comes later.
pub(crate) fn a_question_sees_one_moment(store: &dyn Storage) {
    let began = Barrier::new(2);
    thread::scope(|scope| {
        scope.spawn(|| {
            began.wait();
            store.writing(|tx| tx.set_meta("late", b"yes")).unwrap();
        });
        let seen = store
            .reading(|s| {
                let before = s.meta("late")?;
                began.wait();
                // Whatever happens meanwhile, the answer stays; asked often, so that the change has time to happen.
                let same = (0..2000).all(|_| s.meta("late").ok() == Some(before.clone()));
                Ok((before, same))
            })
            .unwrap();
        assert_eq!(seen, (None, true));
    });
    assert!(store.reading(|s| s.meta("late")).unwrap().is_some());
}

pub(crate) fn a_change_that_panics_leaves_nothing_and_blocks_nobody(store: &dyn Storage) {
    let panicking = |store: &dyn Storage| {
        catch_unwind(AssertUnwindSafe(|| {
            store.writing(|tx| {
                tx.set_meta("half", b"done")?;
                std::panic::resume_unwind(Box::new("on purpose")) as Result<()>
            })
        }))
    };
    assert_eq!(panicking(store).unwrap_err().downcast_ref(), Some(&"on purpose"));
    thread::scope(|scope| {
        for thread in 0..THREADS {
            scope.spawn(move || {
                for round in 0..ROUNDS {
                    if (thread + round) % 3 == 0 {
                        assert!(panicking(store).is_err());
                    } else {
                        store.writing(|tx| tx.set_meta(&format!("{thread}/{round}"), b"")).unwrap();
                    }
                }
            });
        }
    });
    assert_eq!(store.reading(|s| s.meta("half")).unwrap(), None);
    for (thread, round) in (0..THREADS).flat_map(|thread| (0..ROUNDS).map(move |round| (thread, round))) {
        let there = store.reading(|s| s.meta(&format!("{thread}/{round}"))).unwrap().is_some();
        assert_eq!(there, (thread + round) % 3 != 0);
    }
    let asked = catch_unwind(AssertUnwindSafe(|| {
        store.reading(|_| std::panic::resume_unwind(Box::new("on purpose")) as Result<()>)
    }));
    assert!(asked.is_err());
    assert_eq!(store.reading(|s| s.meta("half")).unwrap(), None);
}

pub(crate) fn a_change_inside_a_change_is_refused(store: &dyn Storage) {
    let inner = store.writing(|_| Ok(store.writing(|tx| tx.set_meta("inner", b"")).map_err(|error| error.kind())));
    assert_eq!(inner.unwrap(), Err(Kind::Internal));
    store.writing(|tx| tx.set_meta("after", b"")).unwrap();
    assert_eq!(store.reading(|s| s.meta("inner")).unwrap(), None);
}

fn number(snapshot: &(impl Snapshot + ?Sized), key: &str) -> Result<u64> {
    let stored = snapshot.meta(key)?.unwrap_or_else(|| vec![0; 8]);
    Ok(u64::from_be_bytes(stored.try_into().unwrap()))
}

pub(crate) fn no_update_is_lost(store: &dyn Storage) {
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                for _ in 0..ROUNDS {
                    store
                        .writing(|tx| {
                            let next = number(tx, "counter")? + 1;
                            tx.set_meta("counter", &next.to_be_bytes())
                        })
                        .unwrap();
                }
            });
        }
    });
    assert_eq!(store.reading(|s| number(s, "counter")).unwrap(), THREADS * ROUNDS);
}

/// Each takes one from its own account if the two together hold enough. Were two to judge by the same moment, both would.
pub(crate) fn no_write_is_skewed(store: &dyn Storage) {
    for _ in 0..ROUNDS {
        store
            .writing(|tx| {
                tx.set_meta("left", &1_u64.to_be_bytes())?;
                tx.set_meta("right", &1_u64.to_be_bytes())
            })
            .unwrap();
        let start = Barrier::new(2);
        let take = |own: &str| {
            start.wait();
            store
                .writing(|tx| {
                    if number(tx, "left")? + number(tx, "right")? < 2 {
                        return Ok(false);
                    }
                    let rest = number(tx, own)? - 1;
                    tx.set_meta(own, &rest.to_be_bytes())?;
                    Ok(true)
                })
                .unwrap()
        };
        let took = thread::scope(|scope| {
            let left = scope.spawn(|| take("left"));
            u8::from(take("right")) + u8::from(left.join().unwrap())
        });
        assert_eq!(took, 1);
    }
}

pub(crate) fn no_child_outlives_a_dying_parent(store: &dyn Storage) {
    for _ in 0..10 {
        let parent = insert(store, &lease());
        let start = Barrier::new(5);
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    start.wait();
                    while store.writing(|tx| insert_below(tx, parent)).is_ok() {}
                });
            }
            start.wait();
            store.writing(|tx| tx.lease_advance(parent, LeaseState::Active, LeaseState::Revoking, None, 0)).unwrap();
            while store.writing(|tx| tx.lease_mark_children(parent, None, Timestamp(1), 3)).unwrap() > 0 {}
        });
        assert_eq!(state_of(store, parent), LeaseState::Revoking);
        let children = store.reading(|s| s.lease_children(parent, 0, 100_000)).unwrap();
        assert!(children.iter().all(|child| child.state == LeaseState::Revoking));
    }
}

fn insert_below(tx: &mut dyn Tx, parent: i64) -> Result<i64> {
    match tx.lease(parent)? {
        Some(row) if row.state == LeaseState::Active => tx.lease_insert(&NewLease { parent, ..lease() }),
        _ => Err(Error::permission_denied()),
    }
}

pub(crate) fn one_failing_change_does_not_hurt_its_group(store: &dyn Storage) {
    let taken = lease();
    insert(store, &taken);
    let kept: BTreeSet<i64> = thread::scope(|scope| {
        let writers: Vec<_> = (0..THREADS)
            .map(|thread| {
                let taken = &taken;
                scope.spawn(move || {
                    let mut kept = Vec::new();
                    for round in 0..ROUNDS {
                        if (thread + round) % 2 == 0 {
                            kept.push(store.writing(|tx| tx.lease_insert(&lease())).unwrap());
                        } else {
                            let refused = store.writing(|tx| {
                                tx.lease_insert(&lease())?;
                                tx.lease_insert(taken)
                            });
                            assert_eq!(refused.unwrap_err().kind(), Kind::Conflict);
                        }
                    }
                    kept
                })
            })
            .collect();
        writers.into_iter().flat_map(|writer| writer.join().unwrap()).collect()
    });
    let count: u64 = store.reading(|s| s.lease_counts()).unwrap().iter().map(|row| row.count).sum();
    assert_eq!(count, THREADS * ROUNDS / 2 + 1);
    assert_eq!(kept.len() as u64, THREADS * ROUNDS / 2);
    assert!(kept.into_iter().all(|id| store.reading(|s| s.lease(id)).unwrap().is_some()));
}

//! Pools, on connections that lead nowhere.

use crate::base::{Error, Kind, Result};
use crate::engine::database::driver::{
    Database, Ended, ListedUser, NewPassword, NewUser, OldUser, RenewedUser, Wanted,
};
use crate::engine::database::pool::{self, Limits, Pool};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// How many connections are open, were open at most, and were opened.
#[derive(Default)]
struct Counts {
    open: AtomicUsize,
    most: AtomicUsize,
    opened: AtomicUsize,
}

struct Connection {
    counts: Arc<Counts>,
    alive: bool,
}

impl Connection {
    fn open(counts: &Arc<Counts>, alive: bool) -> Box<dyn Database> {
        let open = counts.open.fetch_add(1, Ordering::SeqCst) + 1;
        counts.most.fetch_max(open, Ordering::SeqCst);
        counts.opened.fetch_add(1, Ordering::SeqCst);
        Box::new(Self { counts: counts.clone(), alive })
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.counts.open.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Database for Connection {
    fn target(&self) -> &str {
        "nowhere"
    }

    fn is_alive(&mut self, _deadline: Instant) -> bool {
        self.alive
    }

    fn create_user(&mut self, _user: &NewUser<'_>, _deadline: Instant) -> Result<()> {
        Ok(())
    }

    fn renew_user(&mut self, _user: &RenewedUser<'_>, _deadline: Instant) -> Result<()> {
        Ok(())
    }

    fn delete_user(&mut self, _user: &OldUser<'_>, _deadline: Instant) -> Result<Ended> {
        Ok(Ended::Gone)
    }

    fn change_password(&mut self, _change: &NewPassword<'_>, _deadline: Instant) -> Result<()> {
        Ok(())
    }

    fn list_users(&mut self, _wanted: &Wanted<'_>, _deadline: Instant) -> Result<Vec<ListedUser>> {
        Ok(Vec::new())
    }

    fn users_named(&mut self, _names: &[String], _deadline: Instant) -> Result<Vec<ListedUser>> {
        Ok(Vec::new())
    }
}

fn limits(open: i64, idle: i64) -> Limits {
    Limits::new(Some(open), Some(idle), None)
}

/// A pool of its own for each test, by the test's name.
fn pool(name: &str, limits: Limits) -> Arc<Pool> {
    pool::of("a mount of tests", name, "first", limits)
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(30)
}

fn use_once(pool: &Pool, counts: &Arc<Counts>, outcome: Result<()>) -> Result<()> {
    pool.with(soon(), || Ok(Connection::open(counts, true)), |_| outcome)
}

#[test]
fn the_published_numbers_mean_what_they_say() {
    assert_eq!(Limits::new(None, None, None), limits(4, 4));
    assert_eq!(limits(5, 0).idle, 5);
    assert_eq!(limits(5, -1).idle, 0);
    assert_eq!(limits(5, 9).idle, 5);
    assert_eq!(limits(-3, 0).open, 4);
    assert_eq!(Limits::new(None, None, Some(Duration::ZERO)).lifetime, None);
}

#[test]
fn connections_are_used_again_and_never_more_than_allowed() {
    let (pool, counts) = (pool("again", limits(2, 0)), Arc::<Counts>::default());
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..50 {
                    use_once(&pool, &counts, Ok(())).unwrap();
                }
            });
        }
    });
    assert!(counts.most.load(Ordering::SeqCst) <= 2);
    assert!(counts.opened.load(Ordering::SeqCst) <= 2);
}

#[test]
fn who_finds_all_in_use_waits_until_the_deadline_and_no_longer() -> Result<()> {
    let (pool, counts) = (pool("full", limits(1, 0)), Arc::<Counts>::default());
    pool.with(
        soon(),
        || Ok(Connection::open(&counts, true)),
        |_| {
            let start = Instant::now();
            let deadline = start + Duration::from_millis(50);
            let error = pool.with(deadline, || Ok(Connection::open(&counts, true)), |_| Ok(())).unwrap_err();
            assert_eq!(error.kind(), Kind::Busy);
            assert!(!error.is_silence(), "the database did not fall silent, it is we who use it");
            assert!(start.elapsed() < Duration::from_secs(10));
            Ok(())
        },
    )
}

#[test]
fn a_connection_in_an_unknown_state_is_closed_and_a_refusal_keeps_it() {
    let (pool, counts) = (pool("unsure", limits(2, 0)), Arc::<Counts>::default());
    use_once(&pool, &counts, Err(Error::bad_request("no"))).unwrap_err();
    assert_eq!(counts.open.load(Ordering::SeqCst), 1);
    use_once(&pool, &counts, Err(Error::upstream("lost"))).unwrap_err();
    assert_eq!(counts.open.load(Ordering::SeqCst), 0);
    let broken = thread::scope(|scope| {
        scope.spawn(|| pool.with::<()>(soon(), || Ok(Connection::open(&counts, true)), |_| panic!("broke off"))).join()
    });
    assert!(broken.is_err());
    // Its place is free again.
    use_once(&pool, &counts, Ok(())).unwrap();
    assert_eq!(counts.open.load(Ordering::SeqCst), 1);
}

#[test]
fn an_idle_connection_that_died_is_replaced() -> Result<()> {
    let (pool, counts) = (pool("died", limits(2, 0)), Arc::<Counts>::default());
    pool.with(soon(), || Ok(Connection::open(&counts, false)), |_| Ok(()))?;
    use_once(&pool, &counts, Ok(()))?;
    assert_eq!((counts.opened.load(Ordering::SeqCst), counts.open.load(Ordering::SeqCst)), (2, 1));
    Ok(())
}

#[test]
fn nothing_is_kept_where_nothing_may_be_idle_or_its_time_is_up() -> Result<()> {
    let counts = Arc::<Counts>::default();
    use_once(&pool("none idle", limits(2, -1)), &counts, Ok(()))?;
    let short = Limits::new(None, None, Some(Duration::from_nanos(1)));
    use_once(&pool("short", short), &counts, Ok(()))?;
    assert_eq!(counts.open.load(Ordering::SeqCst), 0);
    Ok(())
}

#[test]
fn a_new_configuration_closes_what_the_old_one_opened() -> Result<()> {
    let (first, counts) = (pool("renewed", limits(2, 0)), Arc::<Counts>::default());
    use_once(&first, &counts, Ok(()))?;
    let second = pool::of("a mount of tests", "renewed", "second", limits(2, 0));
    assert_eq!(counts.open.load(Ordering::SeqCst), 0);
    // What the old one had in use closes when it is done.
    use_once(&first, &counts, Ok(()))?;
    assert_eq!(counts.open.load(Ordering::SeqCst), 0);
    use_once(&second, &counts, Ok(()))?;
    pool::close("a mount of tests", "renewed");
    assert_eq!(counts.open.load(Ordering::SeqCst), 0);
    Ok(())
}

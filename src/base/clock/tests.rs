use super::fake::Fake;
use super::*;

const BUILT: Timestamp = Timestamp(1_795_478_400_000);
const DAY: i64 = 86_400_000;
/// A day after the program was built.
const TODAY: Timestamp = Timestamp(BUILT.0 + DAY);

#[test]
fn a_clock_that_is_set_back_extends_nothing() {
    let (machine, clock) = Fake::showing(TODAY);
    clock.judge(BUILT, None);
    assert_eq!(clock.now(), TODAY);
    machine.set(Timestamp(TODAY.0 - 30 * DAY));
    assert_eq!(clock.now(), TODAY);
    machine.pass(1000);
    assert_eq!(clock.now(), Timestamp(TODAY.0 + 1000), "and time goes on all the same");
    machine.set(Timestamp(TODAY.0 + DAY));
    assert_eq!(clock.now(), Timestamp(TODAY.0 + DAY), "a step forward counts at once");
}

#[test]
fn time_starts_at_the_stored_floor_where_the_clock_lags_behind_it() {
    let (machine, clock) = Fake::showing(TODAY);
    let floor = Timestamp(TODAY.0 + DAY);
    clock.judge(BUILT, Some(floor));
    assert_eq!((clock.doubt(), clock.now()), (None, floor));
    machine.pass(1000);
    assert_eq!(clock.now(), Timestamp(floor.0 + 1000));
}

#[test]
fn a_clock_before_the_program_was_built_is_doubted_until_it_is_set() {
    let (machine, clock) = Fake::showing(Timestamp(DAY));
    clock.judge(BUILT, Some(TODAY));
    assert_eq!(clock.doubt(), Some(Doubt::Behind { shown: Timestamp(DAY), built: BUILT }));
    assert_eq!(clock.now(), TODAY, "the floor is the best that is known");
    machine.set(Timestamp(TODAY.0 + 2 * DAY));
    assert_eq!((clock.doubt(), clock.now()), (None, Timestamp(TODAY.0 + 2 * DAY)));
}

#[test]
fn a_clock_far_ahead_of_the_floor_is_doubted_and_leaves_no_trace_when_it_is_put_right() {
    let (machine, clock) = Fake::showing(Timestamp(TODAY.0 + 401 * DAY));
    clock.judge(BUILT, Some(TODAY));
    assert!(matches!(clock.doubt(), Some(Doubt::Ahead { known: TODAY, .. })));
    assert_eq!(clock.now(), Timestamp(TODAY.0 + 401 * DAY), "what has expired by it is dead");
    machine.set(Timestamp(TODAY.0 + DAY));
    assert_eq!((clock.doubt(), clock.now()), (None, Timestamp(TODAY.0 + DAY)));
    let (_, clock) = Fake::showing(Timestamp(TODAY.0 + 399 * DAY));
    clock.judge(BUILT, Some(TODAY));
    assert_eq!(clock.doubt(), None, "a server may have been off for a year");
}

#[test]
fn a_clock_is_believed_when_somebody_says_so() {
    let (machine, clock) = Fake::showing(Timestamp(TODAY.0 + 1000 * DAY));
    clock.judge(BUILT, Some(TODAY));
    assert!(clock.doubt().is_some());
    clock.accept();
    assert_eq!((clock.doubt(), clock.now()), (None, Timestamp(TODAY.0 + 1000 * DAY)));
    machine.set(TODAY);
    assert_eq!(clock.now(), Timestamp(TODAY.0 + 1000 * DAY), "from then on it does not go back");
}

#[test]
fn a_clock_that_steps_while_it_is_believed_goes_on_being_so() {
    let (machine, clock) = Fake::showing(TODAY);
    clock.judge(BUILT, None);
    machine.set(Timestamp(TODAY.0 + 1000 * DAY));
    assert_eq!((clock.doubt(), clock.now()), (None, Timestamp(TODAY.0 + 1000 * DAY)));
    clock.judge(BUILT, Some(TODAY));
    assert_eq!(clock.doubt(), None, "unsealing again is no start");
}

#[test]
fn before_it_is_judged_a_clock_leaves_no_trace() {
    let (machine, clock) = Fake::showing(Timestamp(TODAY.0 + 5000 * DAY));
    assert_eq!((clock.now(), clock.doubt()), (Timestamp(TODAY.0 + 5000 * DAY), None));
    machine.set(TODAY);
    clock.judge(BUILT, Some(TODAY));
    assert_eq!(clock.now(), TODAY);
}

#[test]
fn a_moment_prints_as_rfc_3339() {
    assert_eq!(Timestamp(1_700_000_000_123).rfc3339(), "2023-11-14T22:13:20.123Z");
}

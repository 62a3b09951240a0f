use super::*;
use crate::base::Error;

const NOW: Timestamp = Timestamp(1_800_000_000_000);

fn line(number: u8) -> Line {
    Line::Leases([number; 16])
}

/// Puts jobs in line without starting a thread.
fn wait_in(state: &mut State, line: Line, jobs: std::ops::Range<i64>) {
    for job in jobs.map(Job::End) {
        state.taken.insert(job);
        state.lines.entry(line).or_default().waiting.push_back(Waiting { job, claimed: Instant::now() });
    }
}

fn begin_all(state: &mut State, targets: &Targets) -> Vec<Line> {
    std::iter::from_fn(|| state.take(targets, NOW)).map(|taken| taken.line).collect()
}

#[test]
fn a_target_that_answers_gets_four_threads_and_one_that_nobody_knows_gets_one() {
    let (mut state, targets) = (State::default(), Targets::default());
    targets.answered(&[1; 16]);
    wait_in(&mut state, line(1), 0..10);
    wait_in(&mut state, line(2), 10..20);
    assert_eq!(state.ready(&targets, NOW), 5);
    let begun = begin_all(&mut state, &targets);
    assert_eq!(begun.iter().filter(|begun| **begun == line(1)).count(), 4);
    assert_eq!(begun.iter().filter(|begun| **begun == line(2)).count(), 1);
    assert_eq!(state.ready(&targets, NOW), 0);
}

#[test]
fn lines_take_turns() {
    let (mut state, targets) = (State::default(), Targets::default());
    for number in 1..=3 {
        targets.answered(&[number; 16]);
        wait_in(&mut state, line(number), i64::from(number) * 10..i64::from(number) * 10 + 10);
    }
    let begun = begin_all(&mut state, &targets);
    for round in begun.chunks(3) {
        let mut lines: Vec<_> = round.iter().map(|line| format!("{line:?}")).collect();
        lines.sort();
        lines.dedup();
        assert_eq!(lines.len(), 3, "each line in each round: {begun:?}");
    }
}

#[test]
fn a_target_that_falls_silent_lets_go_of_what_waits_for_it() {
    let workers = Workers::default();
    let targets = Targets::default();
    targets.answered(&[1; 16]);
    wait_in(&mut workers.lock(), line(1), 0..10);
    assert_eq!(workers.room(&targets, line(1), NOW), QUEUED_A_LINE - 10);
    targets.unanswered(&[1; 16], "somewhere", &Error::upstream("dead"), NOW).unwrap();
    assert_eq!(workers.room(&targets, line(1), NOW), 0);
    assert!(workers.lock().take(&targets, NOW).is_none());
    assert!(workers.lock().taken.is_empty(), "so that they can be taken on again");
    let later = targets.silence(&[1; 16]).unwrap().next;
    assert_eq!(workers.room(&targets, line(1), later), 1, "one try when its time has come");
}

#[test]
fn silent_targets_leave_threads_for_the_others_however_many_they_are() {
    let (mut state, targets) = (State::default(), Targets::default());
    for number in 1..=100 {
        targets.unanswered(&[number; 16], "somewhere", &Error::upstream("dead"), Timestamp(0)).unwrap();
        wait_in(&mut state, line(number), i64::from(number)..i64::from(number) + 1);
    }
    assert_eq!(begin_all(&mut state, &targets).len(), PROBES);
    targets.answered(&[101; 16]);
    wait_in(&mut state, line(101), 1000..1004);
    assert_eq!(begin_all(&mut state, &targets), [line(101); 4]);
}

use super::*;

const TARGET: Hash = [1; 16];
const NOW: Timestamp = Timestamp(1_800_000_000_000);

fn dead() -> Error {
    Error::upstream("connection refused")
}

fn next(targets: &Targets) -> Timestamp {
    targets.silence(&TARGET).unwrap().next
}

#[test]
fn a_target_is_unproven_then_open_or_closed_by_what_a_call_showed() {
    let targets = Targets::default();
    assert_eq!(targets.access(&TARGET, NOW), Access::Unproven);
    assert!(!targets.answered(&TARGET), "there was no silence to end");
    assert_eq!(targets.access(&TARGET, NOW), Access::Open);
    targets.unanswered(&TARGET, "somewhere", &dead(), NOW).unwrap();
    assert_eq!(targets.access(&TARGET, NOW), Access::Closed(next(&targets)));
    assert_eq!(targets.access(&TARGET, next(&targets)), Access::Probe);
    assert_eq!(targets.access(&[2; 16], NOW), Access::Unproven, "another target is another matter");
    assert!(targets.answered(&TARGET));
    assert_eq!(targets.access(&TARGET, NOW), Access::Open);
}

#[test]
fn a_silent_target_is_asked_ever_more_rarely_and_never_given_up() {
    let targets = Targets::default();
    let mut now = NOW;
    for expected in [1, 2, 4, 8, 16, 32, 60, 60, 60] {
        targets.unanswered(&TARGET, "somewhere", &dead(), now).unwrap();
        let pause = now.until(next(&targets)).as_secs_f64();
        let expected = f64::from(expected);
        assert!((expected * 0.75..expected * 1.25).contains(&pause), "{pause} s, not about {expected} s");
        now = next(&targets);
    }
    let silence = targets.silence(&TARGET).unwrap();
    assert_eq!((silence.since, silence.tries, silence.reason.as_str()), (NOW, 9, "connection refused"));
}

#[test]
fn calls_that_were_under_way_together_count_as_one() {
    let targets = Targets::default();
    for _ in 0..4 {
        assert_eq!(targets.unanswered(&TARGET, "somewhere", &dead(), NOW).unwrap(), 1);
    }
    assert!(next(&targets) <= NOW.plus(FIRST_PAUSE.mul_f64(1.25)));
}

#[test]
fn one_request_at_a_time_asks_a_silent_target_out_of_turn() {
    let targets = Targets::default();
    let (_one, _other) = (targets.visit(&TARGET).unwrap(), targets.visit(&TARGET).unwrap());
    targets.unanswered(&TARGET, "somewhere", &dead(), NOW).unwrap();
    let visit = targets.visit(&TARGET).unwrap();
    let refused = targets.visit(&TARGET).err().unwrap();
    assert!(refused.message().contains("has not answered since"), "{refused:?}");
    drop(visit);
    assert!(targets.visit(&TARGET).is_ok());
}

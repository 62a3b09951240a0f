use super::*;
use std::time::Duration;

fn line(message: &str) -> Line {
    Line {
        time: "2026-11-24T08:00:00.000Z".to_owned(),
        level: Level::Info,
        module: "core".to_owned(),
        message: message.to_owned(),
    }
}

#[test]
fn a_line_is_for_people_or_json() {
    assert_eq!(line("unsealed").text(Format::Standard), "2026-11-24T08:00:00.000Z [INFO]  core: unsealed\n");
    let json: serde_json::Value = serde_json::from_str(&line("un\"sealed").text(Format::Json)).unwrap();
    assert_eq!(
        (&json["@level"], &json["@module"], &json["@message"]),
        (&"info".into(), &"core".into(), &"un\"sealed".into())
    );
}

#[test]
fn a_part_of_the_program_has_its_logger() {
    for (target, name) in [
        ("leasehold::core::sweeper", "expiration"),
        ("leasehold::core::pipeline", "core"),
        ("leasehold::core", "core"),
        ("leasehold::engine::aws::iam", "secrets.aws"),
        ("leasehold::engine::pki", "secrets"),
        ("leasehold::request", "request"),
        ("leasehold", "leasehold"),
        ("leasehold::corelike", "leasehold::corelike"),
        ("rustls::conn", "rustls::conn"),
    ] {
        assert_eq!(loggers::shown(target), name, "{target}");
    }
}

#[test]
fn a_full_log_file_is_rotated_and_old_ones_go() {
    let folder = tempfile::tempdir().unwrap();
    let rotation =
        Rotation { path: folder.path().to_owned(), bytes: Some(20), every: Duration::from_secs(3600), keep: Some(2) };
    let mut file = file::LogFile::open(rotation).unwrap();
    for number in 0..5 {
        file.write(format!("line number {number}\n").as_bytes());
    }
    let names: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names.len(), 3, "{names:?}");
    assert_eq!(std::fs::read_to_string(folder.path().join("vault.log")).unwrap(), "line number 4\n");
}

#[test]
fn a_moved_log_file_is_opened_afresh() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("leasehold.log");
    let rotation = Rotation { path: path.clone(), bytes: None, every: Duration::from_secs(3600), keep: None };
    let mut file = file::LogFile::open(rotation).unwrap();
    file.write(b"one\n");
    std::fs::rename(&path, folder.path().join("moved")).unwrap();
    file.write(b"two\n");
    file.reopen().unwrap();
    file.write(b"three\n");
    assert_eq!(std::fs::read_to_string(folder.path().join("moved")).unwrap(), "one\ntwo\n");
    assert_eq!(std::fs::read_to_string(path).unwrap(), "three\n");
}

#[test]
fn a_listener_hears_its_level_and_louder_and_is_told_what_it_missed() {
    let monitor = Monitor::new(LevelFilter::Info, Format::Standard);
    monitor::tell(Level::Debug, &line("quiet"));
    monitor::tell(Level::Warn, &line("loud"));
    let heard = monitor.next(Duration::from_secs(5));
    assert!(heard.contains("loud") && !heard.contains("quiet"), "{heard}");
    for _ in 0..600 {
        monitor::tell(Level::Warn, &line("many"));
    }
    let heard = monitor.next(Duration::from_secs(5));
    assert!(heard.lines().count() < 600 && heard.contains("were dropped"));
    assert_eq!(monitor.next(Duration::ZERO), "");
}

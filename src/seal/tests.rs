use super::*;
use crate::base::Kind;
use crate::storage::Storage;
use crate::storage::sqlite::SqliteStorage;

#[test]
fn numbers_that_cannot_be_are_refused_in_clear_words() {
    let refused = |shares, threshold| SealConfig::new(shares, threshold).unwrap_err().message().to_owned();
    assert_eq!(refused(0, 0), "the number of shares must be at least one");
    assert_eq!(refused(5, 0), "the threshold must be at least one");
    assert_eq!(refused(256, 3), "shares and threshold must not be larger than 255");
    assert_eq!(refused(3, 4), "the threshold must not be larger than the number of shares");
    assert_eq!(refused(5, 1), "with more than one share the threshold must be larger than one");
    for (shares, threshold) in [(1, 1), (2, 2), (5, 3), (255, 255)] {
        assert!(SealConfig::new(shares, threshold).is_ok());
    }
}

#[test]
fn a_configuration_is_stored_and_checked_when_loaded() {
    let store = SqliteStorage::in_memory().unwrap();
    let store: &dyn Storage = &store;
    let load = || store.reading(|snapshot| SealConfig::load(snapshot));
    assert_eq!(load().unwrap(), None);
    let config = SealConfig::new(5, 3).unwrap();
    store.writing(|tx| config.store(tx)).unwrap();
    assert_eq!(load().unwrap(), Some(config));
    assert_eq!(store.reading(|s| s.meta("seal")).unwrap().as_deref(), Some(&br#"{"shares":5,"threshold":3}"#[..]));
    for damaged in [&b"no json"[..], br#"{"shares":5,"threshold":1}"#, br#"{"shares":5}"#] {
        store.writing(|tx| tx.set_meta("seal", damaged)).unwrap();
        assert_eq!(load().unwrap_err().kind(), Kind::Internal);
    }
}

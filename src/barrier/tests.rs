use super::*;
use crate::base::Kind;
use crate::storage::Storage;
use crate::storage::sqlite::SqliteStorage;

const NOW: Timestamp = Timestamp(1_700_000_000_000);

fn root_key() -> Secret<[u8; 32]> {
    Secret::new([42; 32])
}

fn initialized() -> SqliteStorage {
    let store = SqliteStorage::in_memory().unwrap();
    (&store as &dyn Storage).writing(|tx| Barrier::initialize(tx, &root_key(), NOW)).unwrap();
    store
}

fn unseal(store: &dyn Storage, key: &Secret<[u8; 32]>) -> Result<Barrier> {
    store.reading(|snapshot| Barrier::unseal(snapshot, key))
}

fn barrier() -> Barrier {
    unseal(&initialized(), &root_key()).unwrap()
}

/// A lease's place, with every kind of granting column.
fn place<'a>(row: &'a [u8], grants: &'a [&'a [u8]]) -> Place<'a> {
    Place { table: "leases", column: "sealed", row, grants }
}

#[test]
fn what_was_sealed_opens_after_the_next_unsealing() {
    let store = initialized();
    let sealed = unseal(&store, &root_key()).unwrap().seal(&place(b"1", &[]), b"a value").unwrap();
    assert_eq!(sealed.len(), TERM_SIZE + NONCE_SIZE + b"a value".len() + TAG_SIZE);
    assert_eq!(sealed[..4], [0, 0, 0, 1], "the term is in front");
    let opened = unseal(&store, &root_key()).unwrap().open(&place(b"1", &[]), &sealed).unwrap();
    assert_eq!(*opened, b"a value");
    let empty = unseal(&store, &root_key()).unwrap().seal(&place(b"1", &[]), b"").unwrap();
    assert!(unseal(&store, &root_key()).unwrap().open(&place(b"1", &[]), &empty).unwrap().is_empty());
}

#[test]
fn the_same_value_never_seals_to_the_same_bytes() {
    let barrier = barrier();
    let first = barrier.seal(&place(b"1", &[]), b"a value").unwrap();
    assert_ne!(first, barrier.seal(&place(b"1", &[]), b"a value").unwrap());
}

#[test]
fn a_moved_value_does_not_open() {
    let barrier = barrier();
    let home = place(b"1", &[]);
    let sealed = barrier.seal(&home, b"a value").unwrap();
    let elsewhere = [
        Place { row: b"2", ..home },
        Place { row: b"", ..home },
        Place { table: "records", ..home },
        Place { column: "sealed_name", ..home },
        Place { table: "leasess", column: "ealed", ..home },
        Place { grants: &[b""], ..home },
    ];
    for place in elsewhere {
        let error = barrier.open(&place, &sealed).unwrap_err();
        assert_eq!(error.kind(), Kind::Internal);
        assert!(error.message().starts_with(&format!("a row of {} does not open", place.table)));
    }
}

#[test]
fn every_granting_column_is_bound() {
    let barrier = barrier();
    let granted: [&[u8]; 5] = [b"parent", b"mount", b"kind", b"expires", b"maximum"];
    let sealed = barrier.seal(&place(b"1", &granted), b"a value").unwrap();
    assert!(barrier.open(&place(b"1", &granted), &sealed).is_ok());
    for column in 0..granted.len() {
        let mut edited = granted;
        edited[column] = b"edited";
        assert!(barrier.open(&place(b"1", &edited), &sealed).is_err());
        let mut dropped = granted.to_vec();
        dropped.remove(column);
        assert!(barrier.open(&place(b"1", &dropped), &sealed).is_err());
    }
    let mut swapped = granted;
    swapped.swap(3, 4);
    assert!(barrier.open(&place(b"1", &swapped), &sealed).is_err());
    // The same bytes, cut at another place.
    assert!(barrier.open(&place(b"1", &[b"paren", b"tmount", b"kind", b"expires", b"maximum"]), &sealed).is_err());
}

#[test]
fn every_edited_bit_and_every_cut_is_noticed() {
    let barrier = barrier();
    let home = place(b"1", &[b"grant"]);
    let sealed = barrier.seal(&home, b"value").unwrap();
    for bit in 0..sealed.len() * 8 {
        let mut edited = sealed.clone();
        edited[bit / 8] ^= 1 << (bit % 8);
        assert!(barrier.open(&home, &edited).is_err(), "bit {bit}");
    }
    for length in 0..sealed.len() {
        assert!(barrier.open(&home, &sealed[..length]).is_err(), "cut to {length}");
    }
    assert!(barrier.open(&home, &[&sealed[..], b"x"].concat()).is_err());
}

#[test]
fn a_wrong_root_key_is_refused_in_clear_words() {
    let store = initialized();
    let error = unseal(&store, &Secret::new([43; 32])).err().unwrap();
    assert_eq!(error.kind(), Kind::BadRequest);
    assert_eq!(error.message(), "the key does not open this store's keyring");
}

#[test]
fn a_store_without_keys_is_not_initialized() {
    let store = SqliteStorage::in_memory().unwrap();
    assert_eq!(unseal(&store, &root_key()).err().unwrap().kind(), Kind::NotInitialized);
}

#[test]
fn a_store_is_initialized_once() {
    let store = initialized();
    let again = (&store as &dyn Storage).writing(|tx| Barrier::initialize(tx, &root_key(), NOW));
    assert_eq!(again.unwrap_err().kind(), Kind::Conflict);
}

#[test]
fn a_key_that_was_moved_to_another_term_or_time_is_refused() {
    let moved = [(2, NOW), (1, Timestamp(NOW.0 + 1))];
    for (term, created) in moved {
        let store = SqliteStorage::in_memory().unwrap();
        let store: &dyn Storage = &store;
        store
            .writing(|tx| {
                Barrier::initialize(tx, &root_key(), NOW)?;
                let wrapped = tx.keyring()?.remove(0).wrapped;
                tx.put_key(&KeyRow { term, created, wrapped })
            })
            .unwrap();
        assert_eq!(unseal(store, &root_key()).err().unwrap().kind(), Kind::BadRequest);
    }
}

#[test]
fn a_data_key_in_place_of_the_look_up_key_is_refused() {
    let store = initialized();
    let store: &dyn Storage = &store;
    store
        .writing(|tx| {
            let wrapped = tx.keyring()?.remove(0).wrapped;
            tx.set_meta(LOOKUP_KEY, &wrapped)
        })
        .unwrap();
    assert_eq!(unseal(store, &root_key()).err().unwrap().kind(), Kind::BadRequest);
}

#[test]
fn hashes_differ_by_key_domain_and_the_cut_between_parts() {
    let barrier = barrier();
    let hash = barrier.hash("token", &[b"ab", b"c"]);
    assert_eq!(hash, barrier.hash("token", &[b"ab", b"c"]));
    let others: [(&'static str, &[&[u8]]); 6] = [
        ("accessor", &[b"ab", b"c"]),
        ("token", &[b"a", b"bc"]),
        ("token", &[b"abc"]),
        ("token", &[b"ab", b"c", b""]),
        ("toke", &[b"nab", b"c"]),
        ("", &[b"token", b"ab", b"c"]),
    ];
    for (domain, parts) in others {
        assert_ne!(hash, barrier.hash(domain, parts));
    }
    assert_ne!(hash, self::barrier().hash("token", &[b"ab", b"c"]), "another store, another key");
    assert_eq!(hash, barrier.hash32("token", &[b"ab", b"c"])[..16]);
}

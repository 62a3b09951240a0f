//! The cubbyhole through its own routes, as several tokens.

use super::ENGINE;
use crate::base::Kind;
use crate::engine::memory::Mount;
use crate::logical::{Body, Operation};
use serde_json::{Value, json};

#[test]
fn a_token_sees_its_own_values_and_no_others() {
    let mount = Mount::new(&ENGINE);
    mount.ask("one", Operation::Create, "a/b", json!({ "k": "first" })).unwrap();
    mount.ask("two", Operation::Create, "a/b", json!({ "k": "second" })).unwrap();
    for (token, value) in [("one", "first"), ("two", "second")] {
        let response = mount.ask(token, Operation::Read, "a/b", Value::Null).unwrap();
        assert!(matches!(&response.body, Body::Data(data) if data["k"] == value));
        assert!(response.lease.is_none());
        let listing = mount.ask(token, Operation::List, "", Value::Null).unwrap();
        assert!(matches!(&listing.body, Body::Data(data) if data["keys"] == json!(["a/"])));
    }
    assert_eq!(mount.ask("three", Operation::Read, "a/b", Value::Null).err().unwrap().kind(), Kind::NotFound);
    assert_eq!(mount.ask("three", Operation::List, "a", Value::Null).err().unwrap().kind(), Kind::NotFound);
    assert!(mount.exists("one", "a/b").unwrap() && !mount.exists("three", "a/b").unwrap());
    mount.ask("three", Operation::Delete, "a/b", Value::Null).unwrap();
    mount.ask("two", Operation::Delete, "a/b", Value::Null).unwrap();
    assert_eq!(mount.paths(), ["one/a/b"]);
}

#[test]
fn without_a_service_token_there_is_no_cubbyhole() {
    let mount = Mount::new(&ENGINE);
    for operation in [Operation::Read, Operation::Update, Operation::Delete, Operation::List] {
        for token in ["", "one/a"] {
            let error = mount.ask(token, operation, "a", json!({ "k": "v" })).err().unwrap();
            assert_eq!(error.kind(), Kind::BadRequest);
            assert!(error.message().contains("only supported by service tokens"));
        }
    }
    assert!(mount.paths().is_empty());
}

#[test]
fn a_write_needs_data_and_a_name() {
    let mount = Mount::new(&ENGINE);
    let empty = mount.ask("one", Operation::Update, "a", Value::Null).err().unwrap();
    assert_eq!(empty.message(), "missing data fields");
    let folder = mount.ask("one", Operation::Update, "a/", json!({ "k": "v" })).err().unwrap();
    assert_eq!(folder.message(), "cannot write to a path ending in '/'");
    assert!(mount.paths().is_empty());
}

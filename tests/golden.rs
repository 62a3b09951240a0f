//! Pages made from the route tables, held against what is checked in. `UPDATE_GOLDEN=1 cargo test --test golden` rewrites
//! them.

use leasehold::logical::endpoints;
use std::path::Path;

#[test]
fn the_endpoint_list_is_what_the_route_tables_say() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/endpoints.md");
    let made = endpoints::markdown(leasehold::server::registry().endpoints().into_iter());
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &made).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(kept == made, "docs/endpoints.md is out of date: UPDATE_GOLDEN=1 cargo test --test golden rewrites it");
}

#[test]
fn the_list_of_what_is_not_here_is_what_the_table_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/system-api.md");
    let made = leasehold::sys::absent::page(leasehold::server::registry().system);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &made).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(kept == made, "docs/system-api.md is out of date: UPDATE_GOLDEN=1 cargo test --test golden rewrites it");
}

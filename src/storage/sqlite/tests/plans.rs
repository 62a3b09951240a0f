//! No operation walks a table: cost follows work, not size.

use super::in_memory;
use crate::storage::sqlite::session::recorded;
use crate::storage::{Storage, conformance};
use rusqlite::Connection;
use std::collections::BTreeSet;

/// What may be walked: tables of a handful of rows, a page that is bounded, and the report that says it walks its index.
const WALKED_BY_DESIGN: [&str; 6] = [
    "SCAN keyring",
    "SCAN mounts",
    "SCAN policies",
    "SCAN audit_devices",
    "SCAN (subquery-",
    "SCAN leases USING COVERING INDEX leases_by_mount",
];

/// Runs the cases that between them use every operation, and returns the statements they ran.
fn every_statement() -> BTreeSet<String> {
    let cases: [fn(&dyn Storage); 24] = [
        conformance::small_tables_keep_put_replace_and_delete,
        conformance::names_form_a_tree,
        conformance::a_name_goes_only_when_nothing_hangs_at_it,
        conformance::a_mount_is_purged_in_pages_and_spares_names_with_leases,
        conformance::a_lease_is_found_by_key_and_accessor,
        conformance::only_an_active_lease_is_renewed,
        conformance::marking_takes_active_rows_alone,
        conformance::lists_are_paged_in_order_of_id_whatever_the_state,
        conformance::what_is_due_comes_earliest_first_in_its_line,
        conformance::what_was_revoked_can_be_told_from_what_only_its_time_has_ended,
        conformance::work_that_is_due_comes_earliest_first,
        conformance::what_an_earlier_process_left_pending_becomes_due,
        conformance::what_waits_for_its_next_try_becomes_due_in_its_line_alone,
        conformance::what_is_due_in_a_line_can_be_counted_as_irrevocable,
        conformance::the_cause_of_an_end_is_kept_for_a_while,
        conformance::the_names_of_ended_leases_are_kept_for_a_while_and_in_bounds,
        conformance::counts_are_by_mount_kind_and_state,
        conformance::work_is_kept_updated_and_done,
        conformance::work_of_a_mount_is_found_by_its_key_and_goes_with_it,
        conformance::leases_are_found_by_what_they_are_about,
        conformance::leases_are_counted_with_every_change,
        conformance::children_are_counted_up_to_a_number,
        conformance::a_lease_may_have_further_names,
        conformance::an_answer_is_kept_while_its_lease_is_active,
    ];
    recorded(|| {
        for case in cases {
            case(&in_memory().0);
        }
    })
}

fn plan(connection: &Connection, sql: &str) -> Vec<String> {
    let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
    let unbound = vec![rusqlite::types::Null; statement.parameter_count()];
    let steps = statement.query_map(rusqlite::params_from_iter(unbound), |row| row.get(3)).unwrap();
    steps.collect::<Result<_, _>>().unwrap()
}

#[test]
fn no_operation_walks_or_sorts_a_table() {
    let statements = every_statement();
    // 42 ask and 38 change: one for each method, more where a catalog or an index chooses.
    assert_eq!(statements.len(), 80, "a new statement needs a case that runs it");
    let connection = super::super::open::in_memory().unwrap();
    for sql in statements {
        for step in plan(&connection, &sql) {
            // A subquery is a page of what the steps below it found, and they are looked at too.
            let is_page = step.contains("CONSTANT") || step.starts_with("SCAN (subquery");
            let walks = step.starts_with("SCAN") && !WALKED_BY_DESIGN.contains(&step.as_str()) && !is_page;
            let sorts = step.contains("TEMP B-TREE");
            assert!(!walks && !sorts, "{step}\nin {sql}");
        }
    }
}

//! Statements and values from hostile text: no panic, and in quotes every value is taken and changes nothing around it.
#![no_main]

use leasehold::engine::database::statements::Dialect;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (&str, &str)| {
    let (text, value) = input;
    for dialect in [Dialect::PostgreSql, Dialect::MySql] {
        let _ = dialect.fill(&[text.to_owned()], &[("name", value)]);
        let quoted = format!("SELECT '{{{{name}}}}', \"{{{{name}}}}\" -- {{{{plain}}}}");
        let filled = dialect.fill(&[quoted], &[("name", value), ("plain", "plain")]);
        assert_eq!(filled.is_ok(), !value.contains('\0'));
        if let Ok(filled) = filled {
            // Read as a statement of its own, the result is one statement again, with the same end.
            let again = dialect.read(&[filled[0].replace("{{", "{ {")]).expect("it was read before");
            assert_eq!(again.len(), 1);
            assert!(again[0].text().ends_with("-- plain"));
        }
    }
});

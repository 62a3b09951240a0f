//! HCL, JSON and policies from hostile text: no panic, and a layout that keeps meaning what it meant.
#![no_main]

use leasehold::base::hcl;
use leasehold::policy::Policy;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let parsed = hcl::parse(text);
    let policy = Policy::parse("fuzzed", text);
    if let Ok(laid_out) = hcl::format(text) {
        assert!(parsed.is_ok());
        assert_eq!(hcl::format(&laid_out).ok().as_ref(), Some(&laid_out));
        let same = |policy: &Policy| {
            policy.rules.iter().map(|rule| (rule.path.clone(), rule.capabilities)).collect::<Vec<_>>()
        };
        let again = Policy::parse("fuzzed", &laid_out);
        assert_eq!(policy.ok().as_ref().map(same), again.ok().as_ref().map(same));
    }
});

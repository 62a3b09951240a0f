//! Durations from hostile text: no panic, and what is written the short way is read back.
#![no_main]

use leasehold::base::duration;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(parsed) = duration::parse(text) {
        let whole = parsed.as_secs();
        // Fractions are exact up to 2^53 only.
        if whole < 1 << 53 {
            let again = duration::parse(&duration::short(whole));
            assert_eq!(again.ok().map(|duration| duration.as_secs()), Some(whole));
        }
    }
});

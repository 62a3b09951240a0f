//! Requests from hostile bytes: no panic, no limit passed, and a verdict that does not change as more bytes arrive.
#![no_main]

use leasehold::http::{Limits, request};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let limits = Limits { max_header_bytes: 1024, max_headers: 16, max_body_bytes: 512, ..Limits::default() };
    let whole = request::parse(bytes, &limits);
    let half = request::parse(&bytes[..bytes.len() / 2], &limits);
    match (half, &whole) {
        (Err(early), Err(late)) => assert_eq!(early, *late),
        (Err(early), Ok(_)) => panic!("refused half of what is fine: {early}"),
        (Ok(Some((_, early))), Ok(Some((_, late)))) => assert_eq!(early, *late),
        (Ok(Some(_)), _) => panic!("took what is refused with more behind it"),
        (Ok(None), _) => {}
    }
    if let Ok(Some((message, taken))) = whole {
        assert!(taken <= bytes.len());
        assert!(message.body.len() <= limits.max_body_bytes);
        assert!(message.headers.iter().count() <= limits.max_headers);
        assert!(message.headers.iter().all(|(_, value)| !value.contains(['\r', '\n', '\0'])));
    }
});

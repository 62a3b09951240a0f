use super::*;

fn address(text: &str) -> Option<SocketAddr> {
    Some(text.parse().unwrap())
}

fn binary_header(command: u8, family: u8, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(body.len()).unwrap().to_be_bytes();
    [SIGNATURE.as_slice(), &[command, family], &length, body].concat()
}

#[test]
fn both_versions_tell_whom_a_connection_is_from() {
    let v4 = [&[10, 0, 0, 7][..], &[10, 0, 0, 1], &[0x12, 0x34], &[0x1f, 0x90]].concat();
    let v6 = [&[0; 15][..], &[1], &[0; 16], &[0x12, 0x34], &[0x1f, 0x90], &[4, 0, 0]].concat();
    for (bytes, from) in [
        (b"PROXY TCP4 10.0.0.7 10.0.0.1 4660 8080\r\n".to_vec(), address("10.0.0.7:4660")),
        (b"PROXY TCP6 ::1 ::2 4660 8080\r\n".to_vec(), address("[::1]:4660")),
        (b"PROXY UNKNOWN\r\n".to_vec(), None),
        (b"PROXY UNKNOWN a b c d\r\n".to_vec(), None),
        (binary_header(0x21, 0x11, &v4), address("10.0.0.7:4660")),
        (binary_header(0x21, 0x21, &v6), address("[::1]:4660")),
        (binary_header(0x20, 0x11, &v4), None),
        (binary_header(0x21, 0x00, &[]), None),
    ] {
        assert_eq!(read(&bytes), Ok(Reading::From(from)), "{bytes:?}");
        // Whatever the pieces it comes in, no byte behind it is asked for.
        let mut have = 0;
        loop {
            match read(&bytes[..have]).unwrap() {
                Reading::More(more) => have += more,
                other => break assert_eq!(other, Reading::From(from)),
            }
            assert!(have <= bytes.len(), "{bytes:?}");
        }
    }
}

#[test]
fn what_is_no_header_is_left_alone_and_a_broken_one_is_refused() {
    for bytes in [&b"GET / HTTP/1.1"[..], b"PUT", b"\x16\x03\x01", b"\r\n\r\nGET", b"PROXIES"] {
        assert_eq!(read(bytes), Ok(Reading::Absent), "{bytes:?}");
    }
    let long = [TEXT.as_slice(), &[b'x'; 200]].concat();
    for bytes in [
        b"PROXY TCP4 ::1 ::2 1 2\r\n".to_vec(),
        b"PROXY TCP4 10.0.0.7 10.0.0.1 4660\r\n".to_vec(),
        b"PROXY TCP4 10.0.0.7 10.0.0.1 99999 1\r\n".to_vec(),
        b"PROXY UDP4 10.0.0.7 10.0.0.1 1 2\r\n".to_vec(),
        long,
        binary_header(0x21, 0x11, &[1, 2, 3]),
        binary_header(0x31, 0x11, &[0; 12]),
        binary_header(0x21, 0x11, &[0; 4000]),
    ] {
        assert!(read(&bytes).is_err(), "{bytes:?}");
    }
}

#[test]
fn only_trusted_proxies_are_believed() {
    let with = |behavior| ProxyProtocol { behavior, authorized: vec![Cidr::parse("10.0.0.0/8").unwrap()] };
    let (near, far) = (address("10.1.2.3:1"), address("192.0.2.1:1"));
    for (behavior, of_far) in [
        (ProxyBehavior::UseAlways, Word::Believed),
        (ProxyBehavior::AllowAuthorized, Word::PassedOver),
        (ProxyBehavior::DenyUnauthorized, Word::TurnedAway),
    ] {
        let protocol = with(behavior);
        assert_eq!(
            (protocol.word_of(near), protocol.word_of(far), protocol.word_of(None)),
            (Word::Believed, of_far, Word::Believed)
        );
    }
}

#[test]
fn the_last_hop_that_is_no_proxy_of_ours_is_whom_a_request_is_from() {
    let forwarded = |hop_skips, reject| Forwarded {
        authorized: vec![Cidr::parse("10.0.0.0/8").unwrap()],
        hop_skips,
        reject_not_authorized: reject,
        reject_not_present: reject,
    };
    let (near, far) = (address("10.1.2.3:77"), address("192.0.2.1:1"));
    let headers =
        |values: &[&'static str]| -> Headers { values.iter().map(|value| ("X-Forwarded-For", *value)).collect() };
    let chain = headers(&["192.0.2.9, 192.0.2.8", "192.0.2.7"]);
    assert_eq!(forwarded(0, true).peer(near, &chain), Ok(address("192.0.2.7:77")));
    assert_eq!(forwarded(2, true).peer(near, &chain), Ok(address("192.0.2.9:77")));
    assert!(forwarded(3, true).peer(near, &chain).is_err());
    assert_eq!(forwarded(0, false).peer(far, &chain), Ok(far), "whoever is not trusted speaks for itself");
    assert!(forwarded(0, true).peer(far, &chain).is_err());
    assert_eq!(forwarded(0, false).peer(near, &headers(&[])), Ok(near));
    assert!(forwarded(0, true).peer(near, &headers(&[])).is_err());
    assert_eq!(forwarded(0, true).peer(near, &headers(&["[2001:db8::1]:99"])), Ok(address("[2001:db8::1]:99")));
    assert!(forwarded(0, true).peer(near, &headers(&["unknown"])).is_err());
}

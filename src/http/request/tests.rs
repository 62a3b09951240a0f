use super::*;
use proptest::prelude::*;

fn limits() -> Limits {
    Limits { max_header_bytes: 512, max_headers: 8, max_body_bytes: 64, ..Limits::default() }
}

fn status(bytes: &[u8]) -> u16 {
    match parse(bytes, &limits()) {
        Ok(Some(_)) => 200,
        Ok(None) => 100,
        Err(refusal) => refusal.status,
    }
}

fn body(bytes: &[u8]) -> Option<Vec<u8>> {
    parse(bytes, &limits()).ok().flatten().map(|(message, _)| message.body.to_vec())
}

#[test]
fn a_request_is_taken_whole_and_the_next_one_left() {
    let bytes = b"PATCH /v1/a%2Fb?x=1 HTTP/1.1\r\nHost: a\r\nX-Vault-Token: t\r\nContent-Length: 3\r\n\r\nabcGET / HTTP/1.1\r\n";
    let (message, taken) = parse(bytes, &limits()).unwrap().unwrap();
    assert_eq!((message.method.as_str(), message.target.as_str()), ("PATCH", "/v1/a%2Fb?x=1"));
    assert_eq!(message.headers.first("x-vault-token"), Some("t"));
    assert_eq!(message.body.as_slice(), b"abc");
    assert!(message.keep_alive && !message.legacy);
    assert_eq!(&bytes[taken..], b"GET / HTTP/1.1\r\n");
}

#[test]
fn every_way_to_frame_a_request_twice_is_refused() {
    for (fields, expected) in [
        ("Content-Length: 3\r\nContent-Length: 4\r\n", 400),
        ("Content-Length: 3\r\nContent-Length: 3\r\n", 400),
        ("Content-Length: 3, 3\r\n", 400),
        ("Content-Length: +3\r\n", 400),
        ("Content-Length: 0x3\r\n", 400),
        ("Content-Length:\r\n", 400),
        ("Content-Length : 3\r\n", 400),
        ("Content-Length: 65\r\n", 413),
        ("Content-Length: 100000000000000\r\n", 413),
        ("Content-Length: 99999999999999999999999999\r\n", 413),
        ("Transfer-Encoding: chunked\r\nContent-Length: 3\r\n", 400),
        ("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", 400),
        ("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", 400),
        ("Transfer-Encoding: gzip\r\n", 501),
        ("Transfer-Encoding: gzip, chunked\r\n", 501),
        ("Transfer-Encoding: chunked, identity\r\n", 501),
        ("Transfer-Encoding : chunked\r\n", 400),
        ("Transfer-Encoding:\x0bchunked\r\n", 400),
        ("X: a\r\n Transfer-Encoding: chunked\r\n", 400),
    ] {
        let request = format!("POST / HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
        assert_eq!(status(request.as_bytes()), expected, "{fields:?}");
    }
}

#[test]
fn heads_that_could_be_read_two_ways_are_refused() {
    for (head, expected) in [
        ("GET / HTTP/1.1\nHost: a\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\n\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nX: b\0c\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nX: b\r\n c\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nX\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n", 400),
        ("GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("GET / HTTP/1.1 \r\nHost: a\r\n\r\n", 400),
        ("GET / \r\nHost: a\r\n\r\n", 400),
        ("GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("GET a HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("GET * HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400),
        ("GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
        ("\x16\x03\x01\x02\x00\x01", 400),
        ("\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: a\r\nExpect: payment\r\n\r\n", 417),
    ] {
        assert_eq!(status(head.as_bytes()), expected, "{head:?}");
    }
}

#[test]
fn what_is_legal_and_rare_is_taken() {
    for (head, target) in [
        ("LIST /v1/secret/ HTTP/1.1\r\nHost: a\r\n\r\n", "/v1/secret/"),
        ("GET /a//../%2e HTTP/1.1\r\nHost:\r\n\r\n", "/a//../%2e"),
        ("GET / HTTP/1.0\r\n\r\n", "/"),
        ("\r\nGET / HTTP/1.1\r\nhOST: [::1]:8200\r\n\r\n", "/"),
        ("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", "*"),
        ("GET http://a/b?c HTTP/1.1\r\nHost: a\r\n\r\n", "/b?c"),
        ("GET HTTPS://a HTTP/1.1\r\nHost: a\r\n\r\n", "/"),
    ] {
        let (message, taken) = parse(head.as_bytes(), &limits()).unwrap().unwrap();
        assert_eq!((message.target.as_str(), taken), (target, head.len()), "{head:?}");
    }
}

#[test]
fn heads_over_a_limit_are_refused_before_they_are_whole() {
    let many: String = (0..9).map(|number| format!("X-{number}: a\r\n")).collect();
    assert_eq!(status(format!("GET / HTTP/1.1\r\n{many}\r\n").as_bytes()), 431);
    assert_eq!(status(format!("GET /{}", "a".repeat(600)).as_bytes()), 431);
    assert_eq!(status(format!("GET / HTTP/1.1\r\nX: {}\r\n\r\n", "a".repeat(600)).as_bytes()), 431);
}

#[test]
fn keep_alive_follows_version_and_connection() {
    for (version, connection, expected) in [
        ("1.1", "", true),
        ("1.1", "Connection: close\r\n", false),
        ("1.1", "Connection: foo, Close\r\n", false),
        ("1.0", "", false),
        ("1.0", "Connection: Keep-Alive\r\n", true),
        ("1.0", "Connection: keep-alive, close\r\n", false),
    ] {
        let head = format!("GET / HTTP/{version}\r\nHost: a\r\n{connection}\r\n");
        let (message, _) = parse(head.as_bytes(), &limits()).unwrap().unwrap();
        assert_eq!(message.keep_alive, expected, "{head:?}");
    }
}

const CHUNKED: &str = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n";

#[test]
fn chunked_bodies_are_put_together() {
    for (chunks, expected) in [
        ("0\r\n\r\n", ""),
        ("3\r\nabc\r\n0\r\n\r\n", "abc"),
        ("1\r\na\r\n0002\r\nbc\r\n00\r\n\r\n", "abc"),
        ("3;name=\"value\"\r\nabc\r\n0;x\r\n\r\n", "abc"),
        ("3\r\nabc\r\n0\r\nTrailer: dropped\r\nX: y\r\n\r\n", "abc"),
    ] {
        assert_eq!(body(format!("{CHUNKED}{chunks}").as_bytes()).as_deref(), Some(expected.as_bytes()), "{chunks:?}");
    }
}

#[test]
fn chunked_bodies_with_broken_framing_are_refused() {
    let long_extension = format!("1;{}\r\na\r\n0\r\n\r\n", "x".repeat(600));
    let long_trailer = format!("0\r\nX: {}\r\n\r\n", "x".repeat(600));
    for (chunks, expected) in [
        ("\r\n", 400),
        ("x\r\n", 400),
        ("-1\r\n", 400),
        (" 1\r\na\r\n", 400),
        ("1 \r\na\r\n", 400),
        ("1\na\r\n", 400),
        ("1\r\na\n", 400),
        ("1\r\nab\r\n", 400),
        ("1;x\na\r\n", 400),
        ("1\rx", 400),
        (";x\r\n", 400),
        ("0\r\n X: y\r\n\r\n", 400),
        ("0\r\nX y\r\n\r\n", 400),
        ("0\r\nX: y\n\r\n", 400),
        ("0\r\n\n", 400),
        ("00000000000000000\r\n\r\n", 400),
        ("41\r\n", 413),
        ("ffffffffffffffff\r\n", 413),
        ("fffffffffffffffff\r\n", 413),
        (long_extension.as_str(), 431),
        (long_trailer.as_str(), 431),
    ] {
        assert_eq!(status(format!("{CHUNKED}{chunks}").as_bytes()), expected, "{chunks:?}");
    }
}

#[test]
fn a_chunked_body_is_limited_as_a_whole() {
    let chunks = "20\r\n0123456789abcdef0123456789abcdef\r\n".repeat(2);
    assert_eq!(body(format!("{CHUNKED}{chunks}0\r\n\r\n").as_bytes()).map(|body| body.len()), Some(64));
    assert_eq!(status(format!("{CHUNKED}{chunks}1\r\n").as_bytes()), 413);
}

/// Feeds the parser as a connection does, in pieces of the given sizes.
fn parse_in_pieces(bytes: &[u8], sizes: &[usize]) -> Result<Option<(Vec<u8>, usize)>, Refusal> {
    let limits = limits();
    let mut parser = Parser::new(&limits);
    let (mut taken, mut arrived) = (0, 0);
    let mut sizes = sizes.iter().cycle();
    loop {
        match parser.advance(&bytes[taken..arrived])? {
            Progress::Complete(message) => return Ok(Some((message.body.to_vec(), taken))),
            Progress::Took(0) if arrived == bytes.len() => return Ok(None),
            Progress::Took(0) => arrived = bytes.len().min(arrived + sizes.next().unwrap()),
            Progress::Took(amount) | Progress::Head { length: amount, .. } => taken += amount,
        }
    }
}

fn fragments() -> impl Strategy<Value = Vec<u8>> {
    let known = prop::sample::select(vec![
        "GET",
        "POST",
        " ",
        "/",
        "/v1/a",
        "*",
        "http://a/",
        "HTTP/1.1",
        "HTTP/1.0",
        "\r\n",
        "\n",
        "\r",
        ":",
        "Host: a\r\n",
        "Content-Length: 3\r\n",
        "Content-Length: 99999999999999999999\r\n",
        "Transfer-Encoding: chunked\r\n",
        "Connection: close\r\n",
        "Expect: 100-continue\r\n",
        "3\r\nabc\r\n",
        "0\r\n\r\n",
        "0\r\nX: y\r\n\r\n",
        ";x",
        "\0",
        "é",
        "POST / HTTP/1.1\r\nHost: a\r\n",
    ]);
    let piece = prop_oneof![
        8 => known.prop_map(|text| text.as_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..8),
    ];
    prop::collection::vec(piece, 0..16).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn nothing_makes_the_parser_panic(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        let _ = parse(&bytes, &limits());
    }

    #[test]
    fn how_a_request_is_cut_into_pieces_changes_nothing(
        bytes in fragments(), sizes in prop::collection::vec(1_usize..20, 1..8),
    ) {
        let whole = parse(&bytes, &limits()).map(|found| found.map(|(message, taken)| (message.body.to_vec(), taken)));
        prop_assert_eq!(parse_in_pieces(&bytes, &sizes), whole);
    }

    #[test]
    fn what_is_taken_keeps_within_the_limits(bytes in fragments()) {
        if let Ok(Some((message, taken))) = parse(&bytes, &limits()) {
            prop_assert!(taken <= bytes.len());
            prop_assert!(message.body.len() <= limits().max_body_bytes);
            prop_assert!(message.headers.iter().count() <= limits().max_headers);
        }
    }
}

//! Framing against hyper: the same bytes to both servers. Where hyper refuses, so do we; where both accept, both have seen
//! the same requests; where only we refuse, this table says so and why.

use crate::support::{Client, Running, connect, echo};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper_util::rt::TokioIo;
use leasehold::http::{Limits, Request};
use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Method, target and body of a request that was complete.
type Seen = (String, String, Vec<u8>);

enum Expect {
    Same,
    /// hyper accepts it, we do not.
    Stricter(&'static str),
}
use Expect::{Same, Stricter};

const CASES: &[(&str, Expect)] = &[
    // Accepted by both.
    ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", Same),
    ("GET /a%2Fb/../c?d=e&f HTTP/1.1\r\nhost:a\r\nX:   padded \t\r\n\r\n", Same),
    ("LIST /v1/secret HTTP/1.1\r\nHost: a\r\n\r\n", Same),
    ("GET / HTTP/1.0\r\n\r\n", Same),
    ("\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", Same),
    ("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", Same),
    ("GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n", Same),
    ("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n", Same),
    ("GET / HTTP/1.0\r\n\r\nGET /2 HTTP/1.0\r\n\r\n", Same),
    ("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET /2 HTTP/1.0\r\n\r\n", Same),
    (
        "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabcPUT /2 HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
        Same,
    ),
    ("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 0003\r\n\r\nabc", Same),
    ("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc", Same),
    ("PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", Same),
    ("PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: CHUNKED\r\n\r\n0A\r\n0123456789\r\n000\r\n\r\n", Same),
    (
        "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3;a=b\r\nabc\r\n0\r\nX: y\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n",
        Same,
    ),
    // Refused by both: lengths.
    ("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", Same),
    ("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: +3\r\n\r\nabc", Same),
    ("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: -3\r\n\r\nabc", Same),
    ("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x3\r\n\r\nabc", Same),
    ("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 3 3\r\n\r\nabc", Same),
    ("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 3, 4\r\n\r\nabc", Same),
    ("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\n", Same),
    ("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n", Same),
    ("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nabc", Same),
    // Refused by both: codings and chunks.
    ("PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity\r\n\r\n", Same),
    ("PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n", Same),
    ("PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", Same),
    ("PUT / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", Same),
    ("PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", Same),
    ("PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n\r\n", Same),
    ("PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n-3\r\nabc\r\n0\r\n\r\n", Same),
    ("PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0x3\r\nabc\r\n0\r\n\r\n", Same),
    ("PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\nabc\r\n0\r\n\r\n", Same),
    ("PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\n0\r\n\r\n", Same),
    ("PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n", Same),
    ("PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3;a\nb\r\nabc\r\n0\r\n\r\n", Same),
    ("PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n", Same),
    ("PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nno field\r\n\r\n", Same),
    ("PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", Same),
    // Refused by both: heads.
    ("GET / HTTP/1.1\r\nHost: a\r\nX : y\r\n\r\n", Same),
    ("GET / HTTP/1.1\r\n Host: a\r\n\r\n", Same),
    ("GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n z\r\n\r\n", Same),
    ("GET / HTTP/1.1\r\nHost: a\r\nno field\r\n\r\n", Same),
    ("GET / HTTP/1.1\r\nHost: a\r\n: y\r\n\r\n", Same),
    ("GET / HTTP/1.1\r\nHost: a\r\nX: y\rz\r\n\r\n", Same),
    ("GET / HTTP/1.1\r\nHost: a\r\nX: y\0z\r\n\r\n", Same),
    ("GET / HTTP/1.1\r\nHost: a\r\nX(: y\r\n\r\n", Same),
    ("G(T / HTTP/1.1\r\nHost: a\r\n\r\n", Same),
    ("GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", Same),
    ("GET  / HTTP/1.1\r\nHost: a\r\n\r\n", Same),
    ("GET / HTTP/1.1\r\nHost: a\r\n", Same),
    ("GET / HTTP/1.2\r\nHost: a\r\n\r\n", Same),
    ("GET / HTTP/2.0\r\nHost: a\r\n\r\n", Same),
    ("GET / http/1.1\r\nHost: a\r\n\r\n", Same),
    ("GET /\r\n\r\n", Same),
    ("\x16\x03\x01\x02\x00\x01\x00\x01\x7c\x03\x03", Same),
    // Refused by us alone.
    (
        "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
        Stricter("one length, even if equal"),
    ),
    (
        "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
        Stricter("one framing"),
    ),
    (
        "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        Stricter("one framing"),
    ),
    (
        "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        Stricter("no coding but chunked"),
    ),
    (
        "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3 \r\nabc\r\n0\r\n\r\n",
        Stricter("no space in a size"),
    ),
    ("GET / HTTP/1.1\nHost: a\r\n\r\n", Stricter("no bare line feed")),
    ("GET / HTTP/1.1\r\nHost: a\n\r\n", Stricter("no bare line feed")),
    ("GET / HTTP/1.1\r\nHost: a\r\n\n", Stricter("no bare line feed")),
    ("\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", Stricter("one empty line before a request")),
    ("GET / HTTP/1.1\r\n\r\n", Stricter("a Host is required")),
    ("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", Stricter("one Host")),
    ("GET / HTTP/1.1\r\nHost: a/b c\r\n\r\n", Stricter("a Host that is one")),
    ("CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n", Stricter("not a proxy")),
    ("GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n", Stricter("a fragment is not sent")),
    ("GET * HTTP/1.1\r\nHost: a\r\n\r\n", Stricter("`*` is for OPTIONS")),
    ("GET /é HTTP/1.1\r\nHost: a\r\n\r\n", Stricter("ASCII targets")),
    (
        "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: payment\r\n\r\nabc",
        Stricter("no unknown expectation"),
    ),
];

#[test]
fn framing_is_never_laxer_than_hypers() {
    let noted = Arc::new(Mutex::new(Vec::new()));
    let notes = Arc::clone(&noted);
    let running = Running::start(Limits::default(), move |request: Request| {
        notes.lock().unwrap().push((request.method.clone(), request.target.clone(), request.body.to_vec()));
        echo(request)
    });
    let mut wrong = Vec::new();
    for (bytes, expected) in CASES {
        let theirs = seen_by_hyper(bytes.as_bytes());
        let mut client = Client::over(connect(running.address()));
        client.send(bytes);
        client.end_sending();
        client.all();
        let ours = std::mem::take(&mut *noted.lock().unwrap());
        let holds = match expected {
            Same => ours == theirs,
            Stricter(_) => ours.is_empty() && !theirs.is_empty(),
        };
        if !holds {
            let claim = if let Stricter(why) = expected { why } else { "same" };
            wrong.push(format!("{bytes:?} ({claim})\n  hyper: {theirs:?}\n  ours:  {ours:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The complete requests that hyper's HTTP/1 server finds in these bytes.
fn seen_by_hyper(bytes: &[u8]) -> Vec<Seen> {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let (mut client, server) = tokio::io::duplex(1 << 20);
        client.write_all(bytes).await.unwrap();
        client.shutdown().await.unwrap();
        let service = hyper::service::service_fn(|request: hyper::Request<Incoming>| {
            let seen = Arc::clone(&seen);
            async move {
                let (parts, body) = request.into_parts();
                if let Ok(body) = body.collect().await {
                    let target = parts.uri.to_string();
                    seen.lock().unwrap().push((parts.method.to_string(), target, body.to_bytes().to_vec()));
                }
                Ok::<_, Infallible>(hyper::Response::new(Full::new(Bytes::new())))
            }
        });
        let _ = hyper::server::conn::http1::Builder::new()
            .half_close(true)
            .serve_connection(TokioIo::new(server), service)
            .await;
        client.read_to_end(&mut Vec::new()).await.unwrap();
    });
    Arc::into_inner(seen).unwrap().into_inner().unwrap()
}

//! An answer, and how it is written: one block of bytes for one write. Framing belongs to this file: a service cannot
//! change the length, the coding or the fate of the connection, nor smuggle a line break into a header field.

use crate::http::body::append_wiped;
use crate::http::head::is_token_byte;
use crate::http::refusal::Refusal;
use crate::logical::Stream;
use std::time::{SystemTime, UNIX_EPOCH};
use zeroize::Zeroizing;

/// A whole answer as a service gives it. No `Debug`: the body may hold secrets.
pub struct Answer {
    pub status: u16,
    /// Without those that frame the answer (`Content-Length`, `Transfer-Encoding`, `Connection`) and `Date`: these are
    /// written by the server, and are left out where a service gives them.
    pub headers: Vec<(String, String)>,
    pub body: Zeroizing<Vec<u8>>,
    /// What follows the body for as long as there is any, piece by piece; then the connection closes.
    pub stream: Option<Box<dyn Stream>>,
}

impl Answer {
    #[must_use]
    pub fn empty(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Zeroizing::new(Vec::new()), stream: None }
    }

    #[must_use]
    pub fn json(status: u16, body: Vec<u8>) -> Self {
        let headers = vec![("Content-Type".to_owned(), "application/json".to_owned())];
        Self { status, headers, body: Zeroizing::new(body), stream: None }
    }

    /// An error in the shape every client of the API reads.
    #[must_use]
    pub fn error(status: u16, reason: &str) -> Self {
        Self::json(status, serde_json::json!({ "errors": [reason] }).to_string().into_bytes())
    }

    pub(super) fn refusal(refusal: Refusal) -> Self {
        Self::error(refusal.status, refusal.reason)
    }

    fn is_writable(&self) -> bool {
        (200..=599).contains(&self.status)
            && self.headers.iter().all(|(name, value)| {
                !name.is_empty()
                    && name.bytes().all(is_token_byte)
                    && value.bytes().all(|byte| byte == b'\t' || !byte.is_ascii_control())
            })
    }
}

/// How an answer has to be written, which depends on the request.
#[derive(Clone, Copy, Default)]
pub(super) struct Manner {
    /// Answers HEAD: the length is told, the body is not sent.
    pub without_body: bool,
    pub keep_alive: bool,
    /// To an HTTP/1.0 client, which assumes that the connection is closed unless told otherwise.
    pub legacy: bool,
}

/// Writes answers into one block of memory, which is used again for each and wiped after each.
#[derive(Default)]
pub(super) struct AnswerWriter {
    bytes: Zeroizing<Vec<u8>>,
    date: String,
    date_second: u64,
}

/// More than this is not kept for the next answer.
const KEPT_BYTES: usize = 8 * 1024;
const STATUS_LINE_AND_OWN_FIELDS: usize = 256;

impl AnswerWriter {
    /// The bytes of the answer; of an error in its place when it holds what must not be written.
    pub fn write(&mut self, answer: &Answer, manner: Manner) -> &[u8] {
        if answer.is_writable() {
            self.assemble(answer, manner);
        } else {
            log::error!("an answer with an invalid status or header field was replaced by an error");
            self.assemble(&Answer::error(500, "internal error"), manner);
        }
        &self.bytes
    }

    /// Forgets the answer once it is sent.
    pub fn wipe(&mut self) {
        use zeroize::Zeroize;
        if self.bytes.capacity() > KEPT_BYTES {
            self.bytes = Zeroizing::default();
        } else {
            self.bytes.as_mut_slice().zeroize();
            self.bytes.clear();
        }
    }

    /// One piece of a stream, framed; the empty one is its end.
    pub fn piece(&mut self, piece: &[u8], manner: Manner) -> &[u8] {
        if manner.legacy {
            append_wiped(&mut self.bytes, piece);
        } else {
            append_wiped(&mut self.bytes, format!("{:x}\r\n", piece.len()).as_bytes());
            append_wiped(&mut self.bytes, piece);
            append_wiped(&mut self.bytes, b"\r\n");
        }
        &self.bytes
    }

    fn assemble(&mut self, answer: &Answer, manner: Manner) {
        let fields: usize = answer.headers.iter().map(|(name, value)| name.len() + value.len() + 4).sum();
        let needed = STATUS_LINE_AND_OWN_FIELDS + fields + answer.body.len();
        if self.bytes.capacity() < needed {
            self.bytes = Zeroizing::new(Vec::with_capacity(needed));
        }
        self.bytes.clear();
        let has_body = !matches!(answer.status, 204 | 304);
        self.status_line(answer.status);
        self.refresh_date();
        append_wiped(&mut self.bytes, b"Date: ");
        append_wiped(&mut self.bytes, self.date.as_bytes());
        append_wiped(&mut self.bytes, b"\r\n");
        for (name, value) in answer.headers.iter().filter(|(name, _)| !is_ours(name)) {
            self.field(name, value.as_bytes());
        }
        if answer.stream.is_some() {
            if !manner.legacy {
                self.field("Transfer-Encoding", b"chunked");
            }
        } else if has_body {
            self.field("Content-Length", answer.body.len().to_string().as_bytes());
        }
        match (manner.keep_alive, manner.legacy) {
            (false, _) => self.field("Connection", b"close"),
            (true, true) => self.field("Connection", b"keep-alive"),
            (true, false) => {}
        }
        append_wiped(&mut self.bytes, b"\r\n");
        if has_body && !manner.without_body {
            append_wiped(&mut self.bytes, &answer.body);
        }
    }

    fn status_line(&mut self, status: u16) {
        let reason = http::StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason());
        append_wiped(&mut self.bytes, b"HTTP/1.1 ");
        append_wiped(&mut self.bytes, status.to_string().as_bytes());
        append_wiped(&mut self.bytes, b" ");
        append_wiped(&mut self.bytes, reason.unwrap_or("Unknown").as_bytes());
        append_wiped(&mut self.bytes, b"\r\n");
    }

    fn field(&mut self, name: &str, value: &[u8]) {
        for part in [name.as_bytes(), b": ", value, b"\r\n"] {
            append_wiped(&mut self.bytes, part);
        }
    }

    /// `Date` is what the wall clock says, made anew once a second. It decides nothing, so it needs no injected clock.
    fn refresh_date(&mut self) {
        let second = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        if second == self.date_second && !self.date.is_empty() {
            return;
        }
        let moment = jiff::Timestamp::from_second(i64::try_from(second).unwrap_or(0)).unwrap_or_default();
        self.date = jiff::fmt::rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&moment).unwrap_or_default();
        self.date_second = second;
    }
}

fn is_ours(name: &str) -> bool {
    ["content-length", "transfer-encoding", "connection", "date"].iter().any(|ours| name.eq_ignore_ascii_case(ours))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(answer: &Answer, manner: Manner) -> String {
        String::from_utf8(AnswerWriter::default().write(answer, manner).to_vec()).unwrap()
    }

    fn with_header(name: &str, value: &str) -> Answer {
        let mut answer = Answer::json(200, b"{}".to_vec());
        answer.headers.push((name.to_owned(), value.to_owned()));
        answer
    }

    #[test]
    fn a_line_break_in_a_header_field_becomes_an_error_and_is_not_written() {
        for (name, value) in [("X-A", "b\r\nX-Evil: 1"), ("X-A\r\nX-Evil", "1"), ("X-A", "b\nX-Evil: 1"), ("X-A", "\0")]
        {
            let text = written(&with_header(name, value), Manner::default());
            assert!(text.starts_with("HTTP/1.1 500 "), "{text}");
            assert!(!text.contains("X-Evil"), "{text}");
        }
    }

    #[test]
    fn framing_fields_of_a_service_are_left_out() {
        for name in ["Content-Length", "transfer-encoding", "Connection"] {
            let text = written(&with_header(name, "canary"), Manner { keep_alive: true, ..Manner::default() });
            assert!(text.starts_with("HTTP/1.1 200 OK\r\n") && !text.contains("canary"), "{text}");
            assert!(text.contains("Content-Length: 2\r\n") && text.ends_with("\r\n\r\n{}"), "{text}");
        }
    }

    #[test]
    fn an_answer_to_head_tells_the_length_and_sends_no_body() {
        let text = written(&Answer::json(200, b"{}".to_vec()), Manner { without_body: true, ..Manner::default() });
        assert!(text.contains("Content-Length: 2\r\n") && text.ends_with("\r\n\r\n"), "{text}");
    }

    #[test]
    fn no_content_has_no_length() {
        assert!(!written(&Answer::empty(204), Manner::default()).contains("Content-Length"));
    }

    #[test]
    fn a_stream_is_framed_piece_by_piece_and_only_for_those_who_know_how() {
        struct Nothing;
        impl Stream for Nothing {
            fn next(&mut self, _: std::time::Duration) -> Option<Vec<u8>> {
                None
            }
        }
        let answer = Answer { stream: Some(Box::new(Nothing)), ..Answer::empty(200) };
        let text = written(&answer, Manner::default());
        assert!(text.contains("Transfer-Encoding: chunked\r\n") && !text.contains("Content-Length"), "{text}");
        let legacy = Manner { legacy: true, ..Manner::default() };
        let text = written(&answer, legacy);
        assert!(!text.contains("Transfer-Encoding") && !text.contains("Content-Length"), "{text}");
        let piece = |bytes: &[u8], manner| AnswerWriter::default().piece(bytes, manner).to_vec();
        assert_eq!(piece(b"0123456789ab", Manner::default()), b"c\r\n0123456789ab\r\n");
        assert_eq!(piece(b"", Manner::default()), b"0\r\n\r\n");
        assert_eq!(piece(b"ab", legacy), b"ab");
    }

    #[test]
    fn the_date_is_that_of_the_rfc() {
        let text = written(&Answer::empty(204), Manner::default());
        let date = text.lines().find_map(|line| line.strip_prefix("Date: ")).unwrap();
        assert!(date.len() == 29 && date.ends_with(" GMT"), "{date}");
    }

    #[test]
    fn what_was_written_is_wiped() {
        let mut writer = AnswerWriter::default();
        writer.write(&Answer::json(200, b"canary".to_vec()), Manner::default());
        writer.wipe();
        assert!(writer.bytes.is_empty());
    }
}

//! `sys/monitor`: the server's log as it is written, for as long as the client listens and its token lives.

use crate::base::logging::{self, Format, Monitor};
use crate::base::{Result, Secret};
use crate::core::authentication::{Presented, Uses};
use crate::core::{Call, Core};
use crate::logical::route::ORDINARY;
use crate::logical::{Action, Body, Field, Input, Operation, Response, Route, Stream};
use std::net::IpAddr;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

pub static MONITOR: Route<Call> = Route {
    pattern: "monitor",
    fields: &[
        Field::text("log_level", "The quietest lines that are sent: trace, debug, info, warn or error.")
            .default("info"),
        Field::text("log_format", "How they are written: standard or json; without it, as the server's log is."),
    ],
    actions: &[Action::new(Operation::Read, monitor, "Streams the log.")],
    exists: None,
    summary: "Streams the server's log.",
    help: "Lines come as they are written, until the client hangs up, its token ends, or the server is sealed or stops. A \
           client that reads more slowly than lines come misses some. The server's own log stays as loud as it is.",
    flags: ORDINARY,
};

/// The token is looked at this often while its holder listens.
const LOOK: Duration = Duration::from_secs(1);

fn monitor(call: &mut Call, input: &Input) -> Result<Response> {
    let level = logging::level(&input.text("log_level").unwrap_or_default())?;
    let format = input.text("log_format").map_or_else(|| Ok(logging::format()), |text| Format::parse(&text))?;
    let source = Box::new(Listening {
        monitor: logging::monitor(level, format),
        core: Arc::downgrade(&call.core),
        token: call.token.clone(),
        peer: call.peer.map(|peer| peer.ip()),
        looked: Instant::now(),
    });
    let media_type = if format == Format::Json { "application/json" } else { "text/plain; charset=utf-8" };
    Ok(Response { body: Body::Stream { media_type, source: Some(source) }, ..Response::default() })
}

struct Listening {
    monitor: Monitor,
    core: Weak<Core>,
    token: Option<Secret<String>>,
    peer: Option<IpAddr>,
    /// When the token was last found alive.
    looked: Instant,
}

impl Stream for Listening {
    fn next(&mut self, at_most: Duration) -> Option<Vec<u8>> {
        if self.looked.elapsed() >= LOOK {
            self.is_welcome().then_some(())?;
            self.looked = Instant::now();
        }
        Some(self.monitor.next(at_most).into_bytes())
    }
}

impl Listening {
    fn is_welcome(&self) -> bool {
        let Some(live) = self.core.upgrade().and_then(|core| core.live_or_none()) else { return false };
        let presented = Presented { peer: self.peer, uses: Uses::Kept, ..Presented::default() };
        self.token.as_ref().is_some_and(|token| live.authenticate(token, presented).is_ok())
    }
}

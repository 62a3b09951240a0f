//! Counts requests: a token bucket for each quota and client, in memory. It begins full, so that a restart forgives; nothing
//! of it is stored.
//!
//! Invariant: its memory is bounded. When there are too many clients, those that have their full allowance are forgotten, as
//! they lose nothing by it; if that does not help, newcomers of a quota share one bucket.

use super::{GroupBy, Place, RateLimit, most_specific};
use crate::base::{Error, Result, Timestamp, duration};
use crate::core::live::Live;
use crate::logical::{Allowance, Request};
use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Clients that are remembered.
pub const MAX_CLIENTS: usize = 65_536;

/// Full buckets are looked for this often at most.
const TIDY_EVERY: Duration = Duration::from_secs(1);

#[derive(Default)]
pub struct Limiter(Mutex<State>);

#[derive(Default)]
struct State {
    buckets: HashMap<Client, Bucket>,
    tidied: Option<Timestamp>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Client {
    /// The quota, as of its last change.
    generation: u64,
    who: Who,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Who {
    Address(IpAddr),
    Entity(String),
    Everybody,
    /// Those for whom there was no room.
    Others,
}

impl Who {
    /// A network of the smallest size that is handed out counts as one IPv6 client: who has one has all its addresses.
    #[must_use]
    pub fn at(address: Option<IpAddr>) -> Self {
        match address.map(|address| address.to_canonical()) {
            Some(IpAddr::V6(v6)) => {
                let [a, b, c, d, ..] = v6.segments();
                Self::Address(IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0)))
            }
            Some(v4) => Self::Address(v4),
            None => Self::Everybody,
        }
    }
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    left: f64,
    at: Timestamp,
    blocked_until: Option<Timestamp>,
    /// When it is full again if nobody comes.
    full_at: Timestamp,
}

/// What a request may do, and what its client has left.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Decision {
    pub is_allowed: bool,
    pub remaining: u64,
    /// Until the client has its whole allowance again, or where it is refused, until it may come again.
    pub reset: Duration,
}

impl Limiter {
    /// Takes one request of a client from its allowance of `rate` for each interval of the quota.
    pub fn take(&self, quota: &RateLimit, rate: f64, who: Who, now: Timestamp) -> Decision {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut client = Client { generation: quota.generation, who };
        if !state.buckets.contains_key(&client) && state.buckets.len() >= MAX_CLIENTS {
            state.tidy(now);
            if state.buckets.len() >= MAX_CLIENTS {
                client.who = Who::Others;
            }
        }
        // A rate below one still lets one through, now and then.
        let size = rate.max(1.0);
        let full = Bucket { left: size, at: now, blocked_until: None, full_at: now };
        state.buckets.entry(client).or_insert(full).take(quota, rate, size, now)
    }

    #[cfg(test)]
    pub fn clients(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).buckets.len()
    }
}

impl State {
    fn tidy(&mut self, now: Timestamp) {
        if self.tidied.is_some_and(|last| last.until(now) < TIDY_EVERY) {
            return;
        }
        self.tidied = Some(now);
        self.buckets.retain(|_, bucket| bucket.full_at > now || bucket.blocked_until.is_some_and(|until| until > now));
    }
}

impl Bucket {
    fn take(&mut self, quota: &RateLimit, rate: f64, size: f64, now: Timestamp) -> Decision {
        if let Some(until) = self.blocked_until.filter(|until| now < *until) {
            return Decision { is_allowed: false, remaining: 0, reset: now.until(until) };
        }
        self.blocked_until = None;
        let seconds_each = quota.interval.as_secs_f64() / rate;
        self.left = (self.left + self.at.until(now).as_secs_f64() / seconds_each).min(size);
        self.at = now;
        let is_allowed = self.left >= 1.0;
        if is_allowed {
            self.left -= 1.0;
        } else if !quota.block_interval.is_zero() {
            self.blocked_until = Some(now.plus(quota.block_interval));
        }
        let until = |level: f64| seconds((level - self.left).max(0.0) * seconds_each);
        self.full_at = now.plus(until(size));
        let reset = match self.blocked_until {
            Some(blocked) => now.until(blocked),
            None => until(if is_allowed { size } else { 1.0 }),
        };
        // Never negative, and never more than fits.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let remaining = self.left as u64;
        Decision { is_allowed, remaining, reset }
    }
}

fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
}

/// When a limit is looked at: those by entity once it is known who calls, all others before that costs anything.
#[derive(Debug, Clone, Copy)]
pub enum Stage<'a> {
    Arrived,
    /// With the caller's entity, if there is one.
    Known(Option<&'a str>),
}

impl Live {
    /// Counts a request against the rate limit that holds for its path, if there is one, and notes in the request what its
    /// client has left.
    ///
    /// # Errors
    /// `Busy` for a client that has nothing left.
    pub fn limit_rate(&self, request: &mut Request, place: &Place<'_>, stage: Stage<'_>) -> Result<()> {
        let table = self.quotas.table();
        if table.rate_limits.is_empty() {
            return Ok(());
        }
        let path = request.path.as_str();
        let Some(quota) = most_specific(&table.rate_limits, place).filter(|_| !table.config.exempts(path)) else {
            return Ok(());
        };
        let Some((who, rate)) = who_pays(quota, request, stage) else { return Ok(()) };
        let decision = self.quotas.limiter.take(quota, rate, who, self.now());
        request.allowance = Some(Allowance {
            limit: rate,
            remaining: decision.remaining,
            reset: decision.reset,
            is_refused: !decision.is_allowed,
            is_shown: table.config.enable_rate_limit_response_headers,
        });
        if decision.is_allowed {
            return Ok(());
        }
        Err(Error::busy(format!(
            "request path {path:?}: rate limit quota exceeded: the quota {:?} allows {rate} requests in {}; try again in {}",
            quota.name,
            duration::short(quota.interval.as_secs()),
            duration::short(decision.reset.as_secs() + u64::from(decision.reset.subsec_nanos() > 0)),
        )))
    }
}

/// Whose allowance a request is taken from at this stage, and how large it is.
fn who_pays(quota: &RateLimit, request: &Request, stage: Stage<'_>) -> Option<(Who, f64)> {
    let address = || Who::at(request.peer.map(|peer| peer.ip()));
    let secondary = if quota.secondary_rate > 0.0 { quota.secondary_rate } else { quota.rate };
    match (quota.group_by, stage) {
        (GroupBy::Ip, Stage::Arrived) => Some((address(), quota.rate)),
        (GroupBy::None, Stage::Arrived) => Some((Who::Everybody, quota.rate)),
        (GroupBy::EntityThenIp | GroupBy::EntityThenNone, Stage::Known(Some(entity))) => {
            Some((Who::Entity(entity.to_owned()), quota.rate))
        }
        (GroupBy::EntityThenIp, Stage::Known(None)) => Some((address(), secondary)),
        (GroupBy::EntityThenNone, Stage::Known(None)) => Some((Who::Everybody, secondary)),
        (GroupBy::Ip | GroupBy::None, Stage::Known(_))
        | (GroupBy::EntityThenIp | GroupBy::EntityThenNone, Stage::Arrived) => None,
    }
}

//! When a request is sent: which are sent again after a failure and how long that waits, and how many go out in a second.

use crate::cli::{Environment, Failure};
use std::cell::Cell;
use std::io::ErrorKind;
use std::time::{Duration, Instant};

/// The first pause before a call is sent again; it doubles with each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(8);
/// The longest that a server may ask to be left alone.
const LONGEST_WISH: Duration = Duration::from_secs(60);
const USUAL_RETRIES: u32 = 2;

#[derive(Clone)]
pub struct Pace {
    retries: u32,
    first_pause: Duration,
    rate: Option<Rate>,
}

/// So many requests in a second, and so many at once that were saved up.
#[derive(Clone)]
struct Rate {
    each: Duration,
    burst: u32,
    /// When the requests that were sent would have been due one by one.
    due: Cell<Option<Instant>>,
}

impl Pace {
    /// # Errors
    /// A variable that is no number.
    pub fn of(environment: &Environment) -> Result<Self, Failure> {
        let retries = match environment.variable("VAULT_MAX_RETRIES") {
            None => USUAL_RETRIES,
            Some(text) => text
                .parse()
                .map_err(|_| Failure::local(format!("VAULT_MAX_RETRIES must be a whole number, not {text:?}")))?,
        };
        let rate = environment.variable("VAULT_RATE_LIMIT").map(Rate::parse).transpose()?;
        Ok(Self { retries, first_pause: FIRST_PAUSE, rate })
    }

    /// The same pace for whoever repeats requests by a plan of their own.
    #[must_use]
    pub fn without_retries(self) -> Self {
        Self { retries: 0, ..self }
    }

    /// Whether a further attempt is left after so many.
    pub const fn allows(&self, attempts: u32) -> bool {
        attempts < self.retries
    }

    /// Waits before an attempt that follows a failed one: as long as the server wishes, else longer each time, and never
    /// exactly as long as everybody else who failed at the same moment.
    pub fn wait_again(&self, attempt: u32, wish: Option<Duration>) {
        let doubled = self.first_pause.saturating_mul(1 << attempt.min(8)).min(LONGEST_PAUSE);
        let jitter = u32::from(crate::base::random::bytes::<1>().map_or(0, |[byte]| byte));
        let pause = wish.map_or(doubled + doubled / 1024 * jitter, |wish| wish.min(LONGEST_WISH));
        std::thread::sleep(pause);
    }

    /// Waits until the rate allows a further request.
    pub fn wait_for_turn(&self) {
        if let Some(wait) = self.rate.as_ref().map(|rate| rate.next(Instant::now())) {
            std::thread::sleep(wait);
        }
    }
}

impl Rate {
    fn parse(text: &str) -> Result<Self, Failure> {
        let wrong = || {
            Failure::local(format!(
                "VAULT_RATE_LIMIT must be a number of requests a second, or rate:burst as in 10:20, not {text:?}"
            ))
        };
        let (rate, burst) = text.split_once(':').unwrap_or((text, ""));
        let rate: f64 = rate.trim().parse().ok().filter(|rate| *rate > 0.0).ok_or_else(wrong)?;
        let burst = match burst.trim() {
            "" => rate.ceil().min(f64::from(u32::MAX)) as u32,
            burst => burst.parse().map_err(|_| wrong())?,
        };
        let each = Duration::try_from_secs_f64(1.0 / rate).map_err(|_| wrong())?;
        Ok(Self { each, burst: burst.max(1), due: Cell::new(None) })
    }

    /// How long to wait before the next request.
    fn next(&self, now: Instant) -> Duration {
        let saved = self.each.saturating_mul(self.burst - 1);
        let earliest = now.checked_sub(saved).unwrap_or(now);
        let due = self.due.get().map_or(earliest, |due| due.max(earliest));
        self.due.set(Some(due + self.each));
        due.saturating_duration_since(now)
    }
}

/// Whether an answer may be another one in a moment.
pub const fn is_worth_retrying(status: u16) -> bool {
    matches!(status, 412 | 429) || (status >= 500 && status != 501)
}

/// Whether the connection failed in a way that passes: what TLS refuses, or what took all the time there was, is final.
pub fn is_passing(error: &ureq::Error) -> bool {
    match error {
        ureq::Error::Io(error) => matches!(
            error.kind(),
            ErrorKind::ConnectionRefused
                | ErrorKind::ConnectionReset
                | ErrorKind::ConnectionAborted
                | ErrorKind::BrokenPipe
                | ErrorKind::UnexpectedEof
        ),
        ureq::Error::HostNotFound | ureq::Error::ConnectionFailed => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_may_pass_is_sent_again() {
        for (status, again) in
            [(200, false), (400, false), (403, false), (412, true), (429, true), (500, true), (501, false), (503, true)]
        {
            assert_eq!(is_worth_retrying(status), again, "{status}");
        }
    }

    #[test]
    fn a_rate_lets_a_burst_pass_and_then_one_after_the_other() {
        let rate = Rate::parse("10:3").unwrap();
        let now = Instant::now();
        let waits: Vec<u128> = (0..5).map(|_| rate.next(now).as_millis()).collect();
        assert_eq!(waits, [0, 0, 0, 100, 200]);
        assert_eq!(rate.next(now + Duration::from_secs(60)), Duration::ZERO, "what was not used is saved up again");
        for wrong in ["", "many", "0", "-1", "10:x", "nan"] {
            assert!(Rate::parse(wrong).is_err(), "{wrong}");
        }
    }
}

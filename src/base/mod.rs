//! The ground every layer stands on: errors, time, secrets in memory, randomness, durations, HCL, templates and the one
//! outgoing HTTP client. Nothing here knows a request, a mount or a lease.

pub mod cidr;
pub mod clock;
pub mod closest;
pub mod duration;
pub mod error;
pub mod failpoint;
pub mod fold;
pub mod glob;
pub mod hcl;
pub mod logging;
pub mod outbound;
pub mod passwords;
pub mod peer;
pub mod random;
pub mod secret;
pub mod template;
pub mod tls;

pub use clock::{Clock, Doubt, ManualClock, SystemClock, Timestamp};
pub use error::{Error, Kind, Result};
pub use fold::fold;
pub use secret::Secret;

//! Named steps at which a test may end the process, to see what a crash there leaves behind.
//!
//! Owns nothing of what the steps do. They stand around whatever touches the outside and around the commits that account for
//! it; `tests/steps` walks through every one of them. Invariant: a release has none of this, not even the names.

/// Ends the process by `kill -9` after the step of this name, where a test has asked for that.
macro_rules! failpoint {
    ($name:literal) => {{
        #[cfg(debug_assertions)]
        $crate::base::failpoint::reach(concat!("after ", $name));
    }};
}

/// A step: a failpoint before it and one after it.
macro_rules! step {
    ($name:literal, $step:expr) => {{
        #[cfg(debug_assertions)]
        $crate::base::failpoint::reach(concat!("before ", $name));
        let outcome = $step;
        $crate::base::failpoint::failpoint!($name);
        outcome
    }};
}

pub(crate) use {failpoint, step};

#[cfg(debug_assertions)]
pub use armed::reach;

#[cfg(debug_assertions)]
mod armed {
    use std::fs::{OpenOptions, read_to_string};
    use std::io::Write;
    use std::path::PathBuf;
    use std::sync::{Mutex, OnceLock, PoisonError};

    /// Names a folder: `wanted` in it says at which failpoint to end, and which time that is reached; what is reached is added
    /// to `reached`.
    const FOLDER: &str = "LEASEHOLD_FAILPOINTS";

    /// Notes that a failpoint was reached, and ends the process if it is the wanted one.
    pub fn reach(point: &str) {
        static PLACE: OnceLock<Option<PathBuf>> = OnceLock::new();
        static ALONE: Mutex<()> = Mutex::new(());
        let Some(folder) = PLACE.get_or_init(|| std::env::var_os(FOLDER).map(PathBuf::from)) else { return };
        let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let (reached, wanted) = (folder.join("reached"), folder.join("wanted"));
        let noted = OpenOptions::new().create(true).append(true).open(&reached);
        if let Err(error) = noted.and_then(|mut file| writeln!(file, "{point}")) {
            log::error!("a step that was reached is not noted: {error}");
        }
        let times = || read_to_string(&reached).unwrap_or_default().lines().filter(|line| *line == point).count();
        if read_to_string(wanted).is_ok_and(|wanted| wanted == format!("{point} {}", times())) {
            rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL).ok();
        }
    }
}

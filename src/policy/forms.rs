//! The spellings of a path that lead to one thing. A rule may be written for any of them, and a denial of one is a denial of
//! all: a slash at the end, or a capital letter in a name that is folded, is no way around a rule.

use super::Operation;
use std::borrow::Cow;

/// The one that rules are looked up for comes first; the others only where it has none, or where they deny.
pub(super) struct Forms<'p>([Option<Cow<'p, str>>; 4]);

impl<'p> Forms<'p> {
    /// Those of a request. `folded` is the path as its endpoint reads it, where that differs.
    pub fn of(path: &'p str, folded: Option<&'p str>, operation: Operation) -> Self {
        let folded = folded.filter(|folded| *folded != path);
        let all = [folded, Some(path)].map(|form| form.map(|form| both(form, operation)));
        let [[a, b], [c, d]] = all.map(|pair| pair.unwrap_or([None, None]));
        Self([a, c, b, d])
    }

    /// The one form alone.
    pub fn only(path: &'p str) -> Self {
        Self([Some(Cow::Borrowed(path)), None, None, None])
    }

    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().flatten().map(AsRef::as_ref)
    }
}

/// What is listed is a folder, with its slash. Otherwise the path counts as it is: where its slash means nothing, it has been
/// taken off before.
fn both(path: &str, operation: Operation) -> [Option<Cow<'_, str>>; 2] {
    let bare = path.strip_suffix('/').unwrap_or(path);
    let has_slash = bare.len() < path.len();
    if operation == Operation::List {
        let slashed = if has_slash { Cow::Borrowed(path) } else { Cow::Owned(format!("{bare}/")) };
        return [Some(slashed), Some(Cow::Borrowed(bare))];
    }
    [Some(Cow::Borrowed(path)), has_slash.then_some(Cow::Borrowed(bare))]
}

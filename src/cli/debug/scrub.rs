//! Takes out of texts what nobody else may have: whatever begins and goes on like a token, and the token in use whatever it
//! looks like.

use crate::base::Secret;

const REMOVED: &str = "[removed]";
/// What tokens begin with here, and on servers that speak the same protocol.
const BEGINNINGS: [&str; 3] = ["hvs.", "hvb.", "hvr."];

pub struct Scrub {
    own: Option<Secret<String>>,
}

impl Scrub {
    pub fn new(own: Option<&Secret<String>>) -> Self {
        Self { own: own.filter(|token| !token.is_empty()).cloned() }
    }

    pub fn clean(&self, text: &str) -> String {
        let mut text = text.to_owned();
        if let Some(own) = &self.own {
            text = text.replace(own.expose().as_str(), REMOVED);
        }
        for beginning in BEGINNINGS {
            text = without(&text, beginning);
        }
        text
    }
}

fn without(text: &str, beginning: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(beginning) {
        let (before, found) = rest.split_at(at);
        let body = &found[beginning.len()..];
        let length = body.find(|c: char| !(c.is_ascii_alphanumeric() || "-_.".contains(c))).unwrap_or(body.len());
        clean.push_str(before);
        clean.push_str(if length == 0 { beginning } else { REMOVED });
        rest = &body[length..];
    }
    clean + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_looks_like_a_token_stays() {
        let scrub = Scrub::new(Some(&Secret::from("root")));
        assert_eq!(scrub.clean("a hvs.CAESIJ-_x, hvb.AAAA\" and root."), "a [removed], [removed]\" and [removed].");
        assert_eq!(scrub.clean("hvs. is how they begin"), "hvs. is how they begin");
        assert_eq!(Scrub::new(None).clean("root"), "root");
    }
}

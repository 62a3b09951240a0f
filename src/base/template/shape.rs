//! What the names that a template makes have in common, found by making some.

use crate::base::{Clock, ManualClock, Result, Timestamp};

/// Stand in for whatever a template is given: no two have a character in common at one place, in whatever case.
const SAMPLES: [&str; 6] = ["Aq0d", "zB9e", "7yKf", "mX4g", "Kc2h", "Td5j"];

/// Moments without a common digit in front.
const MOMENTS: [Timestamp; 2] = [Timestamp(1_000_000_000_000), Timestamp(9_000_000_000_000)];

/// What is known of a template's names.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Shape {
    /// All of them begin so; empty where they begin with what they are given.
    pub beginning: String,
    /// Two of them are never alike, though they are given the same.
    pub has_chance: bool,
}

impl Shape {
    /// Finds it by a function that makes a name of a sample at a moment. A template that makes none has no shape.
    #[must_use]
    pub fn of(name: impl Fn(&str, &dyn Clock) -> Result<String>) -> Self {
        let made = |sample: usize| name(SAMPLES[sample], &ManualClock::at(MOMENTS[sample % MOMENTS.len()]));
        let names: Result<Vec<String>> = (0..SAMPLES.len()).map(made).collect();
        let (Ok(names), Ok(again)) = (names, made(0)) else { return Self::default() };
        let has_chance = names.first().is_some_and(|first| *first != again);
        let beginning = names.into_iter().reduce(|one, other| common(&one, &other).to_owned()).unwrap_or_default();
        Self { beginning, has_chance }
    }
}

fn common<'t>(one: &'t str, other: &str) -> &'t str {
    let pairs = one.char_indices().zip(other.chars());
    let end = pairs.take_while(|((_, mine), theirs)| mine == theirs).last();
    end.map_or("", |((at, last), _)| &one[..at + last.len_utf8()])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::template::{Template, Values};

    fn shape(template: &str) -> Shape {
        let template = Template::parse(template).unwrap();
        Shape::of(|sample, clock| template.render(&Values::new().with("Role", sample.to_owned()), clock))
    }

    #[test]
    fn names_are_known_by_what_they_begin_with_and_by_the_chance_in_them() {
        for (template, beginning, has_chance) in [
            ("{{ printf \"v-%s-%s\" (.Role | truncate 8) (random 20) | truncate 32 }}", "v-", true),
            ("app", "app", false),
            ("app_{{ .Role | uppercase }}", "app_", false),
            ("{{ .Role }}-{{ random 10 }}", "", true),
            ("{{ unix_time }}-x", "", false),
            ("é{{ .Role }}", "é", false),
            ("{{ .Nobody }}", "", false),
        ] {
            assert_eq!(shape(template), Shape { beginning: beginning.to_owned(), has_chance }, "{template}");
        }
    }
}

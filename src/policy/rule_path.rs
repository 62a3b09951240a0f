//! The path of a rule as it is written, with templates that stand for who asks: `secret/{{identity.entity.name}}/*`.
//!
//! Invariant: a value never changes the shape of a pattern. One that is empty or holds `*`, `+`, `{` or `}` counts as no value,
//! and unless the server's configuration says otherwise, one that holds `/`. A rule without its value grants nothing; one that grants nothing by itself (`deny`) then holds for every value.

use super::{Pattern, Subject};
use std::fmt;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RulePath {
    text: String,
    form: Form,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Form {
    Fixed(Pattern),
    Templated(Vec<Part>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Literal(String),
    Value { name: String, selector: Selector },
}

/// What a template asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Selector {
    Entity(Attribute),
    Alias { accessor: String, attribute: Attribute },
    GroupById { id: String, attribute: Attribute },
    GroupByName { name: String, attribute: Attribute },
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Attribute {
    Id,
    Name,
    Metadata(String),
    CustomMetadata(String),
}

impl RulePath {
    /// # Errors
    /// In words: a template that is not closed or asks for nothing known, or wildcards that make no pattern.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wildcards = |what: &str| format!("invalid use of wildcards ({what})");
        let parts = parts(text)?;
        if let [] | [Part::Literal(_)] = parts.as_slice() {
            return Ok(Self { text: text.to_owned(), form: Form::Fixed(Pattern::parse(text).map_err(wildcards)?) });
        }
        // Any value will do to see whether the rest makes a pattern.
        Pattern::parse(&parts.iter().map(|part| part.literal().unwrap_or("x")).collect::<String>())
            .map_err(wildcards)?;
        Ok(Self { text: text.to_owned(), form: Form::Templated(parts) })
    }

    #[must_use]
    pub fn is_templated(&self) -> bool {
        matches!(self.form, Form::Templated(_))
    }

    /// The pattern for who asks.
    ///
    /// # Errors
    /// In words, which template has no value.
    pub fn resolve(&self, subject: &Subject) -> Result<Pattern, String> {
        let parts = match &self.form {
            Form::Fixed(pattern) => return Ok(pattern.clone()),
            Form::Templated(parts) => parts,
        };
        let mut text = String::new();
        for part in parts {
            match part {
                Part::Literal(literal) => text.push_str(literal),
                Part::Value { name, selector } => match selector.value(subject).filter(|value| !value.is_empty()) {
                    None => return Err(format!("{name} has no value for this token")),
                    Some(value) if !is_plain(value, subject.slashes) => {
                        return Err(format!("the value of {name} holds a character that has a meaning in paths"));
                    }
                    Some(value) => text.push_str(value),
                },
            }
        }
        Pattern::parse(&text).map_err(str::to_owned)
    }

    /// The pattern that matches whatever the templates might stand for: each segment that holds one may be anything, or where
    /// values may hold slashes, all from the first of them on.
    #[must_use]
    pub fn widened(&self, slashes: bool) -> Option<Pattern> {
        let parts = match &self.form {
            Form::Fixed(pattern) => return Some(pattern.clone()),
            Form::Templated(parts) => parts,
        };
        // A character that stands in no path marks the segments that are to be replaced.
        let marked: String = parts.iter().map(|part| part.literal().unwrap_or("\0")).collect();
        let segments: Vec<&str> = marked.split('/').collect();
        if slashes {
            let fixed = segments.iter().take_while(|segment| !segment.contains('\0'));
            return Pattern::parse(&fixed.copied().chain(["*"]).collect::<Vec<_>>().join("/")).ok();
        }
        let is_last = |at: usize| at + 1 == segments.len();
        let wide = segments.iter().enumerate().map(|(at, segment)| match segment.contains('\0') {
            true if is_last(at) && segment.ends_with('*') => "*",
            true => "+",
            false => segment,
        });
        Pattern::parse(&wide.collect::<Vec<_>>().join("/")).ok()
    }
}

impl fmt::Display for RulePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text.strip_prefix('/').unwrap_or(&self.text))
    }
}

impl Part {
    fn literal(&self) -> Option<&str> {
        match self {
            Self::Literal(text) => Some(text),
            Self::Value { .. } => None,
        }
    }
}

fn parts(text: &str) -> Result<Vec<Part>, String> {
    const UNBALANCED: &str = "a template is not closed; expected {{ and }} around it";
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        let (inside, behind) = after.split_once("}}").ok_or(UNBALANCED)?;
        if inside.contains("{{") || before.contains("}}") {
            return Err(UNBALANCED.to_owned());
        }
        if !before.is_empty() {
            parts.push(Part::Literal(before.to_owned()));
        }
        let name = inside.trim().to_owned();
        let selector = Selector::parse(&name).ok_or_else(|| unknown(&name))?;
        parts.push(Part::Value { name, selector });
        rest = behind;
    }
    if rest.contains("}}") {
        return Err(UNBALANCED.to_owned());
    }
    if !rest.is_empty() {
        parts.push(Part::Literal(rest.to_owned()));
    }
    Ok(parts)
}

fn unknown(name: &str) -> String {
    format!(
        "unknown template {name:?}; expected identity.entity.id, .name, .metadata.KEY or .aliases.ACCESSOR.…, \
         identity.groups.ids.ID.… or identity.groups.names.NAME.…"
    )
}

impl Selector {
    fn parse(text: &str) -> Option<Self> {
        if let Some(rest) = text.strip_prefix("identity.entity.aliases.") {
            let (accessor, attribute) = rest.split_once('.')?;
            let attribute = Attribute::parse(attribute)?;
            return (!accessor.is_empty()).then(|| Self::Alias { accessor: accessor.to_owned(), attribute });
        }
        if let Some(rest) = text.strip_prefix("identity.entity.") {
            return Attribute::parse(rest).filter(|found| !found.is_custom()).map(Self::Entity);
        }
        if let Some(rest) = text.strip_prefix("identity.groups.ids.") {
            let (id, attribute) = rest.split_once('.')?;
            let attribute =
                Attribute::parse(attribute).filter(|found| !found.is_custom() && *found != Attribute::Id)?;
            return (!id.is_empty()).then(|| Self::GroupById { id: id.to_owned(), attribute });
        }
        // The name of a group may hold dots.
        let rest = text.strip_prefix("identity.groups.names.")?;
        let (name, attribute) = match rest.split_once(".metadata.") {
            Some((name, key)) => (name, Attribute::Metadata(Some(key).filter(|key| !key.is_empty())?.to_owned())),
            None => (rest.strip_suffix(".id")?, Attribute::Id),
        };
        (!name.is_empty()).then(|| Self::GroupByName { name: name.to_owned(), attribute })
    }

    fn value<'s>(&self, subject: &'s Subject) -> Option<&'s str> {
        match self {
            Self::Entity(attribute) => {
                let entity = subject.entity.as_ref()?;
                attribute.of(&entity.id, &entity.name, &entity.metadata, None)
            }
            Self::Alias { accessor, attribute } => {
                let alias = subject.entity.as_ref()?.aliases.iter().find(|alias| alias.accessor == *accessor)?;
                attribute.of(&alias.id, &alias.name, &alias.metadata, Some(&alias.custom_metadata))
            }
            Self::GroupById { id, attribute } => {
                let group = subject.groups.iter().find(|group| group.id == *id)?;
                attribute.of(&group.id, &group.name, &group.metadata, None)
            }
            Self::GroupByName { name, attribute } => {
                // Names of groups compare without case.
                let group = subject.groups.iter().find(|group| group.name.to_lowercase() == name.to_lowercase())?;
                attribute.of(&group.id, &group.name, &group.metadata, None)
            }
        }
    }
}

impl Attribute {
    fn parse(text: &str) -> Option<Self> {
        let key = |key: &str| Some(key.to_owned()).filter(|key| !key.is_empty());
        match text {
            "id" => Some(Self::Id),
            "name" => Some(Self::Name),
            _ => match text.strip_prefix("metadata.") {
                Some(rest) => key(rest).map(Self::Metadata),
                None => key(text.strip_prefix("custom_metadata.")?).map(Self::CustomMetadata),
            },
        }
    }

    fn is_custom(&self) -> bool {
        matches!(self, Self::CustomMetadata(_))
    }

    fn of<'s>(
        &self,
        id: &'s str,
        name: &'s str,
        metadata: &'s super::Metadata,
        custom: Option<&'s super::Metadata>,
    ) -> Option<&'s str> {
        match self {
            Self::Id => Some(id),
            Self::Name => Some(name),
            Self::Metadata(key) => metadata.get(key).map(String::as_str),
            Self::CustomMetadata(key) => custom?.get(key).map(String::as_str),
        }
    }
}

/// Whether a value means only itself in a pattern, and stays within its segment unless it may reach over several.
fn is_plain(value: &str, slashes: bool) -> bool {
    let is_segment = |segment: &str| !matches!(segment, "" | "." | "..");
    value.split('/').all(is_segment)
        && (slashes || !value.contains('/'))
        && !value.contains(|c: char| "*+{}".contains(c) || c.is_control())
}

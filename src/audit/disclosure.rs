//! What a device shows in clear, and how little of long answers: the options that all kinds of devices have.

use crate::base::Result;
use crate::logical::{Field, Map};
use serde_json::Value;

/// What a device shows in clear, by its own options.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disclosure {
    pub log_raw: bool,
    pub hmac_accessor: bool,
    /// Lists are answered with the number of what they hold.
    pub elide_list_responses: bool,
    /// Stands before each entry.
    pub prefix: String,
}

impl Disclosure {
    pub const LOG_RAW: Field =
        Field::flag("log_raw", "Writes values and tokens in clear. Whoever reads the file then holds them.")
            .default("false");
    pub const HMAC_ACCESSOR: Field = Field::flag("hmac_accessor", "Hashes the accessors of tokens.").default("true");

    pub const ELIDE_LIST_RESPONSES: Field =
        Field::flag("elide_list_responses", "Shows how many names a list has and not the names.").default("false");

    /// Reads a device's options; those that disclose nothing are the device's own business.
    ///
    /// # Errors
    /// `BadRequest` naming the option that is no flag.
    pub fn from_options(options: &Map) -> Result<Self> {
        let flag = |field: Field, otherwise| match options.get(field.name) {
            None => Ok(otherwise),
            Some(value) => field.parse(value).map(|value| value.as_bool().unwrap_or(otherwise)),
        };
        Ok(Self {
            log_raw: flag(Self::LOG_RAW, false)?,
            hmac_accessor: flag(Self::HMAC_ACCESSOR, true)?,
            elide_list_responses: flag(Self::ELIDE_LIST_RESPONSES, false)?,
            prefix: options.get("prefix").and_then(Value::as_str).unwrap_or_default().to_owned(),
        })
    }
}

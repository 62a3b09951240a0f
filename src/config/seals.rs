//! `seal "…" { … }`: which seal keeps the root key, and which one did before, marked `disabled`, while the server moves from one to
//! the other. What the values mean is the seals' own business.

use super::Config;
use super::section::{Notes, Row, Section, boolean, once, text};
use crate::base::hcl::{Block, Item};
use crate::base::{Error, Result, Secret};

/// One stanza.
#[derive(Debug, Clone, PartialEq)]
pub struct Seal {
    /// `shamir`, `static`, `passphrase` or `transit`.
    pub kind: String,
    /// It is what the server moves away from.
    pub disabled: bool,
    parameters: Vec<(String, Secret<String>)>,
}

impl Seal {
    /// What was written for this key; nothing for an empty text.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<&str> {
        let found = self.parameters.iter().rev().find(|(key, _)| key == name);
        found.map(|(_, value)| value.expose().as_str()).filter(|value| !value.is_empty())
    }
}

/// The seals, with the keys that each takes.
static KINDS: [Section<Seal>; 4] = [
    Section { name: "seal \"shamir\"", rows: &[DISABLED], unused: &[] },
    Section {
        name: "seal \"static\"",
        rows: &[
            DISABLED,
            once("current_key", keep),
            once("current_key_id", keep),
            once("previous_key", keep),
            once("previous_key_id", keep),
        ],
        unused: &[],
    },
    Section {
        name: "seal \"passphrase\"",
        rows: &[DISABLED, once("passphrase", keep), once("previous_passphrase", keep)],
        unused: &[],
    },
    Section {
        name: "seal \"transit\"",
        rows: &[
            DISABLED,
            once("address", keep),
            once("token", keep),
            once("key_name", keep),
            once("mount_path", keep),
            once("namespace", keep),
            once("disable_renewal", keep),
            once("tls_ca_cert", keep),
            once("tls_client_cert", keep),
            once("tls_client_key", keep),
            once("tls_server_name", keep),
            once("tls_skip_verify", keep),
        ],
        unused: &[("key_id_prefix", "the stored name of the key holds the other server's address")],
    },
];

const DISABLED: Row<Seal> = once("disabled", |seal, item, _| {
    seal.disabled = boolean(item)?;
    Ok(())
});

fn keep(seal: &mut Seal, item: &Item, _: &mut Notes) -> Result<()> {
    let value = match boolean(item) {
        Ok(value) if matches!(item.value.kind, crate::base::hcl::Kind::Bool(_)) => value.to_string(),
        _ => text(item)?,
    };
    seal.parameters.push((item.key.text.clone(), Secret::from(value)));
    Ok(())
}

/// A seal that is not known was written to protect the root key in some way, and must not be passed over.
pub(super) fn read(config: &mut Config, item: &Item, notes: &mut Notes) -> Result<()> {
    for Block { label, items } in item.labelled_blocks()? {
        let Some(section) = KINDS.iter().find(|section| section.name == format!("seal {:?}", label.text)) else {
            let what = format!(
                "the seal {:?} is not supported; expected \"static\", \"passphrase\", \"transit\", \"shamir\" or no seal \
                 stanza",
                label.text
            );
            return Err(label.position.error(what));
        };
        let mut seal = Seal { kind: label.text.clone(), disabled: false, parameters: Vec::new() };
        section.read(&mut seal, items, notes)?;
        config.seals.push(seal);
    }
    Ok(())
}

/// One seal at most keeps the key, and one at most did before.
pub(super) fn check(seals: &[Seal]) -> Result<()> {
    if seals.iter().filter(|seal| !seal.disabled).count() > 1 {
        return Err(Error::bad_request(
            "there is more than one seal; the one that the server moves away from is marked disabled = \"true\"",
        ));
    }
    if seals.iter().filter(|seal| seal.disabled).count() > 1 {
        return Err(Error::bad_request(
            "more than one seal is marked disabled; a server moves away from one at a time",
        ));
    }
    let kept: Vec<&str> = seals.iter().map(|seal| seal.kind.as_str()).collect();
    if kept == ["passphrase", "passphrase"] {
        return Err(Error::bad_request(
            "to change the passphrase write one seal \"passphrase\" with passphrase and previous_passphrase",
        ));
    }
    Ok(())
}

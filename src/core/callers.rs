//! What a token may do: its policies and those of whoever stands behind it, with the templates resolved for that one.

#[cfg(test)]
mod tests;

use crate::base::Result;
use crate::core::authentication::all_policies;
use crate::core::identity::Resolved;
use crate::core::live::Live;
use crate::core::tokens::TokenRecord;
use crate::policy::{Acl, Alias, Entity, Group, Subject};
use std::sync::Arc;

/// A token as the policy check sees it.
pub struct Bearer {
    /// All its policies.
    pub policies: Vec<String>,
    pub subject: Subject,
}

impl Live {
    /// What policies allow together, to somebody or to nobody in particular.
    ///
    /// # Errors
    /// `Denied` when one of them is damaged.
    pub fn acl(&self, policies: &[String], entity: Option<&Resolved>) -> Result<Arc<Acl>> {
        self.policies.acl(&self.barrier, policies, || self.subject(entity))
    }

    /// A token's policies, and who stands behind it.
    ///
    /// # Errors
    /// `Denied` for a token whose entity is disabled, `Internal` when the entity does not open.
    pub fn bearer(&self, token: &TokenRecord) -> Result<Bearer> {
        let entity = self.living_entity(&token.entity_id)?;
        let policies = all_policies(&token.policies, entity.as_deref());
        Ok(Bearer { policies, subject: self.subject(entity.as_deref()) })
    }

    /// Who asks, as templates see it.
    fn subject(&self, entity: Option<&Resolved>) -> Subject {
        Subject { slashes: self.settings.slashes_in_templates, ..entity.map(subject).unwrap_or_default() }
    }
}

/// An entity as templates see it.
fn subject(resolved: &Resolved) -> Subject {
    let entity = &resolved.entity;
    let aliases = entity.aliases.iter().map(|alias| Alias {
        accessor: alias.mount_accessor.clone(),
        id: alias.id.clone(),
        name: alias.name.clone(),
        metadata: alias.metadata.clone(),
        custom_metadata: alias.custom_metadata.clone(),
    });
    let groups = resolved.groups().map(|group| Group {
        id: group.id.clone(),
        name: group.name.clone(),
        metadata: group.metadata.clone(),
    });
    let entity = Entity {
        id: entity.id.clone(),
        name: entity.name.clone(),
        metadata: entity.metadata.clone(),
        aliases: aliases.collect(),
    };
    Subject { entity: Some(entity), groups: groups.collect(), slashes: false }
}

//! What an entity adds to its tokens: the policies of its own and of its groups. Remembered until an identity changes.

use super::model::{Entity, Group};
use super::{entities, groups};
use crate::base::Result;
use crate::core::live::Live;
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

/// How many entities are remembered.
const KEPT: usize = 1024;

/// An entity and all that it is in.
#[derive(Debug)]
pub struct Resolved {
    pub entity: Entity,
    /// The groups that it is in itself.
    pub direct: Vec<Group>,
    /// The groups that those are in.
    pub inherited: Vec<Group>,
    /// Its policies and those of all its groups, sorted.
    pub policies: Vec<String>,
}

impl Resolved {
    pub fn groups(&self) -> impl Iterator<Item = &Group> {
        self.direct.iter().chain(&self.inherited)
    }
}

/// The entities that were asked for lately.
#[derive(Default)]
pub struct Resolver(RwLock<Remembered>);

#[derive(Default)]
struct Remembered {
    /// Counts the changes: what was read before one is not remembered after it.
    epoch: u64,
    entities: HashMap<String, Arc<Resolved>>,
}

impl Resolver {
    /// Forgets everything: an identity has changed, or may have.
    pub fn forget(&self) {
        let mut remembered = self.0.write().unwrap_or_else(PoisonError::into_inner);
        remembered.epoch += 1;
        remembered.entities.clear();
    }

    fn remembered(&self, id: &str) -> (u64, Option<Arc<Resolved>>) {
        let remembered = self.0.read().unwrap_or_else(PoisonError::into_inner);
        (remembered.epoch, remembered.entities.get(id).cloned())
    }

    fn remember(&self, epoch: u64, id: &str, resolved: &Arc<Resolved>) {
        let mut remembered = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if remembered.epoch != epoch {
            return;
        }
        if remembered.entities.len() >= KEPT {
            remembered.entities.clear();
        }
        remembered.entities.insert(id.to_owned(), resolved.clone());
    }
}

impl Live {
    /// The entity that a token belongs to, with its groups: the one of this id, or the one that it was merged into; none where
    /// there is no such entity (any more).
    ///
    /// # Errors
    /// `Internal` when a record does not open: damage denies.
    pub fn resolve_entity(&self, id: &str) -> Result<Option<Arc<Resolved>>> {
        let (epoch, known) = self.resolver.remembered(id);
        if known.is_some() {
            return Ok(known);
        }
        let resolved = self.read_identities(|records| {
            let Some(entity) = entities::by_id_or_merged(records, id)? else { return Ok(None) };
            let direct = groups::of_entity(records, &entity.id)?;
            let inherited = groups::above(records, &direct)?;
            let mut policies = entity.policies.clone();
            policies.extend(direct.iter().chain(&inherited).flat_map(|group| group.policies.iter().cloned()));
            policies.sort_unstable();
            policies.dedup();
            Ok(Some(Arc::new(Resolved { entity, direct, inherited, policies })))
        })?;
        resolved.iter().for_each(|resolved| self.resolver.remember(epoch, id, resolved));
        Ok(resolved)
    }
}

//! Who asks, as far as the templates in the paths of rules look at it: an entity, its aliases, and the groups that it is in.
//! Whoever stores identities fills it in; a token without an entity has an empty one.

use std::collections::BTreeMap;

/// Keys to values, as an identity's metadata has them.
pub type Metadata = BTreeMap<String, String>;

/// The identity behind a token. An empty one resolves no template.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Subject {
    pub entity: Option<Entity>,
    /// Only those that the entity is a member of, directly or through another group.
    pub groups: Vec<Group>,
    /// Its values may hold slashes.
    pub slashes: bool,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Entity {
    pub id: String,
    pub name: String,
    pub metadata: Metadata,
    pub aliases: Vec<Alias>,
}

/// The entity's name at one auth method.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Alias {
    /// The accessor of the auth method's mount.
    pub accessor: String,
    pub id: String,
    pub name: String,
    /// What the auth method says of it.
    pub metadata: Metadata,
    /// What an operator says of it.
    pub custom_metadata: Metadata,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Group {
    pub id: String,
    pub name: String,
    pub metadata: Metadata,
}

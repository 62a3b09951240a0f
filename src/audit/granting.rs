//! How the policy check of a request ended, and by which policies, as entries tell it.

use serde::Serialize;

/// The only namespace that there is.
const NAMESPACE: &str = "root";

#[derive(Serialize)]
pub(super) struct PolicyResults<'e> {
    allowed: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    granting_policies: Vec<GrantingPolicy<'e>>,
}

#[derive(Serialize)]
struct GrantingPolicy<'e> {
    name: &'e str,
    namespace_id: &'static str,
    #[serde(rename = "type")]
    kind: &'static str,
}

impl<'e> PolicyResults<'e> {
    pub fn new(allowed: bool, granting: &'e [String]) -> Self {
        let granting = granting.iter().map(|name| GrantingPolicy { name, namespace_id: NAMESPACE, kind: "acl" });
        Self { allowed, granting_policies: granting.collect() }
    }
}

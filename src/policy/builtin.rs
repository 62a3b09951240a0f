//! The texts of the policies that every server has.

/// What `default` grants until somebody changes it: that a token can care for itself.
pub const DEFAULT: &str = r#"# Look at, renew and revoke the token that asks.
path "auth/token/lookup-self" {
  capabilities = ["read"]
}
path "auth/token/renew-self" {
  capabilities = ["update"]
}
path "auth/token/revoke-self" {
  capabilities = ["update"]
}

# Ask what the token may do.
path "sys/capabilities-self" {
  capabilities = ["update"]
}
path "sys/internal/ui/resultant-acl" {
  capabilities = ["read"]
}

# Ask which rule allows or denies something.
path "sys/policies/explain-self" {
  capabilities = ["update"]
}

# See what hangs below the token that asks.
path "sys/leases/tree-self" {
  capabilities = ["read"]
}

# Look at the entity that the token belongs to.
path "identity/entity/id/{{identity.entity.id}}" {
  capabilities = ["read"]
}
path "identity/entity/name/{{identity.entity.name}}" {
  capabilities = ["read"]
}

# Renew and look up a lease whose id is known; both the newer and the older path.
path "sys/renew" {
  capabilities = ["update"]
}
path "sys/leases/renew" {
  capabilities = ["update"]
}
path "sys/leases/lookup" {
  capabilities = ["update"]
}

# The token's own cubbyhole, which no other token can reach.
path "cubbyhole/*" {
  capabilities = ["create", "read", "update", "delete", "list"]
}

# Wrap data in a token for one use, look at such a token, and unwrap it.
path "sys/wrapping/wrap" {
  capabilities = ["update"]
}
path "sys/wrapping/lookup" {
  capabilities = ["update"]
}
path "sys/wrapping/unwrap" {
  capabilities = ["update"]
}

# Tools that reveal nothing.
path "sys/tools/hash" {
  capabilities = ["update"]
}
path "sys/tools/hash/*" {
  capabilities = ["update"]
}

# See the state of a request that waits for approval, by its accessor.
path "sys/control-group/request" {
  capabilities = ["update"]
}

# Sign in to an application through this server as an OIDC provider.
path "identity/oidc/provider/+/authorize" {
  capabilities = ["read", "update"]
}
"#;

/// The SHA-256 of each text that `default` was made with before. Whoever changes the text adds here what the old one had, so
/// that servers on which nobody changed it get the new one.
pub const EARLIER_DEFAULTS: [&str; 2] = [
    "96ddbb8d85e30f4c171b7286f42b83b04e122c9ad904f619fe04b12cd4281c28",
    "b513a120adf71a688e6c3aa0cd7fdc0141484b6de3e94906523fcdbbac2d4572",
];

/// What a wrapping token may do.
pub const RESPONSE_WRAPPING: &str = r#"path "cubbyhole/response" {
  capabilities = ["create", "read"]
}
path "sys/wrapping/unwrap" {
  capabilities = ["update"]
}
"#;

/// What a control group token may do.
pub const CONTROL_GROUP: &str = r#"path "cubbyhole/control-group" {
  capabilities = ["update", "create", "read"]
}
path "sys/wrapping/unwrap" {
  capabilities = ["update"]
}
"#;

//! The engine against a double of AWS that is as strict as the documentation.

mod bench;
mod configured;
mod double;
mod issued;
mod revoked;
mod roles;
mod rotated;
mod sessions;
mod static_roles;

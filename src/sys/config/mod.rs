//! `sys/config`: how the server meets the world outside the API. One file for each path.

pub mod auditing;
pub mod cors;
pub mod reload;
pub mod state;
pub mod ui;

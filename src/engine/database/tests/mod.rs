//! The engine, less its databases.

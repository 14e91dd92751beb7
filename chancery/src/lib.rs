//! The binary's insides: command line, listener, administration, and the composition root. No rule of OAuth lives here.
//!
//! 1. [`cli`] takes a command line apart and runs one of [`commands`].
//! 2. [`ground`] opens store, keys and registry; [`wire`] puts the endpoints on it; [`listener`] serves them until [`stop`] says so.
//!    [`doctor`] goes and looks at everything from outside; [`import`] reads what an MCP server has.
//! 3. Beside them run the [`follower`] of the change feed, the [`schedule`], the [`admin`] socket, and what [`telemetry`] tells.

pub mod admin;
pub mod cli;
pub mod commands;
pub mod doctor;
pub mod exit;
pub mod files;
pub mod follower;
pub mod ground;
pub mod hosts;
pub mod import;
pub mod init;
pub mod listener;
pub mod logs;
pub mod open_files;
pub mod print;
pub mod providers;
pub mod readiness;
pub mod remote;
pub mod schedule;
pub mod stop;
pub mod telemetry;
pub mod wire;

//! The commands, a file each.

pub mod apply;
pub mod audit;
pub mod demo;
pub mod doctor;
pub mod import;
pub mod init;
pub mod list;
pub mod login;
pub mod plan;
pub mod registration;
pub mod revoke;
pub mod schema;
pub mod serve;
pub mod stand;

mod event_line;
mod server;

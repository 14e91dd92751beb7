//! The admin API.

mod listing;
pub mod message;
mod registering;

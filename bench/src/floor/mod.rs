//! The floors: the work that no implementation can leave out, and nothing else. No checks, no policy, no layers.

pub mod jwt;
pub mod proxy;
pub mod rows;
pub mod token;

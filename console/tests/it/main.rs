//! The admin API as administrators and strangers meet it: over HTTP, on both databases.

mod admitted;
mod done;
mod held_back;
mod world;

//! A client that reads an answer as it comes, and can hang up.

pub use chancery_testkit::coming::{Coming, call, get, post, post_and_take_nothing, post_by_http_2};

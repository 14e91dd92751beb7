//! What is said over the admin socket: JSON, one object a line. The CLI asks one thing a connection; answers follow until the end. The
//! words are the admin API's.

use serde::{Deserialize, Serialize};

pub use chancery_console::api::message::*;

use crate::exit::Failure;

/// What the CLI asks.
#[derive(Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum Question {
    /// What is answered once.
    Do(Task),
    /// How the node is.
    Health,
    /// What is answered event by event.
    Tail(Tail),
}

/// What the server says.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
pub enum Line {
    Refused { refused: Failure },
    Said(Answer),
}

//! Who acts: the `act` claim (RFC 8693 §4.1) with the actor profile's `iss`, `sub` and `sub_profile` at every level.

use serde::{Deserialize, Serialize};

use crate::Issuer;

/// One actor; `act` inside it is the one that acted before. The outermost is the current actor, the only one that decides anything.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Actor {
    pub iss: Issuer,
    pub sub: String,
    pub sub_profile: String,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub act: Option<Box<Actor>>,
}

impl Actor {
    /// The `sub_profile` of a workload that acts for somebody.
    pub const AI_AGENT: &'static str = "ai_agent";

    /// How many actors stand in this chain, itself included.
    pub fn depth(&self) -> usize {
        1 + self.act.as_ref().map_or(0, |earlier| earlier.depth())
    }
}

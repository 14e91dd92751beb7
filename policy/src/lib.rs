//! Policy: may this party do this at this resource? Cedar is named here and nowhere else, and nothing here does I/O.
//!
//! 1. A tenant's policies are parsed and checked against the schema when the file is read, so a policy that could never apply,
//!    or could fail while it is evaluated, never gets into a snapshot ([`PolicySet::parse`]).
//! 2. Scopes say what is allowed at all; the built-in policy permits that. A tenant's `forbid` takes away from it.
//! 3. A [`Permit`] is built by a [`PolicySet`] only. Whoever mints a token or forwards a call needs one, and reads from it for whom
//!    and for what. A refusal carries its decision's id, the policies behind it, and their advice.

mod arguments;
mod context;
mod decide;
mod question;
mod set;
mod spoken_of;
mod vocabulary;

pub use arguments::Arguments;
pub use question::{Action, AgentRef, Circumstances, Denied, Permit, Question, ResourceRef};
pub use set::{PolicyError, PolicySet};

//! What tests stand on, in the words they are written in: a whole [`Site`] on loopback with a clock that is turned by hand, people at
//! browsers, apps, an MCP client, the audit log, and a throwaway PostgreSQL.
//!
//! ```no_run
//! use chancery_testkit::cast::{ALICE, BANK, PUBLIC_CLIENT};
//!
//! chancery_testkit::both_stores! {
//!     async fn oa_13_a_replayed_refresh_token_ends_its_family(site: Site) {
//!         let first = site.sign_in(ALICE, PUBLIC_CLIENT).await;
//!         let second = first.refresh().await.granted();
//!         let third = second.refresh().await.granted();
//!
//!         let replay = first.refresh().await;
//!
//!         replay.refused(400, "invalid_grant");
//!         site.audit().await.last(ALICE).is("refresh_token_reused").names(PUBLIC_CLIENT);
//!         third.refresh().await.refused(400, "invalid_grant");
//!         third.call(BANK, "account_balance").await.challenged("invalid_token");
//!     }
//! }
//! ```

mod administered;
mod answer;
mod ask;
mod behind;
mod both_stores;
mod browser;
mod chores;
mod clock;
mod folder;
mod forge;
mod form;
mod hasty;
mod held_back;
mod jar;
mod log;
mod nodes;
mod proof_key;
mod readiness;
mod site;
mod tokens;
pub mod web;

pub mod balancer;
pub mod cast;
pub mod coming;
pub mod glewlwyd;
pub mod idp_sim;
pub mod keycloak;
pub mod mcp;
pub mod node;
pub mod people;
pub mod postgres;
pub mod private;
pub mod provider;
pub mod relay;

pub use answer::Answer;
pub use ask::{Ask, Code};
pub use behind::Behind;
pub use browser::{Browser, request};
pub use chancery::admin::message::{Answer as Administered, Approve, Deny, EndToken, MakeToken, Registering, Revocable};
pub use clock::{HandClock, SeededRng};
pub use folder::Folder;
pub use forge::Forge;
pub use form::Form;
pub use hasty::Hasty;
pub use held_back::HeldBack;
pub use jar::{Cookie, Jar};
pub use log::{Events, Log, Logged};
pub use mcp::{Called, Mcp};
pub use nodes::{Kind, listen, nobody};
pub use proof_key::ProofKey;
pub use provider::IdentityProvider;
pub use site::{App, Site};
pub use tokens::{Granting, Tokens, claims};

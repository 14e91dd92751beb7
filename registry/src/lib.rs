//! The registry: what the tenants of this installation are made of. One file (or the admin API) says it, `plan` shows the difference,
//! `apply` makes it in one Unit, and everything else reads the snapshot, so that no two endpoints can disagree.
//!
//! 1. [`config`]: `chancery.yaml` to typed definitions; every problem with its file, line, key and remedy.
//! 2. [`plan`]: definitions against what is stored, object by object. [`apply`]: the difference, its audit event and a new version.
//! 3. [`Registry`]: the newest snapshot of every tenant behind one atomic pointer, and the clients that are too many for it.
//! 4. [`metadata`]: the documents that follow from a snapshot (RFC 8414, OpenID Connect Discovery, RFC 9728).

pub mod apply;
pub mod config;
pub mod metadata;
pub mod plan;

mod access;
mod administration;
mod allowance;
mod back_channel;
mod client;
mod client_document;
mod client_documents;
mod definition;
mod document_rules;
mod duration;
mod issuer_keys;
mod redirect_uri;
mod registration;
mod registry;
mod resource;
mod ruled;
mod shown_name;
mod sign_in_demand;
mod snapshot;
mod tenant;
mod upstream;
mod workload;

pub use access::{Access, AccessRule};
pub use administration::{ADMIN_NAME, ADMIN_SCOPES, CLI_CLIENT};
pub use apply::{Applied, ApplyError, Applying};
pub use back_channel::{logout_uri, strangers_logout_uri};
pub use client::{
    About, AdmittedBy, Client, ClientAuthentication, GrantType, Origin, Registered, ScopeLimit, Standing, UNUSED_CLIENTS_STAY,
};
pub use client_document::{DocumentFault, names_document};
pub use client_documents::ClientTrouble;
pub use config::{Config, PROFILES, Problem};
pub use document_rules::DocumentRules;
pub use duration::parse as duration;
pub use issuer_keys::{IssuerKeys, NotBelieved};
pub use plan::{Plan, PlanError, Removed};
pub use redirect_uri::{RedirectUriError, Registrable, redirect_uri, registrable_uri, strangers_redirect_uri};
pub use registration::{Dynamic, Keys, Platform, Proxy, Quotas, Registration, SignIns, StatementIssuer};
pub use registry::{Parts, Registry};
pub use resource::{Dpop, Listing, NotMapped, Resource, Tool};
pub use shown_name::shown_name;
pub use sign_in_demand::SignInDemand;
pub use snapshot::RegistryError;
pub use tenant::{Agent, IdentityProvider, Lifetimes, SignOut, Tenant};
pub use upstream::{Stdio, Upstream, UpstreamAuth, UpstreamLimits, UpstreamSecrets, UpstreamTls};
pub use workload::Workload;

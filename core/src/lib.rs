//! The vocabulary of Chancery as types: ids, time, randomness, secrets, scopes, resources, actors, events, errors, and
//! the few traits by which rooms meet that may not import each other. No I/O happens here.

pub mod actor;
pub mod caller;
pub mod cookie;
pub mod entropy;
pub mod event;
pub mod fold;
pub mod id;
pub mod issuer;
pub mod loopback;
pub mod oauth;
pub mod pages;
pub mod resource;
pub mod scope;
pub mod secret;
pub mod sign_in;
pub mod slug;
pub mod source;
pub mod subject_key;
pub mod time;

pub use actor::Actor;
pub use caller::{Caller, CredentialTrouble, Credentials, ServerBehind, UpstreamCredential};
pub use cookie::Cookie;
pub use entropy::{Entropy, Rng};
pub use event::{Event, Field, Kind};
pub use fold::fold;
pub use id::{
    AgentId, ClientId, DecisionId, EventId, FamilyId, GrantId, IdError, KeyId, ResourceId, SessionId, SubjectId, TenantId, TokenId,
};
pub use issuer::Issuer;
pub use loopback::{Loopback, is_loopback};
pub use pages::{
    AllowedApp, AppsPage, ChooserPage, ConsentPage, Decision, Html, Pages, ProviderChoice, RefusalPage, ResourceAsk, ScopeAsk, Shown,
    SignInPage, SignOutPage, SignedOutPage, WhatWasAllowed,
};
pub use resource::ResourceUrl;
pub use scope::{Scope, ScopeSet};
pub use secret::Secret;
pub use sign_in::{
    Authentication, EnrolTrouble, LOGGED_OUT, PROVIDER_REFUSED, Person, RecheckTrouble, SIGNED_OUT, SignIn, SignInRequest, SignInTrouble,
    SignOutRequest, SignedIn, UnknownTrouble,
};
pub use slug::Slug;
pub use source::{Network, Source};
pub use subject_key::SubjectKey;
pub use time::{Clock, LONGEST_TOKEN_LIFE, SKEW, SystemClock, Timestamp};

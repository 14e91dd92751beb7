//! Events: what the audit log says happened. Names and numbers here stand in leaves that are never rewritten: add at the end, change
//! nothing (docs/decisions, event bytes version 1).

use std::collections::BTreeMap;
use std::fmt;

use crate::{Actor, Entropy, EventId, GrantId, TenantId, Timestamp};

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)*) => {
        /// What kind of thing happened.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        pub enum Kind { $($(#[$doc])* $name,)* }

        impl Kind {
            pub const ALL: &'static [Kind] = &[$(Kind::$name),*];

            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

kinds! {
    /// A person came back from the identity provider.
    SignedIn = "signed_in";
    /// A sign-in that reached us was refused: another browser, another issuer, a bad ID token.
    SignInRefused = "sign_in_refused";
    ConsentGiven = "consent_given";
    ConsentDenied = "consent_denied";
    /// An authorization request from a signed-in browser was refused; those of nobody in particular are counted.
    AuthorizationRefused = "authorization_refused";
    /// A code was redeemed for tokens.
    TokenIssued = "token_issued";
    TokenRefreshed = "token_refreshed";
    /// A token request of an authenticated party was refused.
    TokenRefused = "token_refused";
    /// A code came twice: its grant has been ended (OA-08).
    AuthorizationCodeReplayed = "authorization_code_replayed";
    /// A refresh token came back after its successor was used: its grant has been ended (OA-13).
    RefreshTokenReused = "refresh_token_reused";
    /// A grant was ended by what we saw, and by no administrator; the reason says what that was.
    GrantEnded = "grant_ended";
    ClientRegistered = "client_registered";
    /// A token was made for an upstream in exchange for the caller's.
    UpstreamTokenIssued = "upstream_token_issued";
    /// A call is about to be forwarded; without a close its outcome is unknown.
    CallOpened = "call_opened";
    CallClosed = "call_closed";
    /// A call with a live token was refused: scope, policy, resource, session.
    CallRefused = "call_refused";
    RegistryApplied = "registry_applied";
    Revoked = "revoked";
    /// Refusals of nobody in particular, counted over a while.
    RefusalsCounted = "refusals_counted";
    /// Messages through the gateway that are no calls, counted over a while per caller and method.
    CallsCounted = "calls_counted";
    /// A client gave a token back (RFC 7009): the outcome says what ended with it.
    TokenRevoked = "token_revoked";
    /// A client asked to revoke what is not its own, or proved who it is and asked wrongly. Nothing ended.
    RevocationRefused = "revocation_refused";
    /// An administrator suspended a person: all that was theirs ended, and nothing begins.
    SubjectSuspended = "subject_suspended";
    SubjectReinstated = "subject_reinstated";
    /// A live token was refused by the admin API: scope or policy.
    AdministrationRefused = "administration_refused";
    /// A code was issued on an approval that the person gave before; nobody was asked.
    ConsentRemembered = "consent_remembered";
    /// A person ended what they had allowed a client.
    ApprovalEnded = "approval_ended";
    /// A registered client changed what it says of itself (RFC 7592).
    ClientChanged = "client_changed";
    /// A registered client ended its own registration.
    ClientDeleted = "client_deleted";
    /// An administrator let a client in that waited, or refused it.
    ClientJudged = "client_judged";
    /// An administrator made an initial access token.
    RegistrationTokenMade = "registration_token_made";
    /// The identity provider was asked whether it still vouches for a person.
    Rechecked = "rechecked";
    /// A client asked with its registration's token for what it may not change, or wrongly.
    RegistrationRefused = "registration_refused";
    /// An administrator ended an initial access token.
    RegistrationTokenEnded = "registration_token_ended";
    /// A person signed out here: their session ended, and what was allowed in it where the tenant wants that.
    SignedOut = "signed_out";
    /// The identity provider said that a session of its own ended, and what came of it here ended with it.
    LoggedOut = "logged_out";
    /// What lets a client in was consumed, and the identity provider is asked to register it too; a registration or its refusal follows.
    EnrolmentBegun = "enrolment_begun";
    /// A client could not be told that a session ended in which it was allowed something, and nobody tries any more.
    LogoutUntold = "logout_untold";
}

macro_rules! fields {
    ($($(#[$doc:meta])* $name:ident = $number:literal $text:literal;)*) => {
        /// A numbered field of an event. The number goes into the leaf, the name to readers.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub enum Field { $($(#[$doc])* $name,)* }

        impl Field {
            pub const ALL: &'static [Field] = &[$(Field::$name),*];

            pub const fn number(self) -> u16 {
                match self { $(Self::$name => $number,)* }
            }

            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            pub fn from_number(number: u16) -> Option<Self> {
                match number { $($number => Some(Self::$name),)* _ => None }
            }
        }
    };
}

fields! {
    /// Whose authority it is: a subject's id, or an agent's or client's that acts as itself.
    Subject = 1 "subject";
    Client = 2 "client";
    Agent = 3 "agent";
    /// The actor chain as JSON, the current actor outermost.
    Actors = 4 "actors";
    /// The resource's public URL.
    Resource = 5 "resource";
    Scope = 6 "scope";
    /// Ids from the root grant down, with spaces between.
    Grants = 7 "grants";
    /// A `jti`.
    Token = 8 "token";
    Outcome = 9 "outcome";
    Reason = 10 "reason";
    /// The policy decision's id.
    Decision = 11 "decision";
    /// The tool, resource or prompt that was called.
    Target = 12 "target";
    /// The protocol's method, such as `tools/call`.
    Method = 13 "method";
    /// SHA-256 of the call's arguments, in hex.
    InputsDigest = 14 "inputs_digest";
    /// A sealed copy of the call's arguments.
    InputsSealed = 15 "inputs_sealed";
    /// The event that this one closes.
    Opened = 16 "opened";
    /// W3C trace id.
    Trace = 17 "trace";
    Session = 18 "session";
    IdentityProvider = 19 "identity_provider";
    /// The conformance row that refused.
    Row = 20 "row";
    /// HTTP status of an answer.
    Status = 21 "status";
    /// Version of the registry after a change.
    Version = 22 "version";
    /// What changed, a line each.
    Changes = 23 "changes";
    /// Who administered: a socket's user, an admin's subject.
    Administrator = 24 "administrator";
    /// How many refusals a summary stands for.
    Count = 25 "count";
    /// The family of refresh tokens.
    Family = 26 "family";
    /// The name a client gave itself.
    ClientName = 27 "client_name";
    /// The endpoint that refused, in a summary of refusals.
    Endpoint = 28 "endpoint";
    /// A key of the keyring.
    Key = 29 "key";
    /// The thumbprint of the key that a token is bound to.
    ProofKey = 30 "proof_key";
}

/// One entry of the audit log, before it is sealed into a leaf.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Event {
    pub id: EventId,
    pub tenant: TenantId,
    pub kind: Kind,
    pub at: Timestamp,
    pub fields: BTreeMap<Field, String>,
}

impl Event {
    pub fn new(kind: Kind, tenant: TenantId, at: Timestamp, entropy: &mut Entropy) -> Self {
        Self { id: EventId::mint(at, entropy), tenant, kind, at, fields: BTreeMap::new() }
    }

    pub fn with(mut self, field: Field, value: impl fmt::Display) -> Self {
        self.fields.insert(field, value.to_string());
        self
    }

    pub fn with_some(self, field: Field, value: Option<impl fmt::Display>) -> Self {
        match value {
            Some(value) => self.with(field, value),
            None => self,
        }
    }

    /// The grant path, from the root down; nothing where no grant stands behind it.
    pub fn with_grants(self, path: &[GrantId]) -> Self {
        let ids: Vec<_> = path.iter().map(ToString::to_string).collect();
        self.with_some(Field::Grants, (!ids.is_empty()).then(|| ids.join(" ")))
    }

    /// The actor chain, where somebody acts for the subject.
    pub fn with_actors(self, act: Option<&Actor>) -> Self {
        self.with_some(Field::Actors, act.map(|act| serde_json::to_string(act).expect("an actor is plain data")))
    }

    pub fn field(&self, field: Field) -> Option<&str> {
        self.fields.get(&field).map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn an_event_says_the_whole_path_and_nothing_of_what_is_not_there() {
        let mut entropy = Entropy::from_bytes([7; Entropy::BYTES]);
        let tenant = TenantId::mint(Timestamp::from_millis(1), &mut entropy);
        let event = Event::new(Kind::TokenIssued, tenant, Timestamp::from_millis(1), &mut entropy);
        assert_eq!(event.clone().with_grants(&[]).with_actors(None).fields, BTreeMap::new());
        let path = [GrantId::mint(event.at, &mut entropy), GrantId::mint(event.at, &mut entropy)];
        assert_eq!(event.with_grants(&path).field(Field::Grants), Some(&*format!("{} {}", path[0], path[1])));
    }

    #[test]
    fn no_two_fields_share_a_number_and_no_two_kinds_a_name() {
        let numbers: BTreeSet<u16> = Field::ALL.iter().map(|field| field.number()).collect();
        assert_eq!(numbers.len(), Field::ALL.len());
        let names: BTreeSet<&str> = Kind::ALL.iter().map(|kind| kind.as_str()).collect();
        assert_eq!(names.len(), Kind::ALL.len());
    }
}

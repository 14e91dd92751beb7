//! Every answer of the gateway's own that is not the upstream's, in one place: what it is counted or recorded as, its row, its words,
//! and its form on the wire.
//!
//! 401 is for token trouble alone and 403 for a lack of scope (and, without a challenge, for a foreign origin): clients act on both by
//! signing in again. Whatever signing in would not cure is a JSON-RPC error, over 200 where a request waits for one.

use chancery_core::oauth::Code;
use chancery_core::{DecisionId, ScopeSet};
use chancery_policy::Denied;
use chancery_registry::SignInDemand;
use chancery_tokens::TokenTrouble;
use http::StatusCode;

use crate::memory::Full;
use crate::message::Message;
use crate::record::Outcome;

/// What counts and challenges call this endpoint.
pub const ENDPOINT: &str = "gateway";

/// Refused, and why.
#[derive(Debug)]
pub struct Refusal {
    /// One word for it, to the log and to programs.
    pub reason: &'static str,
    /// The conformance row that refuses.
    pub row: &'static str,
    /// What happened, why, and what to do.
    pub words: Box<str>,
    pub decision: Option<DecisionId>,
    pub about: Option<Box<About>>,
    pub wanted: Option<Box<Wanted>>,
    /// How a call ends that it halts on its way, where its form does not say.
    pub halts: Option<Outcome>,
    pub(crate) wire: Wire,
}

/// What a refusal says besides, each in its own place.
#[derive(PartialEq, Eq, Debug)]
pub enum Wanted {
    /// The protocol version that was asked for and is not spoken here.
    Version(String),
    /// How the person must sign in (RFC 9470).
    SignIn(SignInDemand),
    /// That the token comes by the DPoP scheme.
    Proof,
}

/// The message that a refusal is about.
#[derive(PartialEq, Eq, Debug)]
pub struct About {
    pub method: String,
    pub target: Option<String>,
}

/// How a refusal is told.
#[derive(PartialEq, Eq, Debug)]
pub(crate) enum Wire {
    /// By a challenge (RFC 6750 §3.1), with the status of its code. Without a code it says only where to begin.
    Challenge { code: Option<Code>, scope: Option<Box<ScopeSet>> },
    /// By this status, with a JSON-RPC error of this code in the body.
    Status(StatusCode, i32),
    /// By a JSON-RPC error that answers the request.
    InBand(i32),
}

/// Of JSON-RPC, and of MCP (-32020 and below it; what is ours lies in -32000 to -32019, which MCP leaves to implementations).
pub(crate) mod code {
    pub const PARSE_ERROR: i32 = -32700;
    pub const INVALID_REQUEST: i32 = -32600;
    pub const INVALID_PARAMS: i32 = -32602;
    pub const HEADER_MISMATCH: i32 = -32020;
    pub const UNSUPPORTED_VERSION: i32 = -32022;
    /// As the SDKs' servers call it.
    pub const UNKNOWN_SESSION: i32 = -32001;
    pub const REFUSED: i32 = -32010;
    pub const UPSTREAM: i32 = -32011;
    pub const UNAVAILABLE: i32 = -32012;
    /// Beside a challenge, which says more.
    pub const CHALLENGED: i32 = -32013;
}

/// Token trouble and scope.
impl Refusal {
    pub fn no_token() -> Self {
        let words = "this MCP server needs an access token: its metadata, at resource_metadata, says who issues one";
        Self::challenge("no_token", "PR-02", None, words.to_owned())
    }

    pub fn malformed_authorization() -> Self {
        let words = "the Authorization header holds no usable token: send one header, `Bearer` and the token";
        Self::challenge("malformed_authorization", "OA-20", Some(Code::InvalidRequest), words.to_owned())
    }

    pub fn two_tokens() -> Self {
        let words = "there is a token in the header and another in the body: send it in the header alone";
        Self::challenge("two_tokens", "OA-20", Some(Code::InvalidRequest), words.to_owned())
    }

    pub fn bad_token(trouble: &TokenTrouble) -> Self {
        let counted = trouble.refusal(ENDPOINT);
        if trouble.will_pass() {
            let refusal = Self::status(counted.reason, StatusCode::SERVICE_UNAVAILABLE, code::UNAVAILABLE, &trouble.to_string());
            return Self { row: counted.row, ..refusal }; // RV-05, DP-02
        }
        let wanted = trouble.wants_proof().then(|| Box::new(Wanted::Proof));
        Self { wanted, ..Self::challenge(counted.reason, counted.row, Some(trouble.code()), trouble.to_string()) }
    }

    /// The grant ended between the check of the token and the call.
    pub fn grant_ended() -> Self {
        Self::challenge(
            "grant_ended",
            "AT-01",
            Some(Code::InvalidToken),
            "what this token stands for was ended: authorize again".to_owned(),
        )
    }

    /// The same, when the call is under way.
    pub fn stream_ended() -> Self {
        let words = "what this call stands for was ended: authorize again; it may have been carried out, so look before you repeat it";
        Self { words: words.into(), ..Self::grant_ended() }.halting(Outcome::Cut)
    }

    /// Names all that is needed and what is granted already, since some clients ask for nothing else.
    pub fn insufficient_scope(needed: &ScopeSet, granted: &ScopeSet) -> Self {
        let words = format!("this call needs the scope '{}', which the token lacks: authorize again with it", needed.difference(granted));
        let code = Some(Code::InsufficientScope);
        let wire = Wire::Challenge { code, scope: Some(Box::new(needed.union(granted))) }; // MC-05
        Self { wire, ..Self::challenge("insufficient_scope", "MC-01", code, words) }
    }

    /// RFC 9470 §3. The scope stands in it as in [`Refusal::insufficient_scope`]: whoever comes again comes with all that is needed.
    pub fn insufficient_sign_in(demand: SignInDemand, needed: &ScopeSet, granted: &ScopeSet) -> Self {
        let words =
            "this call needs a more recent or a stronger sign-in than the token tells of: authorize again with max_age and acr_values";
        let code = Some(Code::InsufficientUserAuthentication);
        let wire = Wire::Challenge { code, scope: Some(Box::new(needed.union(granted))) };
        let wanted = Some(Box::new(Wanted::SignIn(demand)));
        Self { wire, wanted, ..Self::challenge("insufficient_user_authentication", "SU-01", code, words.to_owned()) }
    }

    fn challenge(reason: &'static str, row: &'static str, code: Option<Code>, words: String) -> Self {
        let wire = Wire::Challenge { code, scope: None };
        Self { reason, row, words: words.into(), decision: None, about: None, wanted: None, halts: None, wire }
    }
}

/// What is wrong with the request itself.
#[rustfmt::skip]
impl Refusal {
    pub fn foreign_origin() -> Self {
        Self::status("foreign_origin", StatusCode::FORBIDDEN, code::REFUSED, "web pages of this origin may not call this server: its operator would have to serve them beside it")
    }

    pub fn nothing_here() -> Self {
        Self::status("nothing_here", StatusCode::NOT_FOUND, code::INVALID_REQUEST, "nothing is served at this path: compare the URL with the one in the registry")
    }

    pub fn wrong_verb() -> Self {
        Self::status("wrong_verb", StatusCode::METHOD_NOT_ALLOWED, code::INVALID_REQUEST, "MCP over HTTP uses POST, GET and DELETE")
    }

    pub fn wrong_type() -> Self {
        Self::status("wrong_type", StatusCode::UNSUPPORTED_MEDIA_TYPE, code::INVALID_REQUEST, "the body is not JSON in UTF-8: send it as Content-Type: application/json")
    }

    pub fn too_large(limit: usize) -> Self {
        Self::status("too_large", StatusCode::PAYLOAD_TOO_LARGE, code::INVALID_REQUEST, &format!("the body is larger than {limit} bytes: send less in one message"))
    }

    pub fn cut_off() -> Self {
        Self::status("cut_off", StatusCode::BAD_REQUEST, code::PARSE_ERROR, "the body ended before it was complete: send it again")
    }

    pub fn not_json(why: impl AsRef<str>) -> Self {
        Self::status("not_json", StatusCode::BAD_REQUEST, code::PARSE_ERROR, &format!("the body is not JSON: {}", why.as_ref()))
    }

    pub fn invalid_request(why: impl AsRef<str>) -> Self {
        Self::status("invalid_request", StatusCode::BAD_REQUEST, code::INVALID_REQUEST, &format!("not a JSON-RPC message: {}", why.as_ref()))
    }

    pub fn invalid_params(why: impl AsRef<str>) -> Self {
        Self::status("invalid_params", StatusCode::BAD_REQUEST, code::INVALID_PARAMS, why.as_ref())
    }

    pub fn header_mismatch(header: &'static str) -> Self {
        Self::status("header_mismatch", StatusCode::BAD_REQUEST, code::HEADER_MISMATCH, &format!("the header {header} does not say what the body says: send the same in both"))
    }

    pub fn unsupported_version(requested: &str) -> Self {
        let refusal = Self::status("unsupported_version", StatusCode::BAD_REQUEST, code::UNSUPPORTED_VERSION, "this protocol version is not known here: use one of those in `supported`, or open a session with `initialize`");
        Self { wanted: Some(Box::new(Wanted::Version(brief(requested).to_owned()))), ..refusal }
    }

    pub fn no_batches() -> Self {
        Self::status("no_batches", StatusCode::BAD_REQUEST, code::INVALID_REQUEST, "the protocol version of this request has no batches: send each message by itself")
    }

    pub fn post_only() -> Self {
        Self::status("post_only", StatusCode::METHOD_NOT_ALLOWED, code::INVALID_REQUEST, "the protocol version of this request has neither streams of their own nor sessions: use POST")
    }

    pub fn compressed() -> Self {
        Self::status("compressed", StatusCode::UNSUPPORTED_MEDIA_TYPE, code::INVALID_REQUEST, "the body is compressed, and this server reads it only as it is: send it without Content-Encoding")
    }

    pub fn id_in_use() -> Self {
        Self::status("id_in_use", StatusCode::BAD_REQUEST, code::INVALID_REQUEST, "a request with this id is under way here, or was given up and may still be answered, so an answer could be either's: give each request an id of its own")
    }

    pub fn one_stream() -> Self {
        Self::status("one_stream", StatusCode::CONFLICT, code::INVALID_REQUEST, "this session has its stream open already: close that one, or end the session")
    }

    pub fn too_many_at_once(whose: &str, most: u32) -> Self {
        Self::status("too_many_at_once", StatusCode::TOO_MANY_REQUESTS, code::UNAVAILABLE, &format!("{most} requests and streams of this {whose} are under way here already, and more are not allowed: let some of them end"))
    }

    pub fn too_much_at_once(full: Full) -> Self {
        match full {
            Full::OfOne => Self::status("too_much_at_once", StatusCode::TOO_MANY_REQUESTS, code::UNAVAILABLE, "large messages of this person are under way here already, and more are not held for one: let some of them end, then send this again"),
            Full::OfAll => Self::status("too_much_at_once", StatusCode::SERVICE_UNAVAILABLE, code::UNAVAILABLE, "as many large messages are held here as may be, in all or of this tenant: the call was not sent, send it again in a moment"),
        }
    }

    pub fn no_room_for_list() -> Self {
        Self::status("no_room_for_list", StatusCode::SERVICE_UNAVAILABLE, code::UNAVAILABLE, "the list is long, and as many large messages are held here as may be, of this person or in all: let some of them end, then ask again")
    }

    pub fn unknown_session() -> Self {
        let refusal = Self::status("unknown_session", StatusCode::NOT_FOUND, code::UNKNOWN_SESSION, "no such session for this client here: start one with `initialize`, without Mcp-Session-Id");
        Self { row: "MC-07", ..refusal }
    }

    fn status(reason: &'static str, status: StatusCode, code: i32, words: &str) -> Self {
        let wire = Wire::Status(status, code);
        Self { reason, row: "", words: words.into(), decision: None, about: None, wanted: None, halts: None, wire }
    }
}

/// Refusals that no other token would cure.
impl Refusal {
    pub fn no_agent(decision: DecisionId) -> Self {
        let words = "this server serves registered agents only: the client must be bound to one and prove itself when it gets its token";
        Self::in_band("agent_required", decision, words.to_owned())
    }

    pub fn unknown_agent(decision: DecisionId) -> Self {
        Self::in_band("unknown_agent", decision, "the agent of this token is registered no longer: ask whoever runs it".to_owned())
    }

    pub fn not_mapped(decision: DecisionId) -> Self {
        let words = "this server lets only those tools pass that are mapped to a scope, and this one is not: its operator must map it";
        Self::in_band("tool_not_mapped", decision, words.to_owned())
    }

    pub fn denied(denied: &Denied) -> Self {
        let by = if denied.policies.is_empty() { "no policy allows this".to_owned() } else { denied.policies.join(", ") + " forbids this" };
        let advice = denied.advice.as_deref().unwrap_or("ask whoever administers Chancery, and name the decision");
        Self::in_band("denied_by_policy", denied.decision, format!("{by}: {advice}"))
    }

    fn in_band(reason: &'static str, decision: DecisionId, words: String) -> Self {
        let words = format!("{words} (decision {decision})");
        Self {
            reason,
            row: "",
            words: words.into(),
            decision: Some(decision),
            about: None,
            wanted: None,
            halts: None,
            wire: Wire::InBand(code::REFUSED),
        }
    }
}

/// What failed behind us. Never a 401: it is not the client's token that is at fault.
#[rustfmt::skip]
impl Refusal {
    pub fn log_unavailable() -> Self {
        Self::status("log_unavailable", StatusCode::SERVICE_UNAVAILABLE, code::UNAVAILABLE, "the audit log cannot be written, so calls stop: try again later")
    }

    pub fn keys_unavailable() -> Self {
        Self::status("keys_unavailable", StatusCode::SERVICE_UNAVAILABLE, code::UNAVAILABLE, "the keys of this tenant are not at hand: try again later")
    }

    /// The session that an answer names cannot be told to the client.
    pub fn session_unnamed() -> Self {
        Self::status("keys_unavailable", StatusCode::SERVICE_UNAVAILABLE, code::UNAVAILABLE, "the keys of this tenant were no longer at hand when the answer came, and it names a session that they keep: the call may have been carried out, so look before you repeat it").halting(Outcome::UpstreamFailed)
    }

    pub fn credential_unavailable() -> Self {
        Self::status("credential_unavailable", StatusCode::BAD_GATEWAY, code::UPSTREAM, "no credential for the MCP server behind the gateway could be had: try again later")
    }

    pub fn credential_too_large() -> Self {
        let refusal = Self::status("credential_too_large", StatusCode::BAD_GATEWAY, code::UPSTREAM, "what the MCP server behind the gateway would be told of this caller is too large: authorize with fewer scopes, or ask who runs this server, whose log says what to do");
        Self { row: "AT-05", ..refusal }
    }

    pub fn upstream_unreachable() -> Self {
        Self::status("upstream_unreachable", StatusCode::BAD_GATEWAY, code::UPSTREAM, "the MCP server behind the gateway did not answer: try again later, or ask its operator")
    }

    pub fn upstream_broke_off() -> Self {
        Self::status("upstream_broke_off", StatusCode::BAD_GATEWAY, code::UPSTREAM, "the MCP server behind the gateway broke off: the call may have been carried out, so look before you repeat it")
    }

    pub fn upstream_resting() -> Self {
        Self::status("upstream_resting", StatusCode::BAD_GATEWAY, code::UPSTREAM, "the MCP server behind the gateway failed several times and is left alone for a moment: the call was not sent, try again in half a minute")
    }

    pub fn upstream_replaced() -> Self {
        Self::status("upstream_replaced", StatusCode::SERVICE_UNAVAILABLE, code::UNAVAILABLE, "the MCP server behind the gateway was just replaced by another: the call was not sent, send it again")
    }

    pub fn rules_changed() -> Self {
        Self::status("rules_changed", StatusCode::SERVICE_UNAVAILABLE, code::UNAVAILABLE, "what holds for this MCP server was changed just now, while the call waited: it was not sent, send it again")
    }

    pub fn upstream_compressed() -> Self {
        Self::status("upstream_compressed", StatusCode::BAD_GATEWAY, code::UPSTREAM, "the MCP server behind the gateway compressed its answer, unasked: the call may have been carried out, and its operator must switch compression off")
    }

    pub fn stream_silent() -> Self {
        Self::status("stream_silent", StatusCode::GATEWAY_TIMEOUT, code::UPSTREAM, "the MCP server behind the gateway said nothing for too long: the call may have been carried out, so look before you repeat it").halting(Outcome::TimedOut)
    }

    pub fn stream_unsure() -> Self {
        Self::status("feed_lost", StatusCode::SERVICE_UNAVAILABLE, code::UNAVAILABLE, "whether this call may go on cannot be said now, since this server hears nothing from its database: the call may have been carried out, so look before you repeat it").halting(Outcome::TimedOut)
    }

    pub fn stream_long() -> Self {
        Self::status("stream_long", StatusCode::GATEWAY_TIMEOUT, code::UPSTREAM, "this answer lasted longer than the gateway allows: the call may have been carried out, so look before you repeat it").halting(Outcome::TimedOut)
    }

    pub fn node_stopped() -> Self {
        Self::status("node_stopped", StatusCode::SERVICE_UNAVAILABLE, code::UNAVAILABLE, "this gateway stops, and there was no answer by then: the call may have been carried out, so look before you repeat it").halting(Outcome::Stopped)
    }

    pub fn upstream_refused_us() -> Self {
        Self::status("upstream_refused_us", StatusCode::BAD_GATEWAY, code::UPSTREAM, "the MCP server behind the gateway refused the gateway's credential: its operator must let it in")
    }

    pub fn list_unreadable() -> Self {
        Self::status("list_unreadable", StatusCode::BAD_GATEWAY, code::UPSTREAM, "the list of the MCP server behind the gateway is too long, of a type that MCP does not have, or cannot be read: its operator must look at it")
    }

    pub fn upstream_redirected() -> Self {
        Self::status("upstream_redirected", StatusCode::BAD_GATEWAY, code::UPSTREAM, "the MCP server behind the gateway pointed elsewhere, which is not followed: its operator must register the right URL")
    }
}

impl Refusal {
    /// The same, of this message.
    pub fn of(self, message: &Message<'_>) -> Self {
        let method = message.method.as_deref().unwrap_or(message.known.name);
        let about = About { method: brief(method).to_owned(), target: message.target.as_deref().map(|target| brief(target).to_owned()) };
        Self { about: Some(Box::new(about)), ..self }
    }

    /// The same, as what halts a call on its way.
    fn halting(self, outcome: Outcome) -> Self {
        Self { halts: Some(outcome), ..self }
    }

    /// The same as an answer, over 200. Who is refused by a status cures it and sends the request again, and this one may have been
    /// carried out.
    pub fn in_answer(self) -> Self {
        let code = match self.wire {
            Wire::Challenge { .. } => code::CHALLENGED,
            Wire::Status(_, code) | Wire::InBand(code) => code,
        };
        Self { wire: Wire::InBand(code), ..self }
    }

    /// The client should come back with more than a refresh brings.
    pub(crate) const fn asks_to_authorize_anew(&self) -> bool {
        matches!(self.wire, Wire::Challenge { code: Some(Code::InsufficientScope | Code::InsufficientUserAuthentication), .. })
    }

    /// A failure of ours: who called is not to blame, and the log may be what failed.
    pub(crate) const fn is_ours(&self) -> bool {
        matches!(self.wire, Wire::Status(StatusCode::SERVICE_UNAVAILABLE, _))
    }

    /// What it makes of a call that was opened already.
    pub(crate) const fn outcome(&self) -> Outcome {
        if let Some(outcome) = self.halts {
            return outcome;
        }
        match self.wire {
            Wire::Challenge { code: Some(Code::InvalidToken), .. } => Outcome::Cut,
            Wire::InBand(_) => Outcome::Denied,
            _ if self.is_ours() => Outcome::Refused,
            _ => Outcome::UpstreamFailed,
        }
    }
}

/// What a peer named, short enough to be written down.
pub fn brief(text: &str) -> &str {
    let end = text.char_indices().nth(256).map_or(text.len(), |(at, _)| at);
    &text[..end]
}

//! What events of calls say: who, with what authority, did what, where.

use chancery_core::{Caller, Entropy, Event, Field, Kind, Timestamp, TokenId};
use chancery_crypto::digest;
use chancery_policy::Permit;
use http::HeaderMap;

use crate::message::Message;
use crate::refusal::{Refusal, brief};

/// A call is about to go out.
pub fn opened(message: &Message<'_>, permit: &Permit, who: Who<'_>, at: Timestamp, entropy: &mut Entropy) -> Event {
    who.event(Kind::CallOpened, at, entropy)
        .with(Field::Method, message.known.name)
        .with_some(Field::Target, message.target.as_deref().map(brief))
        .with_some(Field::InputsDigest, message.arguments.map(|arguments| digest::hex(&digest::sha256(arguments.get().as_bytes()))))
        .with(Field::Decision, permit.decision())
}

/// A live token was refused.
pub fn refused(refusal: &Refusal, who: Who<'_>, at: Timestamp, entropy: &mut Entropy) -> Event {
    let about = refusal.about.as_deref();
    let row = Some(refusal.row).filter(|row| !row.is_empty());
    who.event(Kind::CallRefused, at, entropy)
        .with(Field::Reason, refusal.reason)
        .with_some(Field::Row, row)
        .with_some(Field::Method, about.map(|about| &about.method))
        .with_some(Field::Target, about.and_then(|about| about.target.as_ref()))
        .with_some(Field::Decision, refusal.decision)
}

/// Whose doing an event is.
#[derive(Clone, Copy)]
pub struct Who<'a> {
    pub caller: &'a Caller,
    pub token: TokenId,
    /// The URL of the resource that was called.
    pub resource: &'a str,
    pub headers: &'a HeaderMap,
}

impl Who<'_> {
    fn event(self, kind: Kind, at: Timestamp, entropy: &mut Entropy) -> Event {
        let caller = self.caller;
        Event::new(kind, caller.tenant, at, entropy)
            .with(Field::Subject, &caller.subject)
            .with(Field::Client, &caller.client)
            .with_some(Field::Agent, caller.agent)
            .with_actors(caller.act.as_ref())
            .with(Field::Resource, self.resource)
            .with(Field::Scope, &caller.scope)
            .with_grants(&caller.grants)
            .with(Field::Token, self.token)
            .with_some(Field::Trace, trace_id(self.headers))
    }
}

/// The trace of a `traceparent` header (W3C Trace Context §3.2): `version-traceid-parentid-flags`.
fn trace_id(headers: &HeaderMap) -> Option<&str> {
    let id = headers.get("traceparent")?.to_str().ok()?.split('-').nth(1)?;
    let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    (id.len() == 32 && id.bytes().all(is_hex)).then_some(id)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn a_trace_is_read_and_garbage_is_not() {
        let trace = |value: &'static str| {
            let headers = [(http::HeaderName::from_static("traceparent"), HeaderValue::from_static(value))].into_iter().collect();
            trace_id(&headers).map(str::to_owned)
        };
        let id = "0af7651916cd43dd8448eb211c80319c";
        assert_eq!(trace("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01").as_deref(), Some(id));
        for bad in ["", "00", "00-xyz-1-1", "00-0AF7651916CD43DD8448EB211C80319C-1-1", "00-0af7-1-1"] {
            assert_eq!(trace(bad), None, "{bad}");
        }
    }
}

//! Which of MCP's two eras a request belongs to (MCP 2026-07-28, Versioning): `MCP-Protocol-Version` says it.
//!
//! Up to 2025-11-25 a client opens a session with `initialize`; from 2026-07-28 on every request stands alone and its headers mirror its
//! body. A version that nobody here knows is refused: whether what we judge is what it means by a call, we could not say (MCP
//! 2026-07-28, Streamable HTTP, the last note on server validation).

use http::{HeaderMap, HeaderName};

use crate::refusal::Refusal;

pub const HEADER: HeaderName = HeaderName::from_static("mcp-protocol-version");

/// What a client that named another version is told to speak. The versions of sessions are agreed on by `initialize`.
pub const SPOKEN: &[&str] = &[STATELESS];
const STATELESS: &str = "2026-07-28";
/// Newest first, with whether they have batches: only 2025-03-26 and what came before it.
const SESSIONS: &[(&str, bool)] = &[("2025-11-25", false), ("2025-06-18", false), ("2025-03-26", true), ("2024-11-05", true)];

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Era {
    Sessions {
        batches: bool,
    },
    /// Without sessions, streams of their own and batches.
    Stateless,
}

impl Era {
    /// Before 2025-06-18 nobody sent the header, and `initialize` comes without it (MCP 2025-11-25, Transports, Protocol Version Header).
    pub const UNNAMED: Self = Self::Sessions { batches: true };

    /// # Errors
    /// The header names a version that is not known here, or several.
    pub fn of(headers: &HeaderMap) -> Result<Self, Refusal> {
        let mut values = headers.get_all(HEADER).iter();
        let Some(value) = values.next() else { return Ok(Self::UNNAMED) };
        if values.next().is_some() {
            return Err(Refusal::header_mismatch("mcp-protocol-version")); // mcp_1a_15
        }
        let named = value.to_str().unwrap_or("(not text)");
        match SESSIONS.iter().find(|(version, _)| *version == named) {
            Some((_, batches)) => Ok(Self::Sessions { batches: *batches }),
            None if named == STATELESS => Ok(Self::Stateless),
            None => Err(Refusal::unsupported_version(named)), // mcp_1a_15
        }
    }

    pub fn is_stateless(self) -> bool {
        self == Self::Stateless
    }

    pub const fn has_batches(self) -> bool {
        matches!(self, Self::Sessions { batches: true })
    }
}

/// Whether a body that names this version belongs to the era whose headers mirror the body.
pub fn is_of_sessions(version: &str) -> bool {
    SESSIONS.iter().any(|(known, _)| *known == version)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;
    use crate::refusal::Wanted;

    fn version_of(refusal: &Refusal) -> Option<String> {
        match refusal.wanted.as_deref() {
            Some(Wanted::Version(version)) => Some(version.clone()),
            _ => None,
        }
    }

    fn era(values: &[&'static str]) -> Result<Era, (&'static str, Option<String>)> {
        let headers = values.iter().map(|value| (HEADER, HeaderValue::from_static(value))).collect();
        Era::of(&headers).map_err(|refusal| (refusal.reason, version_of(&refusal)))
    }

    #[test]
    fn mcp_1a_15_a_version_is_of_one_era_or_it_is_not_supported() {
        assert_eq!(era(&[]), Ok(Era::Sessions { batches: true }));
        assert_eq!(era(&["2025-03-26"]), Ok(Era::Sessions { batches: true }));
        assert_eq!(era(&["2025-11-25"]), Ok(Era::Sessions { batches: false }));
        assert_eq!(era(&["2026-07-28"]), Ok(Era::Stateless));
        for unknown in ["1900-01-01", "2026-07-29", "", "2026-07-28 ", "2026-07-28, 2025-11-25"] {
            assert_eq!(era(&[unknown]), Err(("unsupported_version", Some(unknown.to_owned()))), "{unknown}");
        }
        assert_eq!(era(&["2026-07-28", "2026-07-28"]), Err(("header_mismatch", None)));
    }
}

//! Resource identifiers (RFC 8707 §2, RFC 9728 §1.2): absolute http(s) URLs without a fragment, compared as strings.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize};

/// The public URL of a resource, exactly as written: what clients configure, what `aud` says.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize)]
#[serde(transparent)]
pub struct ResourceUrl(String);

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a resource is an absolute http or https URL without a fragment")]
pub struct ResourceUrlError;

impl ResourceUrl {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a client that wrote `asked` meant this resource: the same string, or the same but for the empty path that some
    /// clients write as `/`. Nothing else is forgiven (RI-04).
    pub fn is_meant_by(&self, asked: &str) -> bool {
        self.0 == asked || (without_root_slash(&self.0) == without_root_slash(asked))
    }
}

impl FromStr for ResourceUrl {
    type Err = ResourceUrlError;

    fn from_str(text: &str) -> Result<Self, ResourceUrlError> {
        let url = url::Url::parse(text).map_err(|_| ResourceUrlError)?;
        let absolute = matches!(url.scheme(), "http" | "https") && url.has_host() && url.username().is_empty() && url.password().is_none();
        if absolute && !text.contains('#') { Ok(Self(text.to_owned())) } else { Err(ResourceUrlError) }
    }
}

impl fmt::Display for ResourceUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for ResourceUrl {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map_err(serde::de::Error::custom)
    }
}

/// The text without its last slash, where that slash is the whole path.
fn without_root_slash(text: &str) -> &str {
    match text.split_once("://") {
        Some((_, rest)) if rest.find('/') == Some(rest.len().wrapping_sub(1)) => &text[..text.len() - 1],
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ri_01_a_resource_is_absolute_and_has_no_fragment() {
        assert!("https://gw.example/mcp/bank".parse::<ResourceUrl>().is_ok());
        for bad in ["", "/mcp/bank", "mcp", "urn:x:y", "https://gw.example/mcp#x", "https://gw.example/mcp#", "https://u:p@gw.example/"] {
            assert!(bad.parse::<ResourceUrl>().is_err(), "{bad}");
        }
    }

    #[test]
    fn ri_04_only_the_empty_path_may_be_written_in_two_ways() {
        let root: ResourceUrl = "https://gw.example".parse().expect("a URL");
        assert!(root.is_meant_by("https://gw.example/"));
        let bank: ResourceUrl = "https://gw.example/mcp/bank".parse().expect("a URL");
        for other in [
            "https://gw.example/mcp/bank/",
            "https://GW.example/mcp/bank",
            "https://gw.example:443/mcp/bank",
            "https://gw.example/mcp/bank?x",
        ] {
            assert!(!bank.is_meant_by(other), "{other}");
        }
    }
}

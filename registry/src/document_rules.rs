//! Which clients may be known by a document, and where such documents may lie: the tenant's rules, as data (CI-10).

use std::collections::BTreeMap;

use chancery_core::ClientId;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::client_document::{DocumentFault, fault};

/// Nobody is known by a document unless the file says so.
///
/// A place in these lists is a host (`app.example`), all hosts below one (`*.app.example`), or one whole address of a document: a company
/// may publish a client that it hosts beside one that runs on anybody's computer.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DocumentRules {
    pub enabled: bool,
    /// The only places, where there is such a list; an empty one leaves what is pinned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allow: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub block: Vec<String>,
    /// Places that may be in the company's own network. A host stands there for one port: the one written behind it, or else 443.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub private: Vec<String>,
    /// Documents as they are, by their address: nothing is fetched for these.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub pinned: BTreeMap<String, String>,
}

impl DocumentRules {
    pub(crate) fn admit(&self, id: &ClientId, url: &Url) -> Result<(), DocumentFault> {
        let listed = |list: &Vec<String>| covers(list, id, url);
        if listed(&self.block) {
            return Err(fault("CI-10", "is at a place that the administrators of this server have blocked"));
        }
        if !self.allow.as_ref().is_none_or(listed) {
            return Err(fault("CI-10", "is at no place that the administrators of this server have allowed"));
        }
        Ok(())
    }

    pub(crate) fn may_be_private(&self, id: &ClientId, url: &Url) -> bool {
        self.private.iter().any(|entry| {
            let (place, port) = without_port(entry);
            entry == id.as_str() || covers(&[place.to_owned()], id, url) && url.port_or_known_default() == Some(port)
        })
    }

    pub(crate) fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// A host and its port, as a list of private places has them.
pub(crate) fn without_port(entry: &str) -> (&str, u16) {
    let split = entry.rsplit_once(':').and_then(|(host, port)| Some((host, port.parse().ok()?)));
    split.filter(|(host, _)| !host.contains("//")).unwrap_or((entry, 443))
}

fn covers(list: &[String], id: &ClientId, url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    list.iter().any(|place| match place.strip_prefix("*.") {
        Some(domain) => host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.')),
        None => place == host || place == id.as_str(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ci_04_a_private_place_is_one_port_of_a_host() {
        let private = |places: &[&str], id: &str| {
            let private = places.iter().map(|place| (*place).to_owned()).collect();
            DocumentRules { private, ..DocumentRules::default() }.may_be_private(&ClientId::claimed(id), &Url::parse(id).expect("a URL"))
        };
        assert!(private(&["apps.corp.example"], "https://apps.corp.example/c"));
        for other in ["https://apps.corp.example:8443/c", "https://apps.corp.example:22/c", "https://x.apps.corp.example/c"] {
            assert!(!private(&["apps.corp.example"], other), "{other}");
        }
        assert!(private(&["apps.corp.example:8443"], "https://apps.corp.example:8443/c"));
        assert!(!private(&["apps.corp.example:8443"], "https://apps.corp.example/c"));
        assert!(private(&["*.corp.example:8443"], "https://apps.corp.example:8443/c"));
        assert!(private(&["[::1]:8443"], "https://[::1]:8443/c") && !private(&["[::1]"], "https://[::1]:8443/c"));
        let one = "https://apps.corp.example:9443/c";
        assert!(private(&[one], one) && !private(&[one], "https://apps.corp.example:9443/d"));
    }

    #[test]
    fn ci_10_a_list_names_hosts_domains_and_single_documents() {
        let rules = |allow: Option<&[&str]>, block: &[&str]| {
            let owned = |list: &[&str]| list.iter().map(|place| (*place).to_owned()).collect();
            DocumentRules { enabled: true, allow: allow.map(owned), block: owned(block), ..DocumentRules::default() }
        };
        let admits = |rules: DocumentRules, id: &str| rules.admit(&ClientId::claimed(id), &Url::parse(id).expect("a URL")).is_ok();

        assert!(admits(rules(None, &[]), "https://any.example/c"));
        assert!(!admits(rules(Some(&[]), &[]), "https://any.example/c"));
        assert!(admits(rules(Some(&["app.example"]), &[]), "https://app.example:8443/c"));
        assert!(!admits(rules(Some(&["app.example"]), &[]), "https://x.app.example/c"));
        assert!(!admits(rules(Some(&["app.example"]), &[]), "https://app.example.evil.example/c"));
        assert!(admits(rules(Some(&["*.app.example"]), &[]), "https://x.app.example/c"));
        assert!(!admits(rules(Some(&["*.app.example"]), &[]), "https://xapp.example/c"));
        let hosted = "https://claude.ai/oauth/mcp-oauth-client-metadata";
        assert!(admits(rules(Some(&[hosted]), &[]), hosted));
        assert!(!admits(rules(Some(&[hosted]), &[]), "https://claude.ai/oauth/claude-code-client-metadata"));
        assert!(!admits(rules(Some(&["app.example"]), &["https://app.example/bad"]), "https://app.example/bad"));
        assert!(admits(rules(None, &["https://app.example/bad"]), "https://app.example/good"));
        assert!(!admits(rules(None, &["*.evil.example"]), "https://a.evil.example/c"));
    }
}

//! Where the gateway forwards to, and what an operator says of it: its addresses, what it is shown, whom it is believed by, its limits.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use chancery_core::Secret;
use chancery_crypto::digest;
use chancery_crypto::jose::Algorithm;
use serde::{Deserialize, Serialize};

/// What stands behind a resource.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Upstream {
    /// Its address; of a child process, `stdio:` and the resource's name.
    pub url: String,
    /// The `aud` of the tokens that it is sent.
    pub audience: String,
    /// Further addresses of the same server.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub replicas: Vec<String>,
    #[serde(skip_serializing_if = "is_default", default)]
    pub credential: UpstreamAuth,
    /// What the tokens are signed with that it is sent.
    #[serde(skip_serializing_if = "is_default", default)]
    pub token_signing_alg: Algorithm,
    #[serde(skip_serializing_if = "is_default", default)]
    pub tls: UpstreamTls,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub stdio: Option<Stdio>,
    #[serde(skip_serializing_if = "is_default", default)]
    pub limits: UpstreamLimits,
    /// Never a part of the definition: they are sealed beside it.
    #[serde(skip)]
    pub secrets: UpstreamSecrets,
}

/// What the gateway shows it.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UpstreamAuth {
    /// A token of ours, made for it alone.
    #[default]
    Token,
    /// Nothing: it believes whoever reaches it.
    Nothing,
    /// A header of this name, whose value is secret.
    Header(String),
}

/// How it proves who it is, and what the gateway proves of itself; both in PEM, and public.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UpstreamTls {
    /// The authorities that may vouch for it, instead of the node's.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub authority: Option<String>,
    /// The gateway's own certificate and its chain.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub certificate: Option<String>,
}

/// A server that is run as a child process and spoken to over its standard input and output. There is no shell.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stdio {
    /// An absolute path.
    pub command: String,
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub args: Vec<String>,
    /// What of its environment is no secret.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub settings: BTreeMap<String, String>,
    /// Where it runs.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub folder: Option<String>,
    /// So many at once, on one node.
    pub most: u32,
}

/// How long it may take, and how much one caller may have under way.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct UpstreamLimits {
    /// For a connection.
    #[serde(with = "crate::duration")]
    pub connect: Duration,
    /// From when there is a connection until the answer begins.
    #[serde(with = "crate::duration")]
    pub first_byte: Duration,
    /// Between two pieces of an answer; a child process without a request is ended after it.
    #[serde(with = "crate::duration")]
    pub idle: Duration,
    /// For a whole answer.
    #[serde(with = "crate::duration")]
    pub absolute: Duration,
    /// Requests and streams at once: of one subject, and of one client.
    pub per_subject: u32,
    pub per_client: u32,
}

/// What of an upstream is secret.
#[derive(Clone, Default)]
pub struct UpstreamSecrets(Arc<Inside>);

#[derive(Default)]
struct Inside {
    header: Option<Secret<String>>,
    key: Option<Secret<String>>,
    env: BTreeMap<String, Secret<String>>,
}

impl Upstream {
    /// One that is shown a token, with everything as it is unless told.
    pub fn at(url: impl Into<String>, audience: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            audience: audience.into(),
            replicas: Vec::new(),
            credential: UpstreamAuth::default(),
            token_signing_alg: Algorithm::default(),
            tls: UpstreamTls::default(),
            stdio: None,
            limits: UpstreamLimits::default(),
            secrets: UpstreamSecrets::default(),
        }
    }

    /// Whether the two differ in their limits at most: it is the same server, and asked in the same way.
    pub fn is_but_for_limits(&self, other: &Self) -> bool {
        *self == Self { limits: self.limits.clone(), ..other.clone() }
    }

    /// All of its addresses, the first one first.
    pub fn addresses(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&self.url).chain(&self.replicas).map(String::as_str)
    }
}

impl Default for UpstreamLimits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            first_byte: Duration::from_mins(10),
            idle: Duration::from_hours(1),
            absolute: Duration::from_hours(24),
            per_subject: 256,
            per_client: 4096,
        }
    }
}

impl UpstreamSecrets {
    pub fn new(header: Option<Secret<String>>, key: Option<Secret<String>>, env: BTreeMap<String, Secret<String>>) -> Self {
        Self(Arc::new(Inside { header, key, env }))
    }

    /// The value of the header that it is shown.
    pub fn header(&self) -> Option<&Secret<String>> {
        self.0.header.as_ref()
    }

    /// The key of the gateway's certificate.
    pub fn key(&self) -> Option<&Secret<String>> {
        self.0.key.as_ref()
    }

    /// What of a child's environment is secret.
    pub fn env(&self) -> &BTreeMap<String, Secret<String>> {
        &self.0.env
    }

    pub fn is_empty(&self) -> bool {
        self.0.header.is_none() && self.0.key.is_none() && self.0.env.is_empty()
    }

    /// As the store seals them.
    pub(crate) fn to_text(&self) -> Secret<String> {
        let open = Opened {
            header: self.0.header.as_ref().map(|secret| secret.expose().clone()),
            key: self.0.key.as_ref().map(|secret| secret.expose().clone()),
            env: self.0.env.iter().map(|(name, secret)| (name.clone(), secret.expose().clone())).collect(),
        };
        Secret::new(serde_json::to_string(&open).expect("texts serialise"))
    }

    pub(crate) fn of_text(text: &Secret<String>) -> Option<Self> {
        let Opened { header, key, env } = serde_json::from_str(text.expose()).ok()?;
        let env = env.into_iter().map(|(name, secret)| (name, Secret::new(secret))).collect();
        Some(Self::new(header.map(Secret::new), key.map(Secret::new), env))
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Opened {
    header: Option<String>,
    key: Option<String>,
    env: BTreeMap<String, String>,
}

/// Whether they are the same, in constant time.
impl PartialEq for UpstreamSecrets {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || digest::same(self.to_text().expose().as_bytes(), other.to_text().expose().as_bytes())
    }
}

impl Eq for UpstreamSecrets {}

/// Names alone.
impl fmt::Debug for UpstreamSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inside { header, key, env } = &*self.0;
        let shown = f.debug_struct("UpstreamSecrets").field("header", &header.is_some()).field("key", &key.is_some()).finish();
        shown.and_then(|()| f.debug_set().entries(env.keys()).finish())
    }
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mc_02_secrets_are_no_part_of_what_is_shown() {
        let env = BTreeMap::from([("TOKEN".to_owned(), Secret::new("hunter3".to_owned()))]);
        let secrets = UpstreamSecrets::new(Some(Secret::new("hunter2".to_owned())), None, env);
        let upstream = Upstream { secrets: secrets.clone(), ..Upstream::at("https://u.example", "https://u.example") };
        let shown = format!("{upstream:?} {}", serde_json::to_string(&upstream).expect("JSON"));
        assert!(!shown.contains("hunter"), "{shown}");
        assert!(UpstreamSecrets::of_text(&secrets.to_text()).as_ref() == Some(&secrets));
        assert!(secrets != UpstreamSecrets::default());
    }

    #[test]
    fn what_was_written_before_there_was_more_to_say_is_still_read() {
        let read: Upstream = serde_json::from_str(r#"{"url":"https://u.example","audience":"https://u.example"}"#).expect("as it was");
        assert_eq!(read, Upstream::at("https://u.example", "https://u.example"));
        assert!(serde_json::from_str::<Upstream>(r#"{"url":"https://u.example","audience":"https://u.example","pin":"x"}"#).is_err());
    }
}

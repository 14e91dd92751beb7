//! What a node tells about itself: where its metrics are read, and where its traces go.

use std::fmt;
use std::net::SocketAddr;

use chancery_core::Secret;

use super::problem::Complaint;
use super::reader::Section;
use super::secret::{Secrets, secret};
use super::server::address;

/// Traces of one request in so many is the least.
const RAREST: u32 = 1_000_000;

/// A listener of its own, since what it says is not for whoever reaches the server.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MetricsConfig {
    pub listen: SocketAddr,
}

/// Where spans are sent (OTLP over HTTP), and how many.
#[derive(Clone)]
pub struct TracesConfig {
    pub endpoint: String,
    /// Of the requests that come without a trace, one in so many gets one. Who is known and sends one says whether it is kept; of strangers'
    /// no more are kept than one in so many.
    pub one_in: u32,
    /// `name=value, name=value`, such as a collector wants for its authorization.
    pub headers: Option<Secret<String>>,
}

impl fmt::Debug for TracesConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TracesConfig").field("endpoint", &self.endpoint).field("one_in", &self.one_in).finish_non_exhaustive()
    }
}

pub(super) fn metrics(section: &mut Section<'_>) -> Option<MetricsConfig> {
    let listen = section.required("listen", "listen: 127.0.0.1:9464", |cursor| cursor.parsed(address));
    Some(MetricsConfig { listen: listen? })
}

pub(super) fn traces(section: &mut Section<'_>, secrets: Secrets<'_>) -> Option<TracesConfig> {
    let endpoint = section.required("endpoint", "endpoint: http://127.0.0.1:4318/v1/traces", |cursor| cursor.parsed(endpoint));
    let one_in = section.optional("one_in", "one_in: 10", |cursor| cursor.number(RAREST));
    let headers = section.optional("headers", "headers: env:CHANCERY_TRACES_HEADERS", |cursor| secret(cursor, secrets, 0));
    Some(TracesConfig { endpoint: endpoint?, one_in: one_in?.unwrap_or(1), headers: headers? })
}

/// The whole address, with its path: nothing is added to it.
fn endpoint(text: &str) -> Result<String, Complaint> {
    let sound = url::Url::parse(text).is_ok_and(|url| {
        matches!(url.scheme(), "http" | "https") && url.has_host() && url.username().is_empty() && url.password().is_none()
    });
    let complaint =
        || Complaint::new(format!("`{text}` is not the address of a collector"), "write it like http://127.0.0.1:4318/v1/traces");
    sound.then(|| text.to_owned()).ok_or_else(complaint)
}

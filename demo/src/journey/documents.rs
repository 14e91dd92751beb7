//! What a client reads on the way: the parts of each document that it needs, and what makes it stop.

use http::header::WWW_AUTHENTICATE;
use serde::Deserialize;
use serde_json::Value;

use super::ask::Answer;

/// The challenge of a 401 (RFC 9728 §5.1).
pub struct Challenge {
    pub metadata: String,
    pub scope: String,
}

/// Protected resource metadata (RFC 9728 §2).
#[derive(Deserialize)]
pub struct Resource {
    pub resource: String,
    pub authorization_servers: Vec<String>,
}

/// Authorization server metadata (RFC 8414 §2).
#[derive(Deserialize)]
pub struct Issuer {
    pub issuer: String,
    pub authorization_endpoint: String,
    pub token_endpoint: String,
    pub registration_endpoint: String,
    pub code_challenge_methods_supported: Vec<String>,
}

/// A registration's answer (RFC 7591 §3.2.1).
#[derive(Deserialize)]
pub struct Registered {
    pub client_id: String,
}

#[derive(Deserialize)]
pub struct Tokens {
    pub access_token: String,
    pub expires_in: i64,
}

impl Challenge {
    pub fn read(answer: &Answer) -> Result<Self, String> {
        let header = answer.header(&WWW_AUTHENTICATE).ok_or("there is no WWW-Authenticate")?;
        let parameter = |name: &str| header.split_once(&format!("{name}=\""))?.1.split('"').next().map(str::to_owned);
        let metadata = parameter("resource_metadata").ok_or("the challenge names no resource_metadata")?;
        Ok(Self { metadata, scope: parameter("scope").unwrap_or_default() })
    }
}

impl Resource {
    /// Only if it speaks of the server that was called (PR-06).
    pub fn read(answer: &Answer, server: &str) -> Result<Self, String> {
        let resource: Self = answer.json()?;
        match () {
            () if resource.resource != server => Err(format!("it speaks of {}", resource.resource)),
            () if resource.authorization_servers.is_empty() => Err("it names no issuer".into()),
            () => Ok(resource),
        }
    }
}

impl Issuer {
    /// Only if it speaks of the issuer that was named (MD-07), and of PKCE.
    pub fn read(answer: &Answer, named: &str) -> Result<Self, String> {
        let issuer: Self = answer.json()?;
        match () {
            () if issuer.issuer != named => Err(format!("it speaks of {}", issuer.issuer)),
            () if !issuer.code_challenge_methods_supported.iter().any(|method| method == "S256") => Err("it has no PKCE by S256".into()),
            () => Ok(issuer),
        }
    }
}

/// The tool's first words, in an answer of one JSON-RPC message.
pub fn said(answer: &Answer) -> Result<String, String> {
    let message: Value = answer.json()?;
    let text = message["result"]["content"][0]["text"].as_str();
    text.map(str::to_owned).ok_or_else(|| format!("the tool did not answer: {message}"))
}

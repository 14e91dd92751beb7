//! The first steps of whoever sets a server up: which identity provider it is, what to register there, the file, and whether somebody can
//! sign in.

pub mod answers;
pub mod file;
pub mod kind;
pub mod sign_in;

mod check;

use serde_json::Value;

use crate::doctor::Visitor;
use crate::exit::{Exit, Failure};

/// An identity provider's metadata, at the issuer that was named.
///
/// # Errors
/// [`Exit::Provider`]: it does not answer, or answers for another.
pub async fn metadata(visitor: &Visitor, issuer: &str) -> Result<(String, Value), Failure> {
    let issuer = issuer.trim_end_matches("/.well-known/openid-configuration");
    let address = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
    let document = visitor.get(&address).await.and_then(|seen| seen.document()).map_err(|why| {
        Failure::new(Exit::Provider, "the identity provider's metadata cannot be read").because(format!("{address}: {why}")).remedy(
            "give the provider's issuer: its address without /.well-known/openid-configuration, such as https://idp.example/realms/corp",
        )
    })?;
    let named = document["issuer"].as_str().unwrap_or_default().to_owned();
    // A slash at the end is all that people get wrong without meaning somebody else.
    if named.trim_end_matches('/') == issuer.trim_end_matches('/') {
        return Ok((named, document));
    }
    Err(Failure::new(Exit::Provider, "this is another identity provider's metadata")
        .because(format!("{address} calls itself {named:?}"))
        .remedy("if that is the one you mean, give that address"))
}

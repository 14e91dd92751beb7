//! The token endpoint as the command line uses it: a code for tokens, a refresh token for new ones, and giving them back at the end.

use chancery_core::{Clock as _, SystemClock};
use chancery_outbound::{Fetched, Fetcher, Purpose};
use chancery_registry::CLI_CLIENT;
use serde::Deserialize;

use super::discovery::Found;
use super::{Login, fetcher, unreachable};
use crate::exit::{Exit, Failure};

#[derive(Deserialize)]
struct Granted {
    access_token: String,
    expires_in: i64,
    #[serde(default)]
    scope: String,
    refresh_token: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Refused {
    error: String,
    error_description: String,
}

pub(super) async fn redeem(fetcher: &Fetcher, found: &Found, code: &str, verifier: &str, redirect_uri: &str) -> Result<Login, Failure> {
    let fields = [
        ("grant_type", "authorization_code"),
        ("code", code),
        ("code_verifier", verifier),
        ("redirect_uri", redirect_uri),
        ("resource", &found.admin),
    ];
    let granted = granted(&post(fetcher, &found.token_endpoint, &fields).await?)?;
    let login = Login {
        issuer: found.issuer.clone(),
        admin: found.admin.clone(),
        token_endpoint: found.token_endpoint.clone(),
        revocation_endpoint: found.revocation_endpoint.clone(),
        scope: String::new(),
        access_token: String::new(),
        refresh_token: None,
        ends_at: 0,
    };
    Ok(login.with(granted))
}

/// New tokens for those of a login that are about to end.
pub(super) async fn renewed(fetcher: &Fetcher, login: &Login) -> Result<Login, Failure> {
    let again = |why: String| {
        Failure::new(Exit::Refused, "your login has ended")
            .because(why)
            .remedy(format!("log in again: `chancery login` at {}", login.issuer))
    };
    let token = login.refresh_token.as_deref().ok_or_else(|| again("it cannot be renewed".to_owned()))?;
    let fetched = post(fetcher, &login.token_endpoint, &[("grant_type", "refresh_token"), ("refresh_token", token)]).await?;
    let granted = granted(&fetched).map_err(|failure| if fetched.status.as_u16() < 500 { again(failure.why) } else { failure })?;
    Ok(login.clone().with(granted))
}

/// Gives a login's tokens back (RFC 7009): the refresh token, and with it all that came of it.
///
/// # Errors
/// [`Exit::Server`], where the server did not say yes: then the login goes on there.
pub async fn log_out(login: &Login) -> Result<(), Failure> {
    let token = login.refresh_token.as_deref().unwrap_or(&login.access_token);
    let fetched = post(&fetcher()?, &login.revocation_endpoint, &[("token", token)]).await?;
    if fetched.status.is_success() { Ok(()) } else { Err(odd(&fetched)) }
}

async fn post(fetcher: &Fetcher, url: &str, fields: &[(&str, &str)]) -> Result<Fetched, Failure> {
    let form = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).append_pair("client_id", CLI_CLIENT).finish();
    fetcher.post_form(Purpose::Administration, url, &[], form).await.map_err(|error| unreachable(&error))
}

fn granted(fetched: &Fetched) -> Result<Granted, Failure> {
    if !fetched.status.is_success() {
        return Err(odd(fetched));
    }
    serde_json::from_slice(&fetched.body).map_err(|error| Failure::new(Exit::Server, "the server's tokens cannot be read").because(error))
}

fn odd(fetched: &Fetched) -> Failure {
    let Refused { error, error_description } = serde_json::from_slice(&fetched.body).unwrap_or_default();
    let exit = if fetched.status.is_server_error() { Exit::Server } else { Exit::Refused };
    Failure::new(exit, format!("the server answered with status {}", fetched.status.as_u16()))
        .because(format!("{error}: {error_description}"))
}

impl Login {
    fn with(self, granted: Granted) -> Self {
        let Granted { access_token, expires_in, scope, refresh_token } = granted;
        let refresh_token = refresh_token.or(self.refresh_token);
        Self { access_token, scope, refresh_token, ends_at: SystemClock.now().seconds().saturating_add(expires_in), ..self }
    }
}

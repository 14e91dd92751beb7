//! What a callback comes to, decided on what it brought and what we know, before anything is asked of the provider.

use chancery_core::Timestamp;
use chancery_core::pages::{quoted, quoted_words};
use chancery_crypto::digest::same;
use chancery_registry::IdentityProvider;
use chancery_store::repo::sign_ins::SignIn;

use crate::arrival::Arrival;
use crate::metadata::Metadata;
use crate::profiles;
use crate::refused::{Refused, TELL_THE_OPERATORS};

/// What is known when a browser comes back.
pub(crate) struct Facts<'a> {
    /// The provider of the address that the browser came to.
    pub provider: &'a IdentityProvider,
    pub sign_in: Option<&'a SignIn>,
    /// SHA-256 of the browser's cookie.
    pub browser: Option<[u8; 32]>,
    pub metadata: Option<&'a Metadata>,
}

/// What comes next.
#[derive(PartialEq, Eq, Debug)]
pub(crate) enum Next<'a> {
    /// The provider's metadata is wanted.
    Metadata,
    /// The sign-in may be claimed and this code redeemed.
    Redeem { sign_in: &'a SignIn, metadata: &'a Metadata, code: &'a str },
}

pub(crate) fn decide<'a>(arrival: &'a Arrival, facts: &Facts<'a>, now: Timestamp) -> Result<Next<'a>, Refused> {
    let sign_in = known(facts)?;
    unused(sign_in)?;
    in_time(sign_in, now)?;
    begun_with(sign_in, facts.provider)?; // SB-05
    in_the_browser_that_began(sign_in, facts)?; // SB-03
    let Some(metadata) = facts.metadata else { return Ok(Next::Metadata) };
    from_the_issuer_asked(arrival, facts.provider, metadata)?; // IS-02, SB-05
    granted(arrival, facts.provider)?;
    let code = code_of(arrival, facts.provider)?;
    Ok(Next::Redeem { sign_in, metadata, code })
}

fn known<'a>(facts: &Facts<'a>) -> Result<&'a SignIn, Refused> {
    facts.sign_in.ok_or_else(|| {
        let text = "The address you came back with belongs to no sign-in that this server remembers. It keeps one for ten minutes.";
        Refused::new("unknown sign-in", "This sign-in is not known here.", text)
    })
}

fn unused(sign_in: &SignIn) -> Result<(), Refused> {
    if sign_in.claimed_at.is_none() {
        return Ok(());
    }
    let text = "The address you came back with works once, and it was used.";
    let remedy = "If your app is connected, you can close this page. If it is not, connect again from there.";
    Err(Refused::new("sign-in used before", "This sign-in was finished before.", text).remedy(remedy))
}

fn in_time(sign_in: &SignIn, now: Timestamp) -> Result<(), Refused> {
    if now < sign_in.expires_at {
        return Ok(());
    }
    let text = "More than ten minutes passed between your approval and your return.";
    Err(Refused::new("sign-in too late", "This sign-in took too long.", text))
}

/// Each provider has an address of its own to come back to, so that even one which does not name itself cannot answer for another.
fn begun_with(sign_in: &SignIn, provider: &IdentityProvider) -> Result<(), Refused> {
    if sign_in.provider == provider.name {
        return Ok(());
    }
    let text = format!("It was begun with `{}` and came back by the address of `{}`.", sign_in.provider, provider.name);
    Err(Refused::new("another provider's address", MIXED_UP, text).by("SB-05").ending())
}

/// Without this, somebody could begin a sign-in and let you finish it, and their app would act for you.
fn in_the_browser_that_began(sign_in: &SignIn, facts: &Facts<'_>) -> Result<(), Refused> {
    if facts.browser.is_some_and(|browser| same(&browser, &sign_in.browser)) {
        return Ok(());
    }
    let text = "This browser did not begin it, or it does not keep this server's cookies. Somebody may have sent you a link that would \
                connect their app in your name; it does not.";
    let remedy = "If you began nothing, close this page. If you did, connect again and stay in one browser, with cookies allowed.";
    let refused = Refused::new("another browser", "This sign-in was begun in another browser.", text).remedy(remedy).by("SB-03");
    // Scanners of links come without any cookie: they must not end what a person is about to finish.
    Err(if facts.browser.is_some() { refused.ending() } else { refused })
}

/// RFC 9207 §2.4. Nothing of a wrong answer is shown, not even its error: it is not the provider's.
fn from_the_issuer_asked(arrival: &Arrival, provider: &IdentityProvider, metadata: &Metadata) -> Result<(), Refused> {
    match (arrival.iss.as_deref(), metadata.names_itself) {
        (Some(iss), _) if profiles::of(provider).issuer.of(provider, iss).is_some() => Ok(()),
        (None, false) => Ok(()),
        (Some(other), _) => {
            let text = format!("`{}` was asked, and the answer names another.", provider.issuer);
            Err(Refused::new("answer of another issuer", MIXED_UP, text).because(other).by("SB-05").ending())
        }
        (None, true) => {
            let text = format!("`{}` says that it names itself in every answer, and this answer names nobody.", provider.issuer);
            Err(Refused::new("answer without issuer", MIXED_UP, text).by("IS-02").ending())
        }
    }
}

const MIXED_UP: &str = "The answer did not come from the sign-in service that was asked.";

fn granted(arrival: &Arrival, provider: &IdentityProvider) -> Result<(), Refused> {
    let Some(error) = &arrival.error else { return Ok(()) };
    let said = arrival.error_description.as_deref();
    let text = format!("`{}` answered {}. {}", provider.name, quoted(error), said.map(quoted_words).unwrap_or_default());
    let remedy =
        "If you cancelled, there is nothing to do. If not, ask the people who run your organisation's sign-in, and show them this page.";
    let refused = Refused::new("refused by the provider", "Your organisation did not sign you in.", text).remedy(remedy);
    Err(refused.because(said.map_or_else(|| error.clone(), |said| format!("{error}: {said}"))).ending())
}

fn code_of<'a>(arrival: &'a Arrival, provider: &IdentityProvider) -> Result<&'a str, Refused> {
    arrival.code.as_deref().ok_or_else(|| {
        let text = format!("`{}` answered with neither a code nor an error.", provider.name);
        Refused::new("answer without code", "The answer of your organisation's sign-in service is not complete.", text)
            .remedy(TELL_THE_OPERATORS)
            .ending()
    })
}

#[cfg(test)]
mod tests;

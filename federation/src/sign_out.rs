//! Sending a person who signed out here to sign out at the provider too (OpenID Connect RP-Initiated Logout 1.0 §2), by the address that
//! its metadata names and in the way that its profile says. Our own session has ended by then: whatever is amiss here, there is just no such way.

use chancery_core::{Secret, SignOutRequest};
use chancery_registry::{IdentityProvider, Tenant};
use chancery_store::repo::sessions::{self, Session};
use url::Url;

use crate::profiles::{self, Logout};
use crate::{Parts, kept, provider};

/// A longer ID token is left out of the address: servers refuse long ones, and it is a hint.
const LONGEST_HINT: usize = 4096;

pub(crate) async fn sign_out<P>(parts: &Parts<P>, request: SignOutRequest) -> Option<String> {
    let tenant = parts.registry.tenant_by_id(&request.tenant)?;
    let session = sessions::by_hash(&parts.store, &tenant.id, &request.session).await.ok().flatten()?;
    let provider = tenant.provider(&session.provider)?;
    let way = profiles::of(provider).logout;
    if way == Logout::None {
        return None;
    }
    let metadata = provider::metadata(&parts.documents, provider, parts.clock.now()).await;
    let metadata = metadata.inspect_err(|trouble| told(&tenant, provider, trouble)).ok()?;
    let hint = hint(parts, &session).await;
    address(way, metadata.end_session_endpoint.as_deref()?, provider, hint.as_ref(), &request)
}

async fn hint<P>(parts: &Parts<P>, session: &Session) -> Option<Secret<String>> {
    let opened =
        kept::id_token(&parts.sealer, session).await.inspect_err(|error| tracing::warn!(%error, "an ID token could not be opened"));
    opened.ok().flatten().filter(|token| token.expose().len() <= LONGEST_HINT)
}

/// What the endpoint's address carries already is kept.
fn address(
    way: Logout,
    endpoint: &str,
    provider: &IdentityProvider,
    hint: Option<&Secret<String>>,
    request: &SignOutRequest,
) -> Option<String> {
    let mut url = Url::parse(endpoint).ok()?;
    let client = ("client_id", provider.client_id.as_str());
    let (who, back) = match (way, hint) {
        (Logout::None, _) => return None,
        (Logout::EndSession, Some(hint)) => (("id_token_hint", hint.expose().as_str()), "post_logout_redirect_uri"),
        (Logout::EndSession, None) => (client, "post_logout_redirect_uri"),
        (Logout::ClientIdAndLogoutUri, _) => (client, "logout_uri"),
    };
    url.query_pairs_mut().extend_pairs([who, (back, &request.back), ("state", &request.state)]);
    Some(url.into())
}

fn told(tenant: &Tenant, provider: &IdentityProvider, trouble: &provider::ProviderTrouble) {
    tracing::warn!(tenant = %tenant.name, provider = %provider.name, %trouble, "nobody can be signed out at the provider now");
}

#[cfg(test)]
mod tests {
    use chancery_core::{Entropy, TenantId};

    use super::*;
    use crate::fixtures::{NOW, provider};

    #[test]
    fn each_way_says_who_signs_out_and_where_they_go_then() {
        let tenant = TenantId::mint(NOW, &mut Entropy::from_bytes([7; Entropy::BYTES]));
        let request = SignOutRequest { tenant, session: [1; 32], back: "https://gw.example/t/acme/signed-out".into(), state: "s".into() };
        let hint = Secret::new("a.b.c".to_owned());
        let to = |way, endpoint: &str, hint| address(way, endpoint, &provider("corp"), hint, &request);
        let back = "https%3A%2F%2Fgw.example%2Ft%2Facme%2Fsigned-out&state=s";
        let end = "https://idp.example/logout?p=1";
        let table = [
            (Logout::EndSession, Some(&hint), Some(format!("{end}&id_token_hint=a.b.c&post_logout_redirect_uri={back}"))),
            (Logout::EndSession, None, Some(format!("{end}&client_id=chancery&post_logout_redirect_uri={back}"))),
            (Logout::ClientIdAndLogoutUri, Some(&hint), Some(format!("{end}&client_id=chancery&logout_uri={back}"))),
            (Logout::None, Some(&hint), None),
        ];
        for (way, hint, expected) in table {
            assert_eq!(to(way, end, hint), expected, "{way:?}");
        }
        assert_eq!(to(Logout::EndSession, "no address", Some(&hint)), None);
    }
}

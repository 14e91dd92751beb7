//! The minimal ID token (OpenID Connect Core §2, §3.1.3.6): who signed in, for which client, answering which nonce.

use chancery_crypto::jose::{Algorithm, Expected, KeySet, Typ, verify};
use chancery_testkit::Site;
use chancery_testkit::cast::{AGENT_CLIENT, ALICE, BANK, PUBLIC_CLIENT};
use serde_json::Value;

/// The claims of an ID token as its client would check them: signature by the published keys, and the type.
async fn checked(site: &Site, token: &str) -> Value {
    let keys = site.program().get(&site.endpoint("jwks")).await;
    let keys = KeySet::from_jwks(&keys.body).expect("a key set");
    let expected = Expected { typ: Typ::IdToken, algorithms: &[Algorithm::Es256] };
    verify(token, &keys, &expected).expect("a good signature").claims().expect("claims")
}

chancery_testkit::both_stores! {
    async fn an_id_token_comes_where_openid_was_asked_for(site: Site) {
        for app in [PUBLIC_CLIENT, AGENT_CLIENT] {
            let asked = site.ask(app).scope("openid bank:read").with("nonce", "n-0S6 é\"");

            let tokens = asked.approved_by(ALICE).await.redeem().await.granted();

            let id = checked(&site, tokens.id.as_deref().expect("an ID token")).await;
            let access = tokens.claims();
            assert_eq!(id["iss"], site.issuer());
            assert_eq!(id["aud"], site.app(app).id);
            assert_eq!(id["sub"], access["sub"]);
            assert_eq!(id["nonce"], "n-0S6 é\"");
            assert_eq!(id["auth_time"], access["auth_time"]);
            assert!(id["exp"].as_i64() > id["iat"].as_i64(), "{id}");
            assert!(tokens.body["scope"].as_str().is_some_and(|scope| scope.split(' ').any(|scope| scope == "openid")), "{}", tokens.body);
        }
    }

    async fn no_id_token_comes_where_openid_was_not_asked_for(site: Site) {
        let tokens = site.ask(PUBLIC_CLIENT).with("nonce", "n").approved_by(ALICE).await.redeem().await.granted();

        assert_eq!(tokens.id, None);
        assert!(tokens.claims().get("nonce").is_none());
    }

    async fn no_nonce_asked_none_answered(site: Site) {
        let tokens = site.ask(PUBLIC_CLIENT).scope("openid").approved_by(ALICE).await.redeem().await.granted();

        let id = checked(&site, tokens.id.as_deref().expect("an ID token")).await;

        assert!(id.get("nonce").is_none(), "{id}");
        // What was asked for names no scope of the bank, so the bank's default is what its token holds.
        assert_eq!(tokens.claims()["scope"], "bank:read");
        tokens.call(BANK, "account_balance").await.answered();
    }
}

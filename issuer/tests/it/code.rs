//! The authorization code grant (RFC 6749 §4.1.3; OAuth 2.1 §4.1.3; PKCE: RFC 7636 §4.6).

use std::time::Duration;

use chancery_crypto::digest::pkce_s256;
use chancery_testkit::cast::{AGENT_CLIENT, ALICE, BANK, OTHER_CLIENT, PUBLIC_CLIENT, REDIRECT_URI};
use chancery_testkit::{Code, Site};

const LIFE: Duration = Duration::from_secs(60);

/// A code whose request was proved with this verifier's challenge.
async fn proved_by(site: &Site, verifier: &str) -> Code {
    let mut code = site.ask(PUBLIC_CLIENT).with("code_challenge", &pkce_s256(verifier)).approved_by(ALICE).await;
    verifier.clone_into(&mut code.verifier);
    code
}

chancery_testkit::both_stores! {
    async fn oa_08_a_code_that_comes_twice_ends_what_was_issued_from_it_and_nothing_else(site: Site) {
        let code = site.ask(PUBLIC_CLIENT).approved_by(ALICE).await;
        let tokens = code.redeem().await.granted();
        let others = site.sign_in(ALICE, PUBLIC_CLIENT).await;
        tokens.call(BANK, "account_balance").await.answered();

        code.redeem().await.refused(400, "invalid_grant");

        site.audit().await.last(ALICE).is("authorization_code_replayed").names(PUBLIC_CLIENT);
        tokens.refresh().await.refused(400, "invalid_grant");
        tokens.call(BANK, "account_balance").await.challenged("invalid_token");
        code.redeem().await.refused(400, "invalid_grant");
        others.call(BANK, "account_balance").await.answered();
        others.refresh().await.granted();
    }

    async fn oa_08_a_late_replay_ends_refreshed_tokens_too(site: Site) {
        let code = site.ask(PUBLIC_CLIENT).approved_by(ALICE).await;
        let refreshed = code.redeem().await.granted().refresh().await.granted();
        site.turn(LIFE * 2);

        code.redeem().await.refused(400, "invalid_grant");

        refreshed.call(BANK, "account_balance").await.challenged("invalid_token");
        refreshed.refresh().await.refused(400, "invalid_grant");
    }

    async fn oa_08_who_found_an_old_code_can_end_nothing(site: Site) {
        let code = site.ask(PUBLIC_CLIENT).approved_by(ALICE).await;
        let tokens = code.redeem().await.granted();

        code.redeem_with(&[("code_verifier", &"x".repeat(43))]).await.refused(400, "invalid_grant");
        code.redeem_with(&[("code_verifier", "")]).await.refused(400, "invalid_grant");
        code.redeem_as(&site.app(OTHER_CLIENT), &[]).await.refused(400, "invalid_grant");

        tokens.call(BANK, "account_balance").await.answered();
        tokens.refresh().await.granted();
    }

    async fn oa_09_a_code_is_good_for_a_minute(site: Site) {
        let (in_time, late) = (site.ask(PUBLIC_CLIENT).approved_by(ALICE).await, site.ask(PUBLIC_CLIENT).approved_by(ALICE).await);

        site.turn(LIFE - Duration::from_secs(5));
        in_time.redeem().await.granted();
        site.turn(Duration::from_secs(6));

        late.redeem().await.refused(400, "invalid_grant");
        in_time.redeem().await.refused(400, "invalid_grant");
    }

    async fn oa_09_a_code_of_another_client_stays_good_for_its_owner(site: Site) {
        let code = site.ask(PUBLIC_CLIENT).approved_by(ALICE).await;

        code.redeem_as(&site.app(OTHER_CLIENT), &[]).await.refused(400, "invalid_grant");
        code.redeem_as(&site.app(AGENT_CLIENT), &[]).await.refused(400, "invalid_grant");

        code.redeem().await.granted();
    }

    async fn oa_09_what_is_no_code_is_refused(site: Site) {
        let code = site.ask(PUBLIC_CLIENT).approved_by(ALICE).await;

        for other in ["x", &code.code[1..], &code.code.to_uppercase(), &format!("{} ", code.code)] {
            code.redeem_with(&[("code", other)]).await.refused(400, "invalid_grant");
        }
        code.redeem_with(&[("code", "")]).await.refused(400, "invalid_request");

        code.redeem().await.granted();
    }

    async fn oa_10_a_redirect_uri_is_the_one_of_the_request_or_none(site: Site) {
        for other in [REDIRECT_URI, "http://127.0.0.1:47012/callback", "https://evil.example/callback"] {
            let code = site.ask(PUBLIC_CLIENT).approved_by(ALICE).await;
            code.redeem_with(&[("redirect_uri", other)]).await.refused(400, "invalid_grant");
        }

        site.ask(PUBLIC_CLIENT).approved_by(ALICE).await.redeem_with(&[("redirect_uri", "")]).await.granted();
        site.ask(PUBLIC_CLIENT).approved_by(ALICE).await.redeem().await.granted();
    }

    async fn pk_03_a_verifier_is_43_to_128_unreserved_characters(site: Site) {
        let long = "aZ0-._~".repeat(20);
        for bad in [&long[..42], &long[..129], &format!("{}+", &long[..42]), &format!("{} ", &long[..42]), &"é".repeat(43)] {
            proved_by(&site, bad).await.redeem().await.refused(400, "invalid_request");
        }
        for good in [&long[..43], &long[..128]] {
            proved_by(&site, good).await.redeem().await.granted();
        }
    }

    async fn pk_04_a_wrong_verifier_burns_the_code(site: Site) {
        let code = site.ask(PUBLIC_CLIENT).approved_by(ALICE).await;

        code.redeem_with(&[("code_verifier", &"x".repeat(43))]).await.refused(400, "invalid_grant");

        code.redeem().await.refused(400, "invalid_grant");
        site.audit().await.only("grant_ended").names(PUBLIC_CLIENT).says("reason", "wrong code verifier");
    }

    async fn pk_04_a_missing_verifier_is_invalid_grant_of_every_client(site: Site) {
        for app in [PUBLIC_CLIENT, AGENT_CLIENT] {
            let code = site.ask(app).approved_by(ALICE).await;
            code.redeem_with(&[("code_verifier", "")]).await.refused(400, "invalid_grant");
        }
    }

    async fn pk_05_a_verifier_is_right_to_its_last_character(site: Site) {
        let right = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        let (first, last) = (format!("e{}", &right[1..]), format!("{}l", &right[..42]));
        let challenge = pkce_s256(right);

        for near in [&first, &last, &format!("{right}a"), &right.to_lowercase(), &challenge] {
            let code = site.ask(PUBLIC_CLIENT).approved_by(ALICE).await;
            code.redeem_with(&[("code_verifier", near)]).await.refused(400, "invalid_grant");
        }
    }
}

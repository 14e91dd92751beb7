//! What an authorization request may ask (OAuth 2.1 §4.1.1; PKCE: RFC 7636; `iss`: RFC 9207), and where its refusals go.

use chancery_testkit::Answer;
use chancery_testkit::cast::{AGENT_CLIENT, ALICE, OTHER_CLIENT, PUBLIC_CLIENT, REDIRECT_AT};
use chancery_testkit::provider::METADATA;
use http::StatusCode;

/// How often a parameter stands in a redirect's query.
fn times(answer: &Answer, name: &str) -> usize {
    answer.location().query_pairs().filter(|(known, _)| known == name).count()
}

chancery_testkit::both_stores! {
    async fn oa_04_a_refusal_goes_to_the_client_with_its_state_and_our_name(site: Site) {
        let good = || site.ask(PUBLIC_CLIENT);
        let state = "s p/&=+%é\"'";

        for (asked, error) in [
            (good().without("response_type"), "invalid_request"),
            (good().with("response_type", "token"), "unsupported_response_type"),
            (good().with("response_mode", "fragment"), "invalid_request"),
            (good().without("code_challenge"), "invalid_request"),
            (good().scope("bank:everything"), "invalid_scope"),
            (good().scope("bank:read \"quoted\""), "invalid_scope"),
            (good().with("resource", "https://elsewhere.example/"), "invalid_target"),
            (good().with("prompt", "none"), "login_required"),
            (good().with("max_age", "soon"), "invalid_request"),
        ] {
            let answer = asked.with("state", state).open(&site.browser()).await;

            answer.sent_back(error);
            assert!(answer.location().as_str().starts_with(&format!("{REDIRECT_AT}?")), "{answer:?}");
            assert_eq!(answer.sent("state").as_deref(), Some(state), "{answer:?}");
            assert_eq!(answer.sent("iss"), Some(site.issuer()), "{answer:?}");
            assert!(answer.sent("error_description").is_some_and(|words| !words.is_empty()), "{answer:?}");
        }
    }

    async fn oa_04_a_state_of_any_length_is_not_kept(site: Site) {
        let with = |length| site.ask(PUBLIC_CLIENT).with("state", &"s".repeat(length));

        with(2049).open(&site.browser()).await.refused_on_page("OA-04");
        with(2048).open(&site.browser()).await.has_status(200);
    }

    async fn oa_04_no_state_asked_none_answered(site: Site) {
        for nothing in [site.ask(PUBLIC_CLIENT).without("state"), site.ask(PUBLIC_CLIENT).with("state", "")] {
            let refused = nothing.clone().without("code_challenge").open(&site.browser()).await;
            assert_eq!(times(refused.sent_back("invalid_request"), "state"), 0, "{refused:?}");
            let granted = nothing.answered(&site.browser(), ALICE, true).await;
            assert_eq!((times(&granted, "code"), times(&granted, "state")), (1, 0), "{granted:?}");
        }
    }

    async fn oa_04_a_person_s_no_is_access_denied(site: Site) {
        let answer = site.ask(PUBLIC_CLIENT).answered(&site.browser(), ALICE, false).await;

        assert_eq!(answer.sent_back("access_denied").sent("state").as_deref(), Some("the-app-s-own"));
    }

    async fn oa_04_an_identity_provider_out_of_reach_is_told_to_the_client(site: Site) {
        site.identity_provider().alter(METADATA, |reply| reply.with_status(StatusCode::SERVICE_UNAVAILABLE));

        let answer = site.ask(PUBLIC_CLIENT).answered(&site.browser(), ALICE, true).await;

        assert_eq!(answer.sent_back("temporarily_unavailable").sent("state").as_deref(), Some("the-app-s-own"));
    }

    async fn oa_05_the_one_response_type_is_code(site: Site) {
        for other in ["token", "id_token", "id_token token", "code token", "code id_token", "none", "Code", "code code"] {
            let answer = site.ask(PUBLIC_CLIENT).with("response_type", other).open(&site.browser()).await;
            answer.sent_back("unsupported_response_type");
        }
    }

    async fn oa_06_a_parameter_that_comes_twice_is_refused(site: Site) {
        let browser = site.browser();
        for name in ["response_type", "state", "scope", "code_challenge", "code_challenge_method", "nonce", "prompt", "nobody_s"] {
            let once = site.ask(PUBLIC_CLIENT).with(name, "x");
            once.clone().again(name, "x").open(&browser).await.sent_back("invalid_request");
            once.again(name, "y").open(&browser).await.sent_back("invalid_request");
        }

        let two_clients = site.ask(PUBLIC_CLIENT).again("client_id", &site.app(OTHER_CLIENT).id).open(&browser).await;
        assert_ne!(two_clients.status, StatusCode::OK, "{two_clients:?}");
    }

    async fn oa_06_an_empty_value_is_none_and_an_unknown_parameter_nothing(site: Site) {
        let browser = site.browser();
        site.ask(PUBLIC_CLIENT).again("state", "").with("scope", "").with("nobody_s", "x").open(&browser).await.has_status(200);
        site.ask(PUBLIC_CLIENT).with("response_type", "").open(&browser).await.sent_back("invalid_request");
        site.ask(PUBLIC_CLIENT).with("code_challenge", "").open(&browser).await.sent_back("invalid_request");
    }

    async fn oa_06_a_request_may_be_posted(site: Site) {
        let app = site.app(PUBLIC_CLIENT);
        let bank = site.url("bank");
        let challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
        let good = [
            ("response_type", "code"),
            ("client_id", &*app.id),
            ("redirect_uri", &*app.redirect_uri),
            ("code_challenge", challenge),
            ("code_challenge_method", "S256"),
            ("resource", &bank),
        ];

        // A browser that nobody knows yet comes again by GET; one that is known is answered at once.
        let browser = site.browser();
        let again = browser.post(&site.endpoint("authorize"), &good).await;
        assert!(again.has_status(303).location().as_str().starts_with(&site.endpoint("authorize")), "{again:?}"); // SB-06
        browser.get(again.location().as_str()).await.has_status(200);
        browser.post(&site.endpoint("authorize"), &good).await.has_status(200);
        let refused = browser.post(&site.endpoint("authorize"), &good[..4]).await;

        refused.sent_back("invalid_request").has_status(303); // SB-06
    }

    async fn sb_03_a_post_from_another_site_takes_nothing_from_the_browser(site: Site) {
        let (ask, browser) = (site.ask(PUBLIC_CLIENT), site.browser());
        let page = ask.open(&browser).await;
        let evil = url::Url::parse("https://evil.example/").expect("a URL");
        let form = || chancery_testkit::Form {
            method: "POST".to_owned(),
            action: url::Url::parse(&site.endpoint("authorize")).expect("a URL"),
            fields: url::Url::parse(&ask.url()).expect("a URL").query_pairs().map(|(name, value)| (name.into(), value.into())).collect(),
            buttons: Vec::new(),
        };

        let posted = browser.submit(form(), &evil).await;
        assert_eq!(posted.has_status(303).header("set-cookie"), None);
        assert!(!ask.onwards(&browser, page, ALICE, true).await.sent("code").expect("a code").is_empty());

        // What was posted is asked about all the same, where the browser's cookies come along.
        browser.get(posted.location().as_str()).await.has_status(200);
        let mut long = form();
        long.fields.push(("x".to_owned(), "x".repeat(17 * 1024)));
        assert!(site.browser().submit(long, &evil).await.has_status(400).header("location").is_none());
    }

    async fn pk_01_without_a_challenge_nobody_gets_a_code(site: Site) {
        for app in [PUBLIC_CLIENT, AGENT_CLIENT] {
            let asked = site.ask(app).without("code_challenge");
            asked.clone().open(&site.browser()).await.sent_back("invalid_request");
            asked.without("code_challenge_method").open(&site.browser()).await.sent_back("invalid_request");
        }
    }

    async fn pk_02_only_s256_is_taken(site: Site) {
        for method in ["plain", "s256", "S512", ""] {
            let answer = site.ask(PUBLIC_CLIENT).with("code_challenge_method", method).open(&site.browser()).await;
            let words = answer.sent_back("invalid_request").sent("error_description").unwrap_or_default();
            assert!(words.contains("transform algorithm not supported"), "{words}");
        }
        assert_eq!(site.metadata().await["code_challenge_methods_supported"], serde_json::json!(["S256"]));
    }

    async fn pk_03_a_challenge_is_43_characters_of_base64url(site: Site) {
        let long = "a".repeat(44);
        for bad in ["a", &long[..42], &long, &"+".repeat(43), &format!("{}=", &long[..42]), &format!("{} ", &long[..42]), &"é".repeat(43)] {
            site.ask(PUBLIC_CLIENT).with("code_challenge", bad).open(&site.browser()).await.sent_back("invalid_request");
        }
        site.ask(PUBLIC_CLIENT).with("code_challenge", &"-_".repeat(22)[..43]).open(&site.browser()).await.has_status(200);
    }

    async fn is_01_success_and_error_name_the_issuer_once_and_byte_for_byte(site: Site) {
        let metadata = site.metadata().await;
        let granted = site.ask(PUBLIC_CLIENT).answered(&site.browser(), ALICE, true).await;
        let denied = site.ask(PUBLIC_CLIENT).answered(&site.browser(), ALICE, false).await;
        let refused = site.ask(PUBLIC_CLIENT).scope("no:such").open(&site.browser()).await;

        assert_eq!(metadata["authorization_response_iss_parameter_supported"], true);
        for answer in [granted, denied, refused] {
            assert_eq!(answer.sent("iss").as_deref(), metadata["issuer"].as_str(), "{answer:?}");
            assert_eq!((times(&answer, "iss"), times(&answer, "state")), (1, 1), "{answer:?}");
            assert_eq!(times(&answer, "code") + times(&answer, "error"), 1, "{answer:?}");
        }
    }

    async fn oa_21_where_nobody_may_be_asked_the_answer_says_what_for(site: Site) {
        let browser = site.browser();
        let silent = || site.ask(PUBLIC_CLIENT).with("prompt", "none");

        let unknown = silent().open(&browser).await;
        site.ask(PUBLIC_CLIENT).approved_in(&browser, ALICE).await;
        let known = silent().open(&browser).await;
        let contradiction = site.ask(PUBLIC_CLIENT).with("prompt", "none login").open(&browser).await;

        unknown.sent_back("login_required");
        known.sent_back("consent_required");
        contradiction.sent_back("invalid_request");
        site.audit().await.only("authorization_refused").names(PUBLIC_CLIENT).says("row", "OA-21");
    }

    async fn oa_21_nobody_is_taken_to_be_signed_in_when_the_session_is_over(site: Site) {
        let browser = site.browser();
        site.ask(PUBLIC_CLIENT).approved_in(&browser, ALICE).await;

        site.turn(std::time::Duration::from_secs(8 * 3600 + 1));

        site.ask(PUBLIC_CLIENT).with("prompt", "none").open(&browser).await.sent_back("login_required");
    }
}

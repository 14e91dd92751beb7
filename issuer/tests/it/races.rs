//! Fifty at once: each on one node over SQLite, and on two nodes over PostgreSQL behind a balancer.

use std::collections::BTreeSet;

use chancery_testkit::cast::{ALICE, BANK, PUBLIC_CLIENT};
use chancery_testkit::{ProofKey, Site};
use futures_util::future::join_all;

use crate::consent_page::Shown;

const AT_ONCE: usize = 50;

/// Makes of each check a test on SQLite and one on PostgreSQL over two nodes.
macro_rules! one_node_and_two {
    ($(async fn $name:ident($site:ident: Site) $body:block)*) => {$(
        async fn $name($site: Site) $body

        mod $name {
            #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn on_sqlite() {
                super::$name(chancery_testkit::Site::on_sqlite().await).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn on_postgres_over_two_nodes() {
                if let Some(site) = chancery_testkit::Site::cluster(2).await {
                    super::$name(site).await;
                }
            }
        }
    )*};
}

/// What each of fifty got, sent from as many tasks.
async fn at_once<T: Send + 'static, F: Future<Output = T> + Send + 'static>(one: impl Fn() -> F) -> Vec<T> {
    let tasks: Vec<_> = (0..AT_ONCE).map(|_| tokio::spawn(one())).collect();
    join_all(tasks).await.into_iter().map(|task| task.expect("a task that asks does not fail")).collect()
}

one_node_and_two! {
    async fn dp_02_of_fifty_requests_with_one_proof_one_succeeds(site: Site) {
        let (app, bank) = (crate::client_credentials::app(&site).await, site.url(BANK));
        let proof = ProofKey::generate().asking(&site);

        let answers = at_once(|| {
            let (site, app, bank, proof) = (site.clone(), app.clone(), bank.clone(), proof.clone());
            async move {
                let fields = [("grant_type", "client_credentials"), ("resource", bank.as_str())];
                site.post_token_with(&app, &[("dpop", &proof)], &fields).await
            }
        }).await;

        let (granted, refused): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status.is_success());
        assert_eq!((granted.len(), refused.len()), (1, AT_ONCE - 1));
        for refusal in refused {
            refusal.refused(400, "invalid_dpop_proof");
        }
        assert_eq!(site.audit().await.of_kind("token_issued").len(), 1);
    }

    async fn oa_08_of_fifty_redemptions_of_one_code_one_succeeds_and_its_tokens_end(site: Site) {
        let code = site.ask(PUBLIC_CLIENT).approved_by(ALICE).await;

        let answers = at_once(|| {
            let code = code.clone();
            async move { code.redeem().await }
        }).await;

        let (granted, refused): (Vec<_>, Vec<_>) = answers.iter().partition(|granting| granting.answer.status.is_success());
        assert_eq!((granted.len(), refused.len()), (1, AT_ONCE - 1));
        for refusal in refused {
            refusal.refused(400, "invalid_grant");
        }
        let tokens = granted[0].granted();
        tokens.refresh().await.refused(400, "invalid_grant");
        tokens.call(BANK, "account_balance").await.challenged("invalid_token");
        let log = site.audit().await;
        assert_eq!(log.of_kind("token_issued").len(), 1);
        assert!(!log.of_kind("authorization_code_replayed").is_empty());
    }

    async fn oa_13_fifty_refreshes_of_one_token_get_the_same_successor(site: Site) {
        let first = site.sign_in(ALICE, PUBLIC_CLIENT).await;

        let answers = at_once(|| {
            let first = first.clone();
            async move { first.refresh().await }
        }).await;

        let tokens: Vec<_> = answers.iter().map(chancery_testkit::Granting::granted).collect();
        let successors: BTreeSet<_> = tokens.iter().map(|tokens| tokens.refresh.clone()).collect();
        let ids: BTreeSet<_> = tokens.iter().map(|tokens| tokens.claims()["jti"].to_string()).collect();
        assert_eq!((successors.len(), ids.len()), (1, AT_ONCE));
        let log = site.audit().await;
        let rotated = log.of_kind("token_refreshed").into_iter().filter(|event| event.fields["outcome"] == "rotated").count();
        assert_eq!((log.of_kind("token_refreshed").len(), rotated), (AT_ONCE, 1));

        let next = tokens[0].refresh().await.granted();
        next.call(BANK, "account_balance").await.answered();
        first.refresh().await.refused(400, "invalid_grant");
        next.refresh().await.refused(400, "invalid_grant");
    }

    async fn sb_03_of_fifty_posts_of_one_page_one_counts(site: Site) {
        let browser = site.browser();
        site.ask(PUBLIC_CLIENT).approved_in(&browser, ALICE).await;
        let page = std::sync::Arc::new(Shown::of(&site.ask(PUBLIC_CLIENT), &browser).await);

        let answers = at_once(|| {
            let page = page.clone();
            async move { page.press("approve").await }
        }).await;

        let (sent_on, refused): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status.is_redirection());
        assert_eq!((sent_on.len(), refused.len()), (1, AT_ONCE - 1));
        for refusal in refused {
            refusal.refused_on_page("SB-03");
        }
        assert_eq!(site.audit().await.of_kind("consent_given").len(), 2);
    }
}

//! Management of a registration by its client (RFC 7592).

use bytes::Bytes;
use chancery_testkit::cast::{ALICE, BANK};
use chancery_testkit::{Administered, Answer, App, MakeToken, Registering, Site, request};
use http::{Method, header};
use serde_json::{Value, json};

/// A registered client: what it was told, and where it manages that.
struct Registered {
    told: Value,
    at: String,
    token: String,
}

impl Registered {
    async fn new(site: &Site, more: Value) -> Self {
        let mut metadata = json!({ "redirect_uris": ["http://127.0.0.1/callback"], "client_name": "Sketchbook", "software_id": "sketch" });
        metadata.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        Self::of(&site.register(&metadata).await.has_status(201).json())
    }

    fn of(told: &Value) -> Self {
        let text = |member: &str| told[member].as_str().unwrap_or_else(|| panic!("no {member}: {told}")).to_owned();
        Self { at: text("registration_client_uri"), token: text("registration_access_token"), told: told.clone() }
    }

    fn id(&self) -> &str {
        self.told["client_id"].as_str().expect("text")
    }

    fn app(&self) -> App {
        App { id: self.id().to_owned(), secret: None, redirect_uri: "http://127.0.0.1/callback".to_owned() }
    }

    async fn send(&self, site: &Site, method: Method, body: Option<&Value>) -> Answer {
        sent(site, (method, &self.at), Some(&self.token), body).await
    }

    /// A PUT that nothing is wrong with, with these members put over it.
    async fn put(&self, site: &Site, more: Value) -> Answer {
        let mut metadata = json!({ "client_id": self.id(), "redirect_uris": ["http://127.0.0.1/callback"], "client_name": "Sketchbook" });
        metadata.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        self.send(site, Method::PUT, Some(&metadata)).await
    }
}

async fn sent(site: &Site, (method, at): (Method, &str), token: Option<&str>, body: Option<&Value>) -> Answer {
    let mut ask = request(method, at).header(header::CONTENT_TYPE, "application/json");
    if let Some(token) = token {
        ask = ask.header(header::AUTHORIZATION, format!("Bearer {token}"));
    }
    site.program().send(ask.body(Bytes::from(body.map(Value::to_string).unwrap_or_default())).expect("a request")).await
}

fn unauthorized(answer: &Answer) {
    answer.refused(401, "invalid_token");
    assert!(answer.header(header::WWW_AUTHENTICATE).is_some_and(|line| line.starts_with("Bearer ")), "{answer:?}");
}

chancery_testkit::both_stores! {
    async fn dr_07_a_registration_is_shown_to_whoever_has_its_token(site: Site) {
        let client = Registered::new(&site, json!({})).await;

        let answer = client.send(&site, Method::GET, None).await;

        assert_eq!((answer.has_status(200).json(), answer.header("cache-control")), (client.told.clone(), Some("no-store")));
    }

    async fn dr_07_another_token_is_no_token(site: Site) {
        let (client, other) = (Registered::new(&site, json!({})).await, Registered::new(&site, json!({})).await);
        let nobody = format!("{}/cli_{}", site.endpoint("register"), "0".repeat(32));
        let of_the_file = format!("{}/{}", site.endpoint("register"), site.app(chancery_testkit::cast::PUBLIC_CLIENT).id);
        let body = json!({ "client_id": client.id(), "redirect_uris": ["https://evil.example/cb"] });

        for method in [Method::GET, Method::PUT, Method::DELETE] {
            for (at, token) in [
                (&client.at, Some("wrong")),
                (&client.at, Some(&*other.token)),
                (&client.at, None),
                (&nobody, Some(&*client.token)),
                (&of_the_file, Some(&*client.token)),
            ] {
                unauthorized(&sent(&site, (method.clone(), at), token, Some(&body)).await);
            }
        }
        for method in [Method::POST, Method::PATCH] {
            sent(&site, (method, &client.at), Some(&client.token), Some(&body)).await.has_status(405);
        }

        assert_eq!(client.send(&site, Method::GET, None).await.has_status(200).json(), client.told);
    }

    async fn dr_07_a_changed_registration_has_another_token(site: Site) {
        let client = Registered::new(&site, json!({})).await;

        let changed = Registered::of(&client.put(&site, json!({ "client_name": "Notebook" })).await.has_status(200).json());

        assert_ne!(changed.token, client.token);
        unauthorized(&client.send(&site, Method::GET, None).await);
        assert_eq!(changed.send(&site, Method::GET, None).await.has_status(200).json()["client_name"], "Notebook");
        site.audit().await.only("client_changed").says("client", client.id());
    }

    async fn dr_08_what_is_left_out_is_gone_and_what_is_new_holds(site: Site) {
        let client = Registered::new(&site, json!({})).await;
        site.ask_as(client.app()).open(&site.browser()).await.has_status(200);

        let changed = client.put(&site, json!({ "redirect_uris": ["https://app.example/cb"] })).await.has_status(200).json();

        assert!(changed.get("software_id").is_none(), "{changed}");
        assert_eq!((&changed["client_id"], &changed["redirect_uris"]), (&client.told["client_id"], &json!(["https://app.example/cb"])));
        site.settle().await;
        site.ask_as(client.app()).open(&site.browser()).await.refused_on_page("OA-02");
    }

    async fn dr_05_what_is_refused_to_who_was_let_in_is_told_by_name(site: Site) {
        let made = site.registration(Registering::MakeToken(MakeToken { label: "partners".to_owned(), uses: 1, lasts: 3600 })).await;
        let Ok(Administered::RegistrationToken(made)) = made else { panic!("a token is answered with a token") };
        let metadata = json!({ "redirect_uris": ["http://127.0.0.1/callback"], "client_name": "Partner" });
        let at = site.endpoint("register");
        let told = sent(&site, (Method::POST, &at), Some(made.token.0.expose()), Some(&metadata)).await.has_status(201).json();
        let partner = Registered::of(&told);

        partner.put(&site, json!({ "client_id": null })).await.refused(400, "invalid_client_metadata");

        site.audit().await.only("registration_refused").says("client", partner.id());
    }

    async fn dr_08_a_client_sets_nothing_that_is_ours(site: Site) {
        let client = Registered::new(&site, json!({ "token_endpoint_auth_method": "client_secret_post" })).await;
        let secret = client.told["client_secret"].clone();

        for bad in [
            json!({ "client_id": null }),
            json!({ "client_id": "cli_other" }),
            json!({ "registration_access_token": client.token }),
            json!({ "registration_client_uri": client.at }),
            json!({ "client_secret_expires_at": 0 }),
            json!({ "client_id_issued_at": 1 }),
            json!({ "client_secret": "i-choose-this-one-myself" }),
            json!({ "client_secret": 7 }),
            json!({ "grant_types": ["client_credentials"] }),
            json!({ "token_endpoint_auth_method": "magic" }),
        ] {
            client.put(&site, bad.clone()).await.refused(400, "invalid_client_metadata");
        }
        client.put(&site, json!({ "redirect_uris": ["http://evil.example/cb"] })).await.refused(400, "invalid_redirect_uri");
        assert!(site.audit().await.of_kind("registration_refused").is_empty(), "anybody may have such a token");

        let keeps = json!({ "client_secret": secret, "token_endpoint_auth_method": "client_secret_post",
            "grant_types": ["authorization_code", "refresh_token", "client_credentials"] });
        let kept = client.put(&site, keeps).await.has_status(200).json();
        assert!(kept.get("client_secret").is_none(), "it stays as it is: {kept}");
        assert_eq!(kept["grant_types"], json!(["authorization_code", "refresh_token"]));
        let app = App { secret: Some(secret.as_str().expect("text").to_owned().leak()), ..client.app() };
        site.ask_as(app).approved_by(ALICE).await.redeem().await.granted();
    }

    async fn dr_09_a_deleted_client_is_gone_with_all_that_it_was_allowed(site: Site) {
        let client = Registered::new(&site, json!({})).await;
        let tokens = site.ask_as(client.app()).approved_by(ALICE).await.redeem().await.granted();
        tokens.call(BANK, "account_balance").await.answered();

        let answer = client.send(&site, Method::DELETE, None).await;

        assert!(answer.has_status(204).body.is_empty());
        tokens.call(BANK, "account_balance").await.challenged("invalid_token");
        tokens.refresh().await.refused(401, "invalid_client");
        site.ask_as(client.app()).open(&site.browser()).await.refused_on_page("OA-01");
        unauthorized(&client.send(&site, Method::GET, None).await);
        unauthorized(&client.send(&site, Method::DELETE, None).await);
        site.audit().await.only("client_deleted").says("client", client.id());
    }
}

//! A realm of Keycloak in a test's hands: its people and groups, the site as its client, and what an administrator does to them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use bytes::Bytes;
use chancery_core::SystemClock;
use http::{Method, header};
use serde_json::{Value, json};

use crate::cast::{ALICE, BOB, Person, SECRET, SECRET_REF};
use crate::{Answer, Browser, people, request};

/// The site's id at every realm; its secret is the cast's.
const CLIENT: &str = "chancery";
/// What a realm has from its beginning.
const OWN_CLIENTS: &[&str] = &[CLIENT, "account", "account-console", "admin-cli", "broker", "realm-management", "security-admin-console"];

/// A realm that nobody else uses. Dropped with the server.
pub struct Realm {
    base: String,
    pub name: String,
    program: Browser,
}

impl Realm {
    pub(super) async fn made(base: &str, callbacks: &[&str]) -> Self {
        static MADE: AtomicU32 = AtomicU32::new(1);

        let name = format!("company-{}", MADE.fetch_add(1, Ordering::Relaxed));
        let realm = Self { base: base.to_owned(), name, program: Browser::program(Arc::new(SystemClock)) };
        let file = file(&realm.name, callbacks);
        realm.told(Method::POST, &format!("{base}/admin/realms"), &file).await.has_status(201);
        realm.warmed_up().await;
        realm
    }

    /// What a realm says for the first time takes it a while, and the site waits for a few seconds only.
    async fn warmed_up(&self) {
        let metadata = self.program.get(&format!("{}/.well-known/openid-configuration", self.issuer())).await.has_status(200).json();
        self.program.get(metadata["jwks_uri"].as_str().expect("an address")).await.has_status(200);
    }

    pub fn issuer(&self) -> String {
        format!("{}/realms/{}", self.base, self.name)
    }

    /// How the site's file names it.
    pub fn declared(&self, name: &str) -> Value {
        json!({
            "name": name,
            "issuer": self.issuer(),
            "client_id": CLIENT,
            "client_secret": SECRET_REF,
            "scopes": "openid profile email",
        })
    }

    /// From now on this person may not sign in, and what was signed in is refused.
    pub async fn disable(&self, person: Person) {
        let (at, mut user) = self.person(person).await;
        user["enabled"] = json!(false);
        self.told(Method::PUT, &at, &user).await.has_status(204);
    }

    /// Makes the group where there is none of that name.
    pub async fn join(&self, person: Person, group: &str) {
        let (at, _) = self.person(person).await;
        let made = self.told(Method::POST, &self.admin("groups"), &json!({ "name": group })).await;
        assert!(matches!(made.status.as_u16(), 201 | 409), "{made:?}");
        let membership = format!("{at}/groups/{}", self.group(group).await);
        self.told(Method::PUT, &membership, &json!({})).await.has_status(204);
    }

    pub async fn leave(&self, person: Person, group: &str) {
        let (at, _) = self.person(person).await;
        let membership = format!("{at}/groups/{}", self.group(group).await);
        self.told(Method::DELETE, &membership, &Value::Null).await.has_status(204);
    }

    /// Ends all sessions of this person; clients with a back-channel address hear of it.
    pub async fn log_out(&self, person: Person) {
        let (at, _) = self.person(person).await;
        self.told(Method::POST, &format!("{at}/logout"), &Value::Null).await.has_status(204);
    }

    /// Where Keycloak tells the site that a session ended (OpenID Connect Back-Channel Logout).
    pub async fn tell_of_logouts_at(&self, url: &str) {
        let (at, mut client) = self.client(CLIENT).await.expect("the realm was made with it");
        client["attributes"]["backchannel.logout.url"] = json!(url);
        client["attributes"]["backchannel.logout.session.required"] = json!("true");
        self.told(Method::PUT, &at, &client).await.has_status(204);
    }

    /// For so many registrations.
    pub async fn initial_access_token(&self, count: u32) -> String {
        let asked = json!({ "count": count, "expiration": 3600 });
        let answer = self.told(Method::POST, &self.admin("clients-initial-access"), &asked).await;
        assert!(answer.status.is_success(), "{answer:?}");
        answer.json()["token"].as_str().expect("a token").to_owned()
    }

    /// A client as its administrator sees it, and where: by the id that it authenticates with.
    pub async fn client(&self, id: &str) -> Option<(String, Value)> {
        let found = self.asked(&format!("{}?clientId={id}", self.admin("clients"))).await;
        let client = found.get(0)?.clone();
        let at = self.admin(&format!("clients/{}", client["id"].as_str().expect("every client has an id")));
        Some((at, client))
    }

    /// The ids of all clients that a realm does not have from its beginning.
    pub async fn registered(&self) -> Vec<String> {
        let clients = self.asked(&self.admin("clients")).await;
        let ids = clients.as_array().expect("a list").iter().filter_map(|client| client["clientId"].as_str());
        ids.filter(|id| !OWN_CLIENTS.contains(id)).map(str::to_owned).collect()
    }

    async fn person(&self, person: Person) -> (String, Value) {
        let found = self.asked(&format!("{}?username={person}&exact=true", self.admin("users"))).await;
        let user = found.get(0).unwrap_or_else(|| panic!("the realm does not know {person}")).clone();
        (self.admin(&format!("users/{}", user["id"].as_str().expect("everybody has an id"))), user)
    }

    async fn group(&self, name: &str) -> String {
        let found = self.asked(&format!("{}?search={name}&exact=true", self.admin("groups"))).await;
        found[0]["id"].as_str().unwrap_or_else(|| panic!("the realm has no group {name}")).to_owned()
    }

    fn admin(&self, path: &str) -> String {
        format!("{}/admin/realms/{}/{path}", self.base, self.name)
    }

    async fn asked(&self, url: &str) -> Value {
        self.told(Method::GET, url, &Value::Null).await.has_status(200).json()
    }

    /// An administrator's token lives a minute, so each request has its own.
    async fn told(&self, method: Method, url: &str, body: &Value) -> Answer {
        let fields = [("grant_type", "password"), ("client_id", "admin-cli"), ("username", "admin"), ("password", "admin")];
        let answer = self.program.post(&format!("{}/realms/master/protocol/openid-connect/token", self.base), &fields).await;
        let token = answer.has_status(200).json()["access_token"].as_str().expect("a token").to_owned();
        let request =
            request(method, url).header(header::AUTHORIZATION, format!("Bearer {token}")).header(header::CONTENT_TYPE, "application/json");
        let body = if body.is_null() { Bytes::new() } else { Bytes::from(body.to_string()) };
        self.program.send(request.body(body).expect("a request")).await
    }
}

fn file(name: &str, callbacks: &[&str]) -> Value {
    json!({
        "realm": name,
        "enabled": true,
        "sslRequired": "none",
        "defaultSignatureAlgorithm": "ES256",
        "users": [person(name, ALICE), person(name, BOB)],
        "clients": [{
            "clientId": CLIENT,
            "secret": SECRET,
            "redirectUris": callbacks,
            "protocol": "openid-connect",
            // Where people may go after signing out: the same addresses.
            "attributes": { "post.logout.redirect.uris": "+" },
            "protocolMappers": [{
                "name": "groups",
                "protocol": "openid-connect",
                "protocolMapper": "oidc-group-membership-mapper",
                "config": { "claim.name": "groups", "full.path": "false", "id.token.claim": "true", "access.token.claim": "true" },
            }],
        }],
    })
}

/// Whole, or a page asks for the rest before anybody is signed in; with the roles that an imported person does not have by themselves.
fn person(realm: &str, name: Person) -> Value {
    json!({
        "username": name,
        "enabled": true,
        "email": format!("{name}@example.com"),
        "emailVerified": true,
        "firstName": name,
        "lastName": "Example",
        "realmRoles": [format!("default-roles-{realm}")],
        "credentials": [{ "type": "password", "value": people::PASSWORD, "temporary": false }],
    })
}

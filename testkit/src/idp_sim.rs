//! `idp-sim`: one identity provider in the test's own process, that behaves as Entra, Okta, Cognito, Auth0, Google or Keycloak does, as far as
//! a relying party can tell: metadata, claims, refresh rules, errors, logout, registration, and all that is odd about them, each as a
//! switch of its [`Profile`]. The test holds it by its handle: people, clock, keys, faults, and a log of what was asked.
//!
//! It listens on 127.0.0.1; where endpoints are on another host than the issuer, that is 127.0.0.2. What the letters and numbers beside the
//! code mean (E1, X2, …) is in the names of the tests that stand on it.

mod authorize;
mod claims;
mod fault;
mod keys;
mod logout;
mod profile;
mod register;
mod server;
mod state;
mod token;

#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chancery_core::{Clock, SystemClock, Timestamp};
use serde_json::{Value, json};
use tokio::net::TcpListener;

pub use claims::About;
pub use fault::Fault;
pub use keys::Signed;
pub use profile::{ENTRA_TENANT, Errors, Given, Logout, Profile, Refresh, Registration, Rotation, Shared};
pub use state::{Asked, Client, Endpoint, Need, Person};

use self::state::State;
use crate::cast::{ALICE, BOB, SECRET, SECRET_REF};
use crate::{Answer, Browser};

/// The site's id at every simulated provider; its secret is the cast's.
const CLIENT: &str = "chancery";

/// A simulated provider. Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct IdpSim(Arc<Inner>);

struct Inner {
    profile: Profile,
    base: String,
    /// Where its endpoints are.
    elsewhere: String,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

impl IdpSim {
    /// Knows alice and bob, and one confidential client that may return to these addresses. Runs until the runtime ends.
    ///
    /// # Panics
    /// When loopback has no port left.
    pub async fn start(profile: Profile, clock: Arc<dyn Clock>, callbacks: &[&str]) -> Self {
        let (here, base) = crate::listen().await;
        let other = match profile.elsewhere {
            true => Some(TcpListener::bind("127.0.0.2:0").await.expect("loopback has more than one address")),
            false => None,
        };
        let address = |listener: &TcpListener| format!("http://{}", listener.local_addr().expect("it is bound"));
        let elsewhere = other.as_ref().map_or_else(|| base.clone(), address);
        let sim = Self(Arc::new(Inner { profile, base, elsewhere, clock, state: Mutex::default() }));
        sim.populate(callbacks);
        for listener in [Some(here), other].into_iter().flatten() {
            let router = server::router(sim.clone());
            tokio::spawn(async move { axum::serve(listener, router).await });
        }
        sim
    }

    fn populate(&self, callbacks: &[&str]) {
        let mut state = self.state();
        for (name, number) in [(ALICE, 1), (BOB, 2)] {
            let id = format!("0ddba11a-0000-0000-0000-00000000000{number}");
            let person =
                Person { name: name.to_owned(), id, domain: "acme.example".to_owned(), groups: Vec::new(), enabled: true, needs: None };
            state.people.insert(name.to_owned(), person);
        }
        drop(state);
        self.client(CLIENT, SECRET, callbacks);
    }

    /// Knows this confidential client from now on, which may return to these addresses.
    pub fn client(&self, id: &str, secret: &str, callbacks: &[&str]) {
        let redirect_uris = callbacks.iter().map(|uri| (*uri).to_owned()).collect();
        let client = Client { secret: secret.to_owned(), redirect_uris, registration_token: None, metadata: json!({}) };
        self.state().clients.insert(id.to_owned(), client);
    }

    /// How the site's file names it.
    pub fn declared(&self, name: &str) -> Value {
        json!({ "name": name, "issuer": self.declared_issuer(), "client_id": CLIENT, "client_secret": SECRET_REF, "profile": self.0.profile.name })
    }

    /// The issuer that its tokens name, scheme and all.
    pub fn issuer(&self) -> String {
        format!("{}{}", self.0.base, self.0.profile.issuer)
    }

    /// The one that an operator writes.
    pub fn declared_issuer(&self) -> String {
        format!("{}{}", self.0.base, self.0.profile.shared.map_or(self.0.profile.issuer, |shared| shared.asked_at))
    }

    /// Changes a person: disables them, gives them groups or needs.
    ///
    /// # Panics
    /// When nobody has that name.
    pub fn person(&self, name: &str, change: impl FnOnce(&mut Person)) {
        change(self.state().people.get_mut(name).unwrap_or_else(|| panic!("nobody here is called {name}")));
    }

    pub fn disable(&self, name: &str) {
        self.person(name, |person| person.enabled = false);
    }

    /// These are all groups of this person from now on.
    pub fn groups(&self, name: &str, groups: &[&str]) {
        self.person(name, |person| person.groups = groups.iter().map(|group| (*group).to_owned()).collect());
    }

    /// Ends all sessions and refresh tokens of this person.
    pub fn revoke(&self, name: &str) {
        let mut state = self.state();
        state.sessions.retain(|_, session| session.person != name);
        state.refresh_tokens.retain(|_, token| token.about.person != name);
    }

    /// From now on every request there meets it.
    pub fn fault(&self, at: Endpoint, fault: Fault) {
        self.state().faults.insert(at, fault);
    }

    pub fn heal(&self) {
        self.state().faults.clear();
    }

    pub fn rotate_keys(&self) {
        self.state().keys.rotate();
    }

    pub fn sign(&self, how: Signed) {
        self.state().keys.signed = how;
    }

    /// Publishes members that are no keys beside the keys.
    pub fn litter_keys(&self) {
        self.state().keys.litter = true;
    }

    /// Says of its keys that they are this issuer's (E1).
    pub fn name_keys(&self, issuer: &str) {
        self.state().keys.issuer = Some(issuer.to_owned());
    }

    /// Says of its key that it is for another algorithm than it signs by.
    pub fn mislabel_key(&self) {
        self.state().keys.mislabelled = true;
    }

    /// Our secret there has run out (E7), or is good again.
    pub fn expire_secret(&self, expired: bool) {
        self.state().secret_expired = expired;
    }

    /// A token by which clients may be registered: so often, or as an API token for ever.
    pub fn registrar(&self, uses: Option<u32>) -> String {
        let mut state = self.state();
        let token = state.opaque("registrar");
        state.registrars.insert(token.clone(), uses);
        token
    }

    /// The clients that registered themselves, by id.
    pub fn registered(&self) -> Vec<(String, Client)> {
        let state = self.state();
        state.clients.iter().filter(|(id, _)| *id != CLIENT).map(|(id, client)| (id.clone(), client.clone())).collect()
    }

    /// What was asked there so far, oldest first.
    pub fn asked(&self, endpoint: Endpoint) -> Vec<Asked> {
        self.state().asked.iter().filter(|asked| asked.endpoint == endpoint).cloned().collect()
    }

    /// A logout token that speaks of this person, of their newest session if `with_session`; `change` may alter what it says.
    ///
    /// # Panics
    /// When the person has no session.
    pub fn logout_token(&self, name: &str, with_session: bool, change: impl FnOnce(&mut Value)) -> String {
        let (now, issuer) = (self.now(), self.issuer());
        let state = self.state();
        let session = state.sessions.values().filter(|session| session.person == name).max_by_key(|session| session.signed_in_at);
        let session = session.unwrap_or_else(|| panic!("{name} has no session"));
        let about = claims::About {
            issuer: &issuer,
            client: CLIENT,
            person: &state.people[name],
            nonce: None,
            scopes: &[],
            session: &session.id,
            signed_in_at: session.signed_in_at,
            now,
            most_groups: 0,
        };
        let sub = (self.0.profile.id_token)(&about)["sub"].as_str().expect("every ID token has one").to_owned();
        let mut claims = logout::logout_claims(&issuer, CLIENT, &sub, with_session.then_some(session.id.as_str()), now.seconds());
        change(&mut claims);
        state.keys.sign("logout+jwt", &claims)
    }

    /// Tells a client so, as the provider does (OpenID Connect Back-Channel Logout).
    pub async fn tell_of_logout(&self, at: &str, logout_token: &str) -> Answer {
        Browser::program(Arc::new(SystemClock)).post(at, &[("logout_token", logout_token)]).await
    }

    pub fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    pub fn base(&self) -> &str {
        &self.0.base
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

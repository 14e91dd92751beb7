//! A browser at one of a tenant's pages: the cookie that tells it from others, and who is signed in there.

use std::time::Duration;

use axum::http::HeaderMap;
use axum::http::header::COOKIE;
use chancery_core::{Cookie, Person, Secret, SignedIn, Slug};
use chancery_crypto::digest::{from_base64url, secret_text, sha256};
use chancery_registry::{Access, Tenant};
use chancery_store::repo::sessions;
use chancery_store::repo::subjects::{self, Standing, Subject};
use chancery_store::{Store, StoreError, Write};

use crate::moment::Moment;

/// That somebody is here need not be written at each step they take.
const SEEN_EVERY: Duration = Duration::from_secs(60);

/// A browser, known by a random cookie before anybody is known.
pub(crate) struct Browser {
    cookie: Secret<String>,
    is_new: bool,
}

/// Who is signed in there.
#[derive(Clone)]
pub(crate) struct Visitor {
    /// SHA-256 of the session's cookie.
    pub session: [u8; 32],
    pub signed_in: SignedIn,
    /// What to call them on a page.
    pub label: String,
    /// What their groups give them.
    pub access: Access,
}

impl Browser {
    /// The browser that has our cookie; nothing, if it has none that we could have set.
    pub fn known(tenant: &Tenant, headers: &HeaderMap) -> Option<Self> {
        let cookie = Cookie::Browser.find(&tenant.base, &tenant.name, cookies(headers))?;
        let secret = cookie.strip_prefix(tenant.name.as_str()).and_then(|rest| rest.strip_prefix('.'));
        let ours = secret.and_then(from_base64url).is_some_and(|bytes| bytes.len() == 32);
        ours.then(|| Self { cookie: Secret::new(cookie.to_owned()), is_new: false })
    }

    /// The same, or a browser that gets its cookie now. One that has it keeps it: a person may have several pages open.
    pub fn known_or_new(tenant: &Tenant, headers: &HeaderMap, moment: &mut Moment) -> Self {
        Self::known(tenant, headers).unwrap_or_else(|| {
            // The tenant stands in the name, and in what pages and sign-ins are bound to.
            let cookie = format!("{}.{}", tenant.name, secret_text(moment.entropy.take()).expose());
            Self { cookie: Secret::new(cookie), is_new: true }
        })
    }

    /// What pages and sign-ins are bound to.
    pub fn hash(&self) -> [u8; 32] {
        sha256(self.cookie.expose().as_bytes())
    }

    /// The `Set-Cookie` value, where the browser does not have it yet.
    pub fn set_cookie(&self, tenant: &Tenant) -> Option<String> {
        self.is_new.then(|| Cookie::Browser.set(&tenant.base, &tenant.name, self.cookie.expose(), None))
    }
}

impl Visitor {
    /// The living session that the browser's cookie names, of a person who may still sign in; and what says that they are here, where
    /// that has not been written for a while.
    pub async fn of(
        tenant: &Tenant,
        headers: &HeaderMap,
        store: &Store,
        moment: &Moment,
    ) -> Result<Option<(Self, Option<Write>)>, StoreError> {
        let Some(cookie) = Cookie::Session.find(&tenant.base, &tenant.name, cookies(headers)) else { return Ok(None) };
        let hash = sha256(cookie.as_bytes());
        let idle = tenant.lifetimes.session_idle;
        let session = sessions::by_hash(store, &tenant.id, &hash).await?;
        let alive = |session: &sessions::Session| session.is_alive(moment.now) && !session.is_idle(idle, moment.now);
        let Some(session) = session.filter(alive) else { return Ok(None) };
        let seen = session.is_idle(SEEN_EVERY.min(idle / 4), moment.now).then(|| sessions::used(&tenant.id, &hash, moment.now));
        let subject = subjects::by_id(store, &tenant.id, &session.subject).await?;
        Ok(subject.filter(|subject| may_be_signed_in(subject, &session.provider, tenant)).map(|subject| {
            let person = person(&subject);
            let access = tenant.access_of(&person, &session.provider);
            let label = person.label().map_or_else(|| subject.key.to_string(), str::to_owned);
            let sessions::Session { id, subject, their_id, provider, authentication, .. } = session;
            let signed_in = SignedIn { subject, session: id, their_session: their_id, provider, authentication };
            (Self { session: hash, signed_in, label, access }, seen)
        }))
    }
}

/// A person whom nobody has suspended, and whom the provider by which they came still vouches for.
pub(crate) fn may_be_signed_in(subject: &Subject, by: &Slug, tenant: &Tenant) -> bool {
    subject.status == Standing::Active && tenant.vouches_for(by, &subject.key) // JW-06
}

/// What the provider last said of them. Of what cannot be read, nobody knows the groups.
pub(crate) fn person(subject: &Subject) -> Person {
    serde_json::from_str(&subject.claims).unwrap_or_else(|_| Person { groups_withheld: true, ..Person::default() })
}

fn cookies(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok())
}

#[cfg(test)]
mod tests {
    use chancery_core::{Issuer, SubjectId, SubjectKey};

    use super::*;
    use crate::fixtures::{NOW, entropy, moment, tenant};

    #[test]
    fn sb_03_a_browser_is_known_where_its_cookie_was_set() {
        let (acme, mut other) = (tenant(), tenant());
        other.name = "other".parse().expect("a name");
        let cookie = Browser::known_or_new(&acme, &HeaderMap::new(), &mut moment()).cookie;
        let at = |tenant: &Tenant| {
            let header = format!("{}={}", Cookie::Browser.name(&tenant.base, &tenant.name), cookie.expose());
            let headers = [(COOKIE, header.parse().expect("a header"))].into_iter().collect();
            Browser::known(tenant, &headers).map(|browser| browser.hash())
        };
        assert_eq!(at(&acme), Some(sha256(cookie.expose().as_bytes())));
        assert_eq!(at(&other), None);
    }

    #[test]
    fn jw_06_whoever_is_suspended_or_has_nobody_to_vouch_for_them_is_not_signed_in() {
        let acme = tenant();
        let of = |issuer: &str, status| Subject {
            tenant: acme.id,
            id: SubjectId::mint(NOW, &mut entropy(9)),
            provider: "corp".parse().expect("a name"),
            key: SubjectKey::of(&Issuer::foreign(issuer), "alice"),
            status,
            claims: "{}".to_owned(),
            seen_at: NOW,
        };
        let by = |provider: &str, subject: Subject| may_be_signed_in(&subject, &provider.parse().expect("a name"), &acme);
        assert!(by("corp", of("https://idp.example", Standing::Active)));
        assert!(!by("corp", of("https://idp.example", Standing::Suspended)));
        assert!(!by("corp", of("https://elsewhere.example", Standing::Active)), "by the issuer that the provider had before");
        assert!(!by("gone", of("https://idp.example", Standing::Active)), "by a provider that is in the file no more");
    }
}

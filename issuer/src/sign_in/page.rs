//! What travels while somebody signs in, and with the page that asks where. The request lies in the seal, so an answer chooses a provider and
//! nothing else: not another client, not other scopes (SB-04); and it counts in the browser that approved, and there alone (SB-03).

use chancery_core::{ChooserPage, ProviderChoice, TenantId, Timestamp};
use chancery_crypto::digest::hex;
use chancery_crypto::seal::{InFlightKeys, Purpose};
use chancery_registry::{IdentityProvider, Tenant};
use serde::{Deserialize, Serialize};

use crate::apps::AppsErrand;
use crate::consent::Approved;
use crate::consent::post::{PostedFrom, unusable};
use crate::consent::sealed::Sealed;
use crate::moment::Moment;
use crate::page_refusal::PageRefusal;
use crate::redirect_uri::shown_host;

/// What a person signs in for.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) enum Wants {
    Approved(Box<Approved>),
    /// To see what they allowed.
    Apps,
}

/// The page, shown to one browser, to be answered once.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct Chooser {
    /// What its answer consumes.
    pub id: String,
    pub wants: Wants,
    /// SHA-256 of the cookie of the browser that was shown it.
    pub browser: [u8; 32],
    pub shown_at: Timestamp,
}

/// What was posted.
pub(super) struct Posted<'a> {
    pub from: PostedFrom<'a>,
    /// Nothing, if the seal is not ours.
    pub chooser: Option<Chooser>,
    pub provider: Option<&'a str>,
}

impl Wants {
    pub fn approved(&self) -> Option<&Approved> {
        match self {
            Self::Approved(approved) => Some(approved),
            Self::Apps => None,
        }
    }

    /// As the sign-in's row holds it. The seals are not of one purpose: who only wanted to see a page approves nothing.
    pub fn seal(&self, keys: &InFlightKeys, tenant: &TenantId, moment: &mut Moment) -> Option<String> {
        match self {
            Self::Approved(approved) => approved.seal(keys, tenant, moment),
            Self::Apps => AppsErrand {}.seal(keys, tenant, moment),
        }
    }

    pub fn open(keys: &InFlightKeys, tenant: &TenantId, sealed: &str) -> Option<Self> {
        let approved = Approved::open(keys, tenant, sealed).map(|approved| Self::Approved(Box::new(approved)));
        approved.or_else(|| AppsErrand::open(keys, tenant, sealed).map(|AppsErrand {}| Self::Apps))
    }
}

impl Chooser {
    pub fn of(wants: Wants, browser: [u8; 32], moment: &mut Moment) -> Self {
        Self { id: hex(&moment.entropy.take::<16>()), wants, browser, shown_at: moment.now }
    }
}

impl Sealed for Chooser {
    const PURPOSE: Purpose = Purpose::Chooser;
}

/// What was answered, and the provider, as the file has it now.
pub(super) fn checked<'a>(posted: Posted<'_>, tenant: &'a Tenant, now: Timestamp) -> Result<(Chooser, &'a IdentityProvider), PageRefusal> {
    posted.from.same_origin(&tenant.base)?; // SB-03
    let chooser = posted.chooser.ok_or_else(|| unusable("page_seal", "What was sent is not a page of this server.").by_row("SB-04"))?; // SB-04
    posted.from.same_browser(chooser.browser)?; // SB-03
    posted.from.in_time(chooser.shown_at + tenant.lifetimes.consent_page, now)?;
    let named = posted.provider.and_then(|name| tenant.providers.iter().find(|provider| provider.name.as_str() == name));
    let gone = || unusable("page_provider", "The page came back without a place to sign in that there is.");
    Ok((chooser, named.ok_or_else(gone)?))
}

pub(super) fn chooser_page(chooser: &Chooser, tenant: &Tenant, sealed: String) -> ChooserPage {
    let choice = |provider: &IdentityProvider| ProviderChoice {
        name: provider.name.to_string(),
        title: provider.title.clone(),
        host: shown_host(provider.issuer.as_str()),
        domains: provider.domains.clone(),
    };
    ChooserPage {
        tenant: tenant.name.to_string(),
        client_name: chooser.wants.approved().map(|approved| approved.client_name.clone()),
        providers: tenant.providers.iter().map(choice).collect(),
        action: format!("{}/{}", tenant.issuer, super::ENDPOINT),
        sealed,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use chancery_crypto::seal::Bound;

    use super::*;
    use crate::consent::fixtures::{BROWSER, approved, page};
    use crate::fixtures::{NOW, moment, page_keys, tenant};

    fn chooser() -> Chooser {
        Chooser::of(Wants::Approved(Box::new(approved())), BROWSER, &mut moment())
    }

    fn from<'a>() -> PostedFrom<'a> {
        PostedFrom { origin: Some("https://gw.example"), fetch_site: None, browser: Some(BROWSER) }
    }

    fn posted<'a>() -> Posted<'a> {
        Posted { from: from(), chooser: Some(chooser()), provider: Some("corp") }
    }

    fn refusal(posted: Posted<'_>) -> (&'static str, &'static str) {
        match checked(posted, &tenant(), NOW) {
            Ok(_) => panic!("the answer was taken"),
            Err(refusal) => (refusal.reason, refusal.row),
        }
    }

    #[test]
    fn sb_03_a_choice_counts_from_our_page_in_the_browser_that_approved_and_in_time() {
        assert!(
            checked(posted(), &tenant(), NOW).is_ok_and(|(answered, provider)| answered == chooser() && provider.name.as_str() == "corp")
        );
        for origin in [None, Some("null"), Some("https://evil.example")] {
            assert_eq!(refusal(Posted { from: PostedFrom { origin, ..from() }, ..posted() }).0, "page_origin");
        }
        for browser in [None, Some([8; 32])] {
            assert_eq!(refusal(Posted { from: PostedFrom { browser, ..from() }, ..posted() }), ("page_browser", "SB-03"));
        }
        let old = Chooser { shown_at: NOW - tenant().lifetimes.consent_page, ..chooser() };
        assert_eq!(refusal(Posted { chooser: Some(old.clone()), ..posted() }).0, "page_age");
        let young = Chooser { shown_at: old.shown_at + Duration::from_millis(1), ..old };
        assert!(checked(Posted { chooser: Some(young), ..posted() }, &tenant(), NOW).is_ok());
    }

    #[test]
    fn a_choice_is_one_of_the_providers_that_there_are() {
        for provider in [None, Some(""), Some("partner"), Some("CORP")] {
            assert_eq!(refusal(Posted { provider, ..posted() }).0, "page_provider", "{provider:?}");
        }
    }

    #[test]
    fn sb_04_neither_a_page_nor_an_approval_passes_for_a_chooser_nor_it_for_them() {
        let (keys, tenant) = (page_keys(1), tenant().id);
        let sealed = chooser().seal(&keys, &tenant, &mut moment()).expect("keys");
        assert_eq!(Chooser::open(&keys, &tenant, &sealed), Some(chooser()));
        for purpose in [Purpose::Page, Purpose::ApprovedRequest, Purpose::AppsPage, Purpose::AppsErrand] {
            assert!(keys.open(Bound { purpose, tenant: &tenant, resource: "" }, &sealed).is_none(), "{purpose:?}");
        }

        let page = page().seal(&keys, &tenant, &mut moment()).expect("keys");
        for wants in [Wants::Apps, Wants::Approved(Box::new(approved()))] {
            let sealed = wants.seal(&keys, &tenant, &mut moment()).expect("keys");
            assert_eq!(Wants::open(&keys, &tenant, &sealed), Some(wants));
            assert_eq!(Chooser::open(&keys, &tenant, &sealed), None);
        }
        assert_eq!(Chooser::open(&keys, &tenant, &page), None);
        assert_eq!(refusal(Posted { chooser: None, ..posted() }), ("page_seal", "SB-04"));
    }
}

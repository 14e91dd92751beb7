//! Which of a tenant's providers is somebody's, where it can be told without asking them.

use chancery_core::Slug;
use chancery_registry::{IdentityProvider, Tenant};

use super::page::Wants;

pub(super) enum Choice<'a> {
    At(&'a IdentityProvider),
    /// Several could be.
    Ask,
    /// There is none.
    Nowhere,
}

/// A hint comes from the app: it says where to go, never who came.
pub(super) fn choice<'a>(tenant: &'a Tenant, wants: &Wants, came_by: Option<&Slug>) -> Choice<'a> {
    let asked = wants.approved().map(|approved| &approved.request);
    let hinted = || of_domain(tenant, asked?.login_hint.as_deref()?);
    // Who wants to be somebody else may be at home elsewhere.
    let before = || tenant.provider(came_by.filter(|_| !asked.is_some_and(|asked| asked.select))?);
    match tenant.providers.as_slice() {
        [] => Choice::Nowhere,
        [only] => Choice::At(only),
        _ => hinted().or_else(before).map_or(Choice::Ask, Choice::At),
    }
}

/// Of an address, or a domain by itself. No two providers have one domain; another domain below it is another's.
fn of_domain<'a>(tenant: &'a Tenant, hint: &str) -> Option<&'a IdentityProvider> {
    let domain = hint.rsplit('@').next()?.trim();
    tenant.providers.iter().find(|provider| provider.domains.iter().any(|theirs| theirs.eq_ignore_ascii_case(domain)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::consent::fixtures::approved;
    use crate::fixtures::{provider, tenant};

    fn at(providers: &[(&str, &[&str])], wants: &Wants, came_by: Option<&str>) -> Option<String> {
        let mut tenant = tenant();
        tenant.providers = providers.iter().map(|(name, domains)| provider(name, domains)).collect();
        let came_by: Option<Slug> = came_by.map(|name| name.parse().expect("a slug"));
        match choice(&tenant, wants, came_by.as_ref()) {
            Choice::At(provider) => Some(provider.name.to_string()),
            Choice::Ask => None,
            Choice::Nowhere => Some("nowhere".to_owned()),
        }
    }

    fn hinting(hint: &str) -> Wants {
        let mut approved = approved();
        approved.request.login_hint = Some(hint.to_owned());
        Wants::Approved(Box::new(approved))
    }

    const TWO: &[(&str, &[&str])] = &[("corp", &["acme.example"]), ("partner", &["partner.example", "xn--bcher-kva.example"])];

    #[test]
    fn where_there_is_one_provider_nobody_is_asked() {
        for wants in [Wants::Apps, hinting("bob@elsewhere.example")] {
            assert_eq!(at(&TWO[..1], &wants, None).as_deref(), Some("corp"));
            assert_eq!(at(&[], &wants, Some("corp")).as_deref(), Some("nowhere"));
        }
    }

    #[test]
    fn who_has_an_address_of_a_provider_s_domain_goes_there() {
        for hint in ["bob@partner.example", "BOB@Partner.Example", "partner.example", "\"odd@acme.example\"@partner.example"] {
            assert_eq!(at(TWO, &hinting(hint), Some("corp")).as_deref(), Some("partner"), "{hint}");
        }
        for hint in ["bob", "", "@", "bob@sub.partner.example", "bob@evil-partner.example", "bob@partner.example.evil.example"] {
            assert_eq!(at(TWO, &hinting(hint), None), None, "{hint}");
        }
    }

    #[test]
    fn who_must_sign_in_anew_does_so_where_they_did_before() {
        let wants = || Wants::Approved(Box::new(approved()));
        assert_eq!(at(TWO, &wants(), Some("partner")).as_deref(), Some("partner"));
        assert_eq!(at(TWO, &wants(), Some("gone")), None);
        assert_eq!(at(TWO, &wants(), None), None);
        assert_eq!(at(TWO, &Wants::Apps, None), None);

        let mut another = approved();
        another.request.select = true;
        assert_eq!(at(TWO, &Wants::Approved(Box::new(another)), Some("partner")), None);
    }
}

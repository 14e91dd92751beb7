//! A person ends what they allowed an app: by a button of our page, in the browser and as the person that it was shown to, in time, once.

use chancery_audit::Draft;
use chancery_core::{AppsPage, ClientId, Event, Field, GrantId, Kind, Timestamp};
use chancery_registry::Tenant;
use chancery_store::repo::sessions;
use chancery_tokens::end_of_allowed;

use super::page::Page;
use crate::consent::post::{PostedFrom, once, unusable};
use crate::form::Form;
use crate::moment::Moment;
use crate::page_refusal::PageRefusal;
use crate::visit::Visitor;

/// Where in the draft the write stands that uses up the page.
pub(super) const CONSUMED: usize = 0;
const REASON: &str = "ended by the person";

/// Who ends what.
pub(super) struct Ending<'a> {
    pub page: &'a Page,
    pub client: &'a ClientId,
    pub visitor: &'a Visitor,
    /// What is alive of it.
    pub grants: &'a [GrantId],
}

/// The page that was answered, as the consent page is held to it.
pub(super) fn checked(from: &PostedFrom<'_>, page: Option<Page>, tenant: &Tenant, now: Timestamp) -> Result<Page, PageRefusal> {
    from.same_origin(&tenant.base).map_err(not_taken)?; // OA-22
    let page = page.ok_or_else(|| not_taken(unusable("page_seal", "What was sent is not a page of this server.").by_row("OA-22")))?;
    from.same_browser(page.browser).map_err(not_taken)?; // SB-03
    from.in_time(page.shown_at + tenant.lifetimes.consent_page, now).map_err(not_taken)?;
    Ok(page)
}

/// Which app, and the session that the page was shown to.
pub(super) fn by_whom<'a>(page: &Page, form: &Form, visitor: Option<&'a Visitor>) -> Result<(ClientId, &'a Visitor), PageRefusal> {
    const LONGEST: usize = 2048;
    let other = || not_taken(unusable("page_person", "Whom the page named is no longer signed in here.").by_row("SB-03"));
    let visitor = visitor.filter(|visitor| page.person == Some(visitor.signed_in.subject)).ok_or_else(other)?; // SB-03
    let client = form.one(AppsPage::END_FIELD).filter(|client| client.len() <= LONGEST);
    let none = || not_taken(unusable("page_decision", "The page came back without saying which app.").by_row("OA-22"));
    Ok((ClientId::claimed(client.ok_or_else(none)?), visitor))
}

pub(super) fn decide(tenant: &Tenant, ending: &Ending<'_>, moment: &mut Moment) -> Draft {
    let Ending { page, client, visitor, grants } = ending;
    let person = visitor.signed_in.subject;
    let consuming = once(tenant, &page.id, page.shown_at);
    let draft = Draft::default()
        .writing(consuming)
        .writing(sessions::alive(&tenant.id, &visitor.session, moment.now))
        .with(end_of_allowed(&tenant.id, (&person, client), grants, REASON, moment.now));
    let ids: Vec<_> = grants.iter().map(ToString::to_string).collect();
    let event = Event::new(Kind::ApprovalEnded, tenant.id, moment.now, &mut moment.entropy)
        .with(Field::Subject, person)
        .with(Field::Client, client)
        .with(Field::Grants, ids.join(" "))
        .with(Field::Session, visitor.signed_in.session)
        .with(Field::Reason, REASON);
    draft.recording(event)
}

/// The same refusal, in the words of this page.
pub(super) fn not_taken(refusal: PageRefusal) -> PageRefusal {
    PageRefusal { title: "Nothing was ended.", remedy: "Open the page of your apps again, and end it there.", ..refusal }
}

pub(crate) fn no_provider() -> PageRefusal {
    PageRefusal::new(
        "sign_in",
        "You cannot sign in just now.",
        "The identity provider of your organisation cannot be reached, or there is none.",
        "Try again in a minute. If it stays so, tell who runs this server.",
    )
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use chancery_store::repo::consumed;

    use super::*;
    use crate::fixtures::{DESK, NOW, alice, bob, form, grant, moment, tenant};

    const BROWSER: [u8; 32] = [7; 32];

    fn page() -> Page {
        Page::of(BROWSER, Some(alice().subject), &mut moment())
    }

    fn visitor(signed_in: chancery_core::SignedIn) -> Visitor {
        Visitor { session: [5; 32], signed_in, label: "somebody".to_owned(), access: chancery_registry::Access::default() }
    }

    fn from<'a>(origin: &'a str, browser: Option<[u8; 32]>) -> PostedFrom<'a> {
        PostedFrom { origin: Some(origin), fetch_site: None, browser }
    }

    #[test]
    fn oa_22_the_button_counts_from_our_page_in_that_browser_and_in_time() {
        let ours = from("https://gw.example", Some(BROWSER));
        let life = tenant().lifetimes.consent_page;
        let row = |from: &PostedFrom<'_>, page, now| checked(from, page, &tenant(), now).map_err(|refusal| refusal.row);
        assert!(row(&ours, Some(page()), NOW + life - Duration::from_millis(1)).is_ok());
        assert_eq!(row(&from("https://evil.example", Some(BROWSER)), Some(page()), NOW), Err("OA-22"));
        assert_eq!(row(&from("https://gw.example", Some([8; 32])), Some(page()), NOW), Err("SB-03"));
        assert_eq!(row(&from("https://gw.example", None), Some(page()), NOW), Err("SB-03"));
        assert_eq!(row(&ours, None, NOW), Err("OA-22"));
        assert_eq!(row(&ours, Some(page()), NOW + life), Err("OA-22"));
    }

    #[test]
    fn sb_03_nobody_ends_what_another_allowed() {
        let pressed = form([(AppsPage::END_FIELD, DESK)]);
        let (alice_s, bob_s) = (visitor(alice()), visitor(bob()));
        assert!(by_whom(&page(), &pressed, Some(&alice_s)).is_ok());
        for other in [None, Some(&bob_s)] {
            assert_eq!(by_whom(&page(), &pressed, other).err().map(|refusal| refusal.row), Some("SB-03"));
        }
        let nobody_s = Page { person: None, ..page() };
        assert!(by_whom(&nobody_s, &pressed, Some(&alice_s)).is_err());
        assert!(by_whom(&page(), &form([]), Some(&alice_s)).is_err());
        assert!(by_whom(&page(), &form([(AppsPage::END_FIELD, &*"x".repeat(3000))]), Some(&alice_s)).is_err());
    }

    #[test]
    fn the_page_is_used_up_before_anything_ends() {
        let (tenant, visitor, client) = (tenant(), visitor(alice()), ClientId::claimed(DESK));
        let grants = [grant(&tenant, DESK).id];
        let draft = decide(&tenant, &Ending { page: &page(), client: &client, visitor: &visitor, grants: &grants }, &mut moment());

        assert_eq!(draft.writes[CONSUMED], consumed::consume(&tenant.id, "page", &page().id, NOW + tenant.lifetimes.consent_page));
        assert_eq!(draft.writes[1], sessions::alive(&tenant.id, &[5; 32], NOW));
        assert_eq!(draft.changes.len(), 1, "every node hears of the grant");
        assert_eq!(draft.events[0].kind, Kind::ApprovalEnded);
        assert_eq!(draft.events[0].field(Field::Grants), Some(grants[0].to_string().as_str()));
    }
}

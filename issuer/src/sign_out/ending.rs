//! A person signs out: by the button of our page, in the browser and session that it was shown to, in time, once.

use chancery_audit::Draft;
use chancery_core::{Event, Field, GrantId, Kind, SIGNED_OUT, Timestamp};
use chancery_registry::Tenant;
use chancery_tokens::end_of_session;

use super::page::Page;
use crate::consent::post::{PostedFrom, once, unusable};
use crate::moment::Moment;
use crate::page_refusal::PageRefusal;
use crate::visit::Visitor;

/// Where in the draft the write stands that uses up the page.
pub(super) const CONSUMED: usize = 0;

/// The page that was answered, as the consent page is held to it. Another site that signs people out could have them sign in anew at a moment
/// of its choice.
pub(super) fn checked(from: &PostedFrom<'_>, page: Option<Page>, tenant: &Tenant, now: Timestamp) -> Result<Page, PageRefusal> {
    from.same_origin(&tenant.base).map_err(not_taken)?; // OA-22
    let page = page.ok_or_else(|| not_taken(unusable("page_seal", "What was sent is not a page of this server.").by_row("OA-22")))?;
    from.same_browser(page.browser).map_err(not_taken)?; // SB-03
    from.in_time(page.shown_at + tenant.lifetimes.consent_page, now).map_err(not_taken)?; // OA-22
    Ok(page)
}

/// Whoever signed in since is not signed out by a page that named another.
pub(super) fn by_whom(page: &Page, visitor: &Visitor) -> Result<(), PageRefusal> {
    if page.session == visitor.signed_in.session {
        return Ok(());
    }
    Err(not_taken(unusable("page_person", "Somebody signed in here since the page was shown.").by_row("SB-03"))) // SB-03
}

/// `grants` are those that end with the session: all that were allowed in it and are alive, or none.
pub(super) fn decide(tenant: &Tenant, page: &Page, (visitor, grants): (&Visitor, Option<&[GrantId]>), moment: &mut Moment) -> Draft {
    let session = visitor.signed_in.session;
    let ids: Vec<_> = grants.unwrap_or_default().iter().map(ToString::to_string).collect();
    let event = Event::new(Kind::SignedOut, tenant.id, moment.now, &mut moment.entropy)
        .with(Field::Subject, visitor.signed_in.subject)
        .with(Field::Session, session)
        .with(Field::IdentityProvider, &visitor.signed_in.provider)
        .with_some(Field::Grants, (!ids.is_empty()).then(|| ids.join(" ")));
    Draft::default()
        .writing(once(tenant, &page.id, page.shown_at))
        .with(end_of_session(&tenant.id, &session, grants, SIGNED_OUT, moment.now))
        .recording(event)
}

/// The same refusal, in the words of this page.
pub(super) fn not_taken(refusal: PageRefusal) -> PageRefusal {
    PageRefusal { title: "You were not signed out.", remedy: "Open the page to sign out again, and press its button there.", ..refusal }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use chancery_store::repo::{consumed, grants, logouts, sessions};

    use super::*;
    use crate::fixtures::{DESK, NOW, alice, bob, grant, moment, tenant};

    const BROWSER: [u8; 32] = [7; 32];

    fn page() -> Page {
        Page::of(BROWSER, alice().session, &mut moment())
    }

    fn visitor(signed_in: chancery_core::SignedIn) -> Visitor {
        Visitor { session: [5; 32], signed_in, label: "somebody".to_owned(), access: chancery_registry::Access::default() }
    }

    #[test]
    fn oa_22_the_button_counts_from_our_page_in_that_browser_and_in_time() {
        let from = |origin, browser| PostedFrom { origin: Some(origin), fetch_site: None, browser };
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
    fn sb_03_nobody_is_signed_out_by_a_page_that_another_was_shown() {
        assert!(by_whom(&page(), &visitor(alice())).is_ok());
        assert_eq!(by_whom(&page(), &visitor(bob())).map_err(|refusal| refusal.row), Err("SB-03"));
    }

    #[test]
    fn the_page_is_used_up_then_the_session_ends_then_what_was_allowed_in_it() {
        let (tenant, visitor) = (tenant(), visitor(alice()));
        let ids = [grant(&tenant, DESK).id];
        let draft = decide(&tenant, &page(), (&visitor, Some(&ids)), &mut moment());
        let (id, session) = (tenant.id, alice().session);
        assert_eq!(draft.writes[CONSUMED], consumed::consume(&id, "page", &page().id, NOW + tenant.lifetimes.consent_page));
        assert_eq!(draft.writes[1], sessions::end_by_id(&id, &session, NOW));
        assert_eq!(draft.writes[2], logouts::of_session(&id, &session, NOW), "while the grants say which clients it concerns");
        assert_eq!(draft.writes[3], grants::end_of_session(&id, &session, NOW, SIGNED_OUT, 1));
        assert_eq!((draft.changes.len(), draft.events[0].kind), (1, Kind::SignedOut), "every node hears of the grant");
        assert_eq!(draft.events[0].field(Field::Grants), Some(ids[0].to_string().as_str()));

        let draft = decide(&tenant, &page(), (&visitor, None), &mut moment());
        assert_eq!((draft.writes.len(), draft.changes.len()), (3, 0), "what was allowed goes on");
    }
}

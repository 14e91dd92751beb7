//! The authorization endpoint (RFC 6749 §3.1; OAuth 2.1 §3.1, §4.1.1).
//!
//! 1. What arrived is read once, and the client it names is loaded.
//! 2. The table of steps runs from the top ([`steps`]): refusals go on our own page until the redirect URI is trusted, to the client
//!    from then on ([`sent`]).
//! 3. What the person allowed before leads straight to a code ([`crate::consent::remembered`]).
//! 4. Else the browser gets its cookie, and the person is asked ([`crate::consent`]).

mod arrival;
mod checks;
mod request;
mod sent;
mod steps;

use std::sync::Arc;

use axum::extract::{Path, RawQuery, State};
use axum::http::HeaderMap;
use chancery_core::oauth::Code;
use chancery_core::{ClientId, Event, Field, Kind, Pages, Source};

use self::arrival::Arrival;
use self::steps::checked;
use crate::answer::Answer;
use crate::body::Unread;
use crate::consent;
use crate::form::Form;
use crate::front::{From, Front, Visit, source_of};
use crate::moment::Moment;
use crate::page_post::PagePost;
use crate::refusal::Refused;
use crate::unanswered::Unanswered;
use crate::visit::{Browser, Visitor};

pub(crate) use self::request::AuthorizationRequest;
pub(crate) use self::sent::Sent;

const ENDPOINT: &str = "authorize";

/// What browsers and proxies carry in an address; everything that a request may hold fits.
const LONGEST_QUERY: usize = 16 * 1024;

pub(crate) async fn get<P: Pages>(
    State(front): State<Arc<Front<P>>>,
    Path(tenant): Path<String>,
    RawQuery(query): RawQuery,
    source: From,
    headers: HeaderMap,
) -> Answer {
    let form = Form::read(query.unwrap_or_default().as_bytes());
    gotten(&front, &tenant, (&headers, source_of(source)), &form).await.unwrap_or_else(|unanswered| front.unanswered(&unanswered))
}

pub(crate) async fn post<P: Pages>(State(front): State<Arc<Front<P>>>, post: PagePost) -> Answer {
    posted(&front, &post).await.unwrap_or_else(|unanswered| front.unanswered(&unanswered))
}

/// What the request says beside its parameters.
type Asker<'a> = (&'a HeaderMap, Source);

async fn gotten<P: Pages>(front: &Front<P>, tenant: &str, (headers, source): Asker<'_>, form: &Form) -> Result<Answer, Unanswered> {
    let (tenant, keys) = front.server.tenant(tenant, ENDPOINT)?;
    answer(front, Visit { tenant: &tenant, keys: &keys, headers, source, endpoint: ENDPOINT }, form).await
}

/// A request may be posted (RFC 6749 §3.1). One that brings no cookie of ours may come from another site's page, where browsers keep
/// theirs back: to set a new one would take the browser from whatever else it is doing here. It comes again by GET, with all it has (SB-03).
async fn posted<P: Pages>(front: &Front<P>, post: &PagePost) -> Result<Answer, Unanswered> {
    let (tenant, keys) = front.server.tenant(&post.tenant, ENDPOINT)?;
    let visit = post.visit(&tenant, &keys, ENDPOINT);
    let form = match post.form() {
        Ok(form) => form,
        Err(refusal) => return front.refuse(visit, refusal).await,
    };
    if Browser::known(&tenant, visit.headers).is_some() {
        return answer(front, visit, &form).await;
    }
    match form.encoded() {
        query if query.len() > LONGEST_QUERY => front.refuse(visit, Unread::TooLong.on_page()).await,
        query => Ok(Answer::again_by_get(&format!("{}/{ENDPOINT}?{query}", tenant.issuer))),
    }
}

async fn answer<P: Pages>(front: &Front<P>, visit: Visit<'_>, form: &Form) -> Result<Answer, Unanswered> {
    let (client, fault) = match form.one("client_id") {
        Some(id) => front.server.client(visit.tenant, &ClientId::claimed(id), Some(visit.source)).await?,
        None => (None, None),
    };
    let arrival = Arrival { tenant: visit.tenant, form, client: client.as_ref(), fault: fault.as_ref() };
    let request = match checked(&arrival) {
        Ok(request) => request,
        Err(sent) => return front.send(visit, sent).await,
    };

    let mut moment = front.server.moment();
    let visitor = front.server.visitor(visit.tenant, visit.headers, &moment).await?;
    if let (Some(client), Some(visitor)) = (&client, &visitor)
        && let Some(answer) = consent::remembered(front, visit, consent::Known { request: &request, client, visitor }).await?
    {
        return Ok(answer);
    }
    if let (true, Some(client)) = (request.silent, &client) {
        let no = nobody_may_be_asked(visit, &request, visitor.as_ref(), &mut moment);
        return front.send(visit, Sent::unasked(client, request.return_to, no)).await;
    }
    let browser = Browser::known_or_new(visit.tenant, visit.headers, &mut moment);
    let to_ask = consent::ToAsk { request, browser: &browser, visitor: visitor.as_ref() };
    let answer = consent::ask(front, visit, to_ask, &mut moment).await?;
    Ok(answer.setting_cookie(browser.set_cookie(visit.tenant)))
}

/// `prompt=none`, where nothing that is remembered covers the request: which no depends on whether somebody is signed in (OA-21).
fn nobody_may_be_asked(visit: Visit<'_>, request: &AuthorizationRequest, visitor: Option<&Visitor>, moment: &mut Moment) -> Refused {
    let Some(visitor) = visitor else {
        return Refused::new(Code::LoginRequired, "nobody is signed in; send the person here without prompt=none").by_row("OA-21");
    };
    let event = Event::new(Kind::AuthorizationRefused, visit.tenant.id, moment.now, &mut moment.entropy)
        .with(Field::Subject, visitor.signed_in.subject)
        .with(Field::Session, visitor.signed_in.session)
        .with(Field::Client, &request.client)
        .with(Field::Reason, Code::ConsentRequired)
        .with(Field::Row, "OA-21");
    Refused::new(Code::ConsentRequired, "the person must be asked; send them here without prompt=none").by_row("OA-21").recording(event)
}

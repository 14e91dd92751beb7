//! The handlers: what was asked becomes a task; whoever administers answers. The guard stands before all of them, and has read the body:
//! none of them waits for whoever asks.

use std::collections::HashMap;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Extension, Path, Query, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use utoipa::IntoParams;

use super::guard::Administrator;
use super::message::{
    Applied, Clients, Events, Files, Grants, Keys, List, Listed, Objects, Planned, Revoke, Revoked, Sessions, Stand, Subjects, Tail, Task,
};
use super::{By, Parts, Problem};

pub(super) type Api = State<Arc<Parts>>;
pub(super) type Admin = Extension<Administrator>;
pub(super) type Answered = Result<Response, Problem>;

/// No page is longer, and it is this long unless told.
const PAGE: u32 = 100;

/// Which part of a list.
#[derive(Default, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub(super) struct Page {
    /// From behind this id on: the `next` of the page before.
    after: Option<String>,
    /// How many at most.
    limit: Option<u32>,
    /// Of this person alone: id, username or email address.
    subject: Option<String>,
    /// Of this client alone: id or name.
    client: Option<String>,
}

type Asked = Result<Query<Page>, axum::extract::rejection::QueryRejection>;

#[utoipa::path(get, path = "/t/{tenant}/admin/objects", params(("tenant" = String, Path)), responses((status = 200, body = Objects)))]
pub(super) async fn objects(State(api): Api, Extension(admin): Admin) -> Answered {
    listed(&api, &admin, Listed::Objects, Page::default()).await
}

#[utoipa::path(get, path = "/t/{tenant}/admin/clients", params(("tenant" = String, Path), Page), responses((status = 200, body = Clients)))]
pub(super) async fn clients(State(api): Api, Extension(admin): Admin, asked: Asked) -> Answered {
    listed(&api, &admin, Listed::Clients, page(asked)?).await
}

#[utoipa::path(get, path = "/t/{tenant}/admin/clients/{id}", params(("tenant" = String, Path), ("id" = String, Path)),
    responses((status = 200, body = Clients), (status = 404, body = Problem)))]
pub(super) async fn client(State(api): Api, Extension(admin): Admin, Path(path): Path<HashMap<String, String>>) -> Answered {
    listed(&api, &admin, Listed::Clients, Page { client: path.get("id").cloned(), ..Page::default() }).await
}

#[utoipa::path(get, path = "/t/{tenant}/admin/grants", params(("tenant" = String, Path), Page), responses((status = 200, body = Grants)))]
pub(super) async fn grants(State(api): Api, Extension(admin): Admin, asked: Asked) -> Answered {
    listed(&api, &admin, Listed::Grants, page(asked)?).await
}

#[utoipa::path(get, path = "/t/{tenant}/admin/subjects", params(("tenant" = String, Path), Page), responses((status = 200, body = Subjects)))]
pub(super) async fn subjects(State(api): Api, Extension(admin): Admin, asked: Asked) -> Answered {
    listed(&api, &admin, Listed::Subjects, page(asked)?).await
}

#[utoipa::path(get, path = "/t/{tenant}/admin/subjects/{id}", params(("tenant" = String, Path), ("id" = String, Path)),
    responses((status = 200, body = Subjects), (status = 404, body = Problem)))]
pub(super) async fn subject(State(api): Api, Extension(admin): Admin, Path(path): Path<HashMap<String, String>>) -> Answered {
    listed(&api, &admin, Listed::Subjects, Page { subject: path.get("id").cloned(), ..Page::default() }).await
}

#[utoipa::path(get, path = "/t/{tenant}/admin/sessions", params(("tenant" = String, Path), Page), responses((status = 200, body = Sessions)))]
pub(super) async fn sessions(State(api): Api, Extension(admin): Admin, asked: Asked) -> Answered {
    listed(&api, &admin, Listed::Sessions, page(asked)?).await
}

#[utoipa::path(get, path = "/t/{tenant}/admin/keys", params(("tenant" = String, Path)), responses((status = 200, body = Keys)))]
pub(super) async fn keys(State(api): Api, Extension(admin): Admin) -> Answered {
    listed(&api, &admin, Listed::Keys, Page::default()).await
}

/// The newest events, or those after one.
#[utoipa::path(get, path = "/t/{tenant}/admin/events", params(("tenant" = String, Path), Page), responses((status = 200, body = Events)))]
pub(super) async fn events(State(api): Api, Extension(admin): Admin, asked: Asked) -> Answered {
    let Page { after, limit, .. } = page(asked)?;
    let after = after.map(|after| after.parse()).transpose().map_err(|_| Problem::malformed("`after` is no event's id"))?;
    let tail = Tail { tenant: admin.tenant.name.to_string(), after, limit: limit.unwrap_or(PAGE), follow: false };
    api.administer.events(&tail).await.map(|events| json(&events))
}

/// What applying these files would change.
#[utoipa::path(post, path = "/t/{tenant}/admin/plan", params(("tenant" = String, Path)), request_body = Files, responses((status = 200, body = Planned)))]
pub(super) async fn plan(State(api): Api, Extension(admin): Admin, headers: HeaderMap, body: Bytes) -> Answered {
    done(&api, &admin, Task::Plan(read::<Files>(&headers, body)?)).await
}

#[utoipa::path(post, path = "/t/{tenant}/admin/apply", params(("tenant" = String, Path)), request_body = Files,
    responses((status = 200, body = Applied), (status = 400, body = Problem), (status = 409, body = Problem)))]
pub(super) async fn apply(State(api): Api, Extension(admin): Admin, headers: HeaderMap, body: Bytes) -> Answered {
    done(&api, &admin, Task::Apply(read::<Files>(&headers, body)?)).await
}

/// Ends something at once and everywhere; with `dry_run` it says what would end.
#[utoipa::path(post, path = "/t/{tenant}/admin/revocations", params(("tenant" = String, Path)), request_body = Revoke,
    responses((status = 200, body = Revoked), (status = 409, body = Problem)))]
pub(super) async fn revoke(State(api): Api, Extension(admin): Admin, headers: HeaderMap, body: Bytes) -> Answered {
    let asked = read::<Revoke>(&headers, body)?;
    done(&api, &admin, Task::Revoke(Revoke { tenant: admin.tenant.name.to_string(), ..asked })).await
}

/// Suspends a person or lets them sign in again.
#[utoipa::path(post, path = "/t/{tenant}/admin/standing", params(("tenant" = String, Path)), request_body = Stand,
    responses((status = 200, body = Revoked), (status = 409, body = Problem)))]
pub(super) async fn stand(State(api): Api, Extension(admin): Admin, headers: HeaderMap, body: Bytes) -> Answered {
    let asked = read::<Stand>(&headers, body)?;
    done(&api, &admin, Task::Stand(Stand { tenant: admin.tenant.name.to_string(), ..asked })).await
}

async fn listed(api: &Parts, admin: &Administrator, what: Listed, page: Page) -> Answered {
    let Page { after, limit, subject, client } = page;
    let list = List { tenant: admin.tenant.name.to_string(), what, subject, client, after, limit: limit.unwrap_or(PAGE) };
    done(api, admin, Task::List(list)).await
}

pub(super) async fn done(api: &Parts, admin: &Administrator, task: Task) -> Answered {
    let by = By { subject: &admin.token.claims().sub, tenant: &admin.tenant.name };
    api.administer.administer(&task, by).await.map(|answer| json(&answer))
}

fn page(asked: Asked) -> Result<Page, Problem> {
    asked.map(|Query(page)| page).map_err(Problem::malformed)
}

pub(super) fn read<T: DeserializeOwned>(headers: &HeaderMap, body: Bytes) -> Result<T, Problem> {
    let kind = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).and_then(|value| value.split(';').next());
    if !kind.is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json")) {
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "send JSON").remedy("say `Content-Type: application/json`"));
    }
    serde_json::from_slice(&body).map_err(Problem::malformed)
}

pub(super) fn json(body: &impl Serialize) -> Response {
    let body = serde_json::to_vec(body).expect("answers are plain data");
    let mut response = body.into_response();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

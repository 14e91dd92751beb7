//! The handlers of registration that is governed by hand. As in [`super::handlers`], the guard stands before all of them.

use axum::body::Bytes;
use axum::extract::{Extension, Path, State};
use axum::http::HeaderMap;

use super::Problem;
use super::guard::Administrator;
use super::handlers::{Admin, Answered, Api, done, read};
use super::message::{
    Approve, Deny, EndToken, Judged, MakeToken, Registering, Registration, RegistrationToken, RegistrationTokenEnded, RegistrationTokens,
    Task, Waiting,
};

/// The clients that wait for approval, or were refused it, and what they say of themselves.
#[utoipa::path(get, path = "/t/{tenant}/admin/registration/waiting", params(("tenant" = String, Path)), responses((status = 200, body = Waiting)))]
pub(super) async fn waiting(State(api): Api, Extension(admin): Admin) -> Answered {
    done(&api, &admin, task(&admin, Registering::List)).await
}

/// One client that waits, or was refused, by its id: whoever registered it was told that.
#[utoipa::path(get, path = "/t/{tenant}/admin/registration/waiting/{id}", params(("tenant" = String, Path), ("id" = String, Path)),
    responses((status = 200, body = Waiting), (status = 409, body = Problem)))]
pub(super) async fn waits(State(api): Api, Extension(admin): Admin, Path((_, id)): Path<(String, String)>) -> Answered {
    done(&api, &admin, task(&admin, Registering::Show(id))).await
}

/// Lets a waiting client in, if it still says of itself what was read.
#[utoipa::path(post, path = "/t/{tenant}/admin/registration/approve", params(("tenant" = String, Path)), request_body = Approve,
    responses((status = 200, body = Judged), (status = 409, body = Problem)))]
pub(super) async fn approve(State(api): Api, Extension(admin): Admin, headers: HeaderMap, body: Bytes) -> Answered {
    done(&api, &admin, task(&admin, Registering::Approve(read(&headers, body)?))).await
}

/// Keeps a waiting client out.
#[utoipa::path(post, path = "/t/{tenant}/admin/registration/deny", params(("tenant" = String, Path)), request_body = Deny,
    responses((status = 200, body = Judged), (status = 409, body = Problem)))]
pub(super) async fn deny(State(api): Api, Extension(admin): Admin, headers: HeaderMap, body: Bytes) -> Answered {
    done(&api, &admin, task(&admin, Registering::Deny(read(&headers, body)?))).await
}

/// The initial access tokens that are still good.
#[utoipa::path(get, path = "/t/{tenant}/admin/registration/tokens", params(("tenant" = String, Path)),
    responses((status = 200, body = RegistrationTokens)))]
pub(super) async fn tokens(State(api): Api, Extension(admin): Admin) -> Answered {
    done(&api, &admin, task(&admin, Registering::Tokens)).await
}

/// Makes an initial access token. It is told once.
#[utoipa::path(post, path = "/t/{tenant}/admin/registration/tokens/make", params(("tenant" = String, Path)), request_body = MakeToken,
    responses((status = 200, body = RegistrationToken), (status = 409, body = Problem)))]
pub(super) async fn make_token(State(api): Api, Extension(admin): Admin, headers: HeaderMap, body: Bytes) -> Answered {
    done(&api, &admin, task(&admin, Registering::MakeToken(read(&headers, body)?))).await
}

/// Ends an initial access token. What it let in stays.
#[utoipa::path(post, path = "/t/{tenant}/admin/registration/tokens/end", params(("tenant" = String, Path)), request_body = EndToken,
    responses((status = 200, body = RegistrationTokenEnded), (status = 409, body = Problem)))]
pub(super) async fn end_token(State(api): Api, Extension(admin): Admin, headers: HeaderMap, body: Bytes) -> Answered {
    done(&api, &admin, task(&admin, Registering::EndToken(read(&headers, body)?))).await
}

fn task(admin: &Administrator, what: Registering) -> Task {
    Task::Registration(Registration { tenant: admin.tenant.name.to_string(), what })
}

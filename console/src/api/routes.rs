//! Every address of the admin API, and the scope that it takes. The table is the code: the router is made of it.

use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::DefaultBodyLimit;
use axum::routing::{MethodRouter, get, post};
use axum::{Router, middleware};

use super::guard::{self, Guard};
use super::{Parts, handlers, openapi, registration};

pub(super) const READ: &str = "admin:read";
pub(super) const APPLY: &str = "admin:apply";
pub(super) const REVOKE: &str = "admin:revoke";
pub(super) const REGISTER: &str = "admin:register";

/// A request that names one thing.
const SHORT: usize = 16 * 1024;
/// A configuration: files, and the secrets that they refer to.
const FILES: usize = 4 * 1024 * 1024;

/// Address below `/t/{tenant}/admin`, scope, what policies call it (the target of `call_tool`), the longest body, who answers.
#[rustfmt::skip]
pub(super) const ROUTES: &[Route] = &[
    //    address                     scope     policies call it             body   handler
    route("/objects",                 READ,     "list_objects",              SHORT, || get(handlers::objects)),
    route("/events",                  READ,     "list_events",               SHORT, || get(handlers::events)),
    route("/clients",                 READ,     "list_clients",              SHORT, || get(handlers::clients)),
    route("/clients/{id}",            READ,     "list_clients",              SHORT, || get(handlers::client)),
    route("/grants",                  READ,     "list_grants",               SHORT, || get(handlers::grants)),
    route("/subjects",                READ,     "list_subjects",             SHORT, || get(handlers::subjects)),
    route("/subjects/{id}",           READ,     "list_subjects",             SHORT, || get(handlers::subject)),
    route("/sessions",                READ,     "list_sessions",             SHORT, || get(handlers::sessions)),
    route("/keys",                    READ,     "list_keys",                 SHORT, || get(handlers::keys)),
    route("/plan",                    APPLY,    "plan",                      FILES, || post(handlers::plan)),
    route("/apply",                   APPLY,    "apply",                     FILES, || post(handlers::apply)),
    route("/revocations",             REVOKE,   "revoke",                    SHORT, || post(handlers::revoke)),
    route("/standing",                REVOKE,   "stand",                     SHORT, || post(handlers::stand)),
    route("/registration/waiting",    READ,     "list_waiting_clients",      SHORT, || get(registration::waiting)),
    route("/registration/waiting/{id}",READ,    "list_waiting_clients",      SHORT, || get(registration::waits)),
    route("/registration/approve",    REGISTER, "approve_client",            SHORT, || post(registration::approve)),
    route("/registration/deny",       REGISTER, "deny_client",               SHORT, || post(registration::deny)),
    route("/registration/tokens",     READ,     "list_registration_tokens",  SHORT, || get(registration::tokens)),
    route("/registration/tokens/make",REGISTER, "make_registration_token",   SHORT, || post(registration::make_token)),
    route("/registration/tokens/end", REGISTER, "end_registration_token",    SHORT, || post(registration::end_token)),
];

/// Where the description of all of them lies, for everybody to read.
pub(super) const DESCRIPTION: &str = "/openapi.json";

pub(super) struct Route {
    pub path: &'static str,
    pub scope: &'static str,
    pub target: &'static str,
    longest_body: usize,
    answers: fn() -> MethodRouter<Arc<Parts>>,
}

const fn route(
    path: &'static str,
    scope: &'static str,
    target: &'static str,
    longest_body: usize,
    answers: fn() -> MethodRouter<Arc<Parts>>,
) -> Route {
    Route { path, scope, target, longest_body, answers }
}

pub(super) fn router(parts: Arc<Parts>) -> Router {
    let guarded = |router: Router<Arc<Parts>>, route: &'static Route| {
        let guard = middleware::from_fn_with_state(Guard { parts: parts.clone(), route }, guard::admit);
        router.route(&below(route.path), (route.answers)().layer::<_, Infallible>(guard).layer(DefaultBodyLimit::max(route.longest_body)))
    };
    let described = Router::new().route(&below(DESCRIPTION), get(openapi::document));
    ROUTES.iter().fold(described, guarded).with_state(parts)
}

pub(super) fn below(path: &str) -> String {
    format!("/t/{{tenant}}/admin{path}")
}

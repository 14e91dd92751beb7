//! The API's description (OpenAPI 3.1), made from the handlers and their types. It tells nothing that the program's source does not, so
//! everybody may read it where there is such an API.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;
use utoipa::OpenApi;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};

use super::guard::nothing_here;
use super::routes::{self, ROUTES};
use super::{Parts, Problem, handlers, registration};

#[derive(OpenApi)]
#[openapi(
    info(title = "Chancery admin API", description = "Needs an access token for `{issuer}/admin`; each address says which scope."),
    paths(
        handlers::objects,
        handlers::events,
        handlers::clients,
        handlers::client,
        handlers::grants,
        handlers::subjects,
        handlers::subject,
        handlers::sessions,
        handlers::keys,
        handlers::plan,
        handlers::apply,
        handlers::revoke,
        handlers::stand,
        registration::waiting,
        registration::waits,
        registration::approve,
        registration::deny,
        registration::tokens,
        registration::make_token,
        registration::end_token
    ),
    components(schemas(Problem))
)]
struct Described;

pub(super) async fn document(State(api): State<Arc<Parts>>, Path(tenant): Path<String>) -> Result<Response, Problem> {
    let known = api.registry.tenant(&tenant).is_some_and(|tenant| tenant.administration().is_some());
    if known { Ok(handlers::json(&described())) } else { Err(nothing_here()) }
}

/// The scopes come from the table that enforces them.
fn described() -> utoipa::openapi::OpenApi {
    const BEARER: &str = "bearer";
    let mut document = Described::openapi();
    let scheme = SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("at+jwt").build());
    document.components.get_or_insert_default().add_security_scheme(BEARER, scheme);
    for route in ROUTES {
        let Some(item) = document.paths.paths.get_mut(&routes::below(route.path)) else { continue };
        for operation in [&mut item.get, &mut item.post].into_iter().flatten() {
            operation.security = Some(vec![SecurityRequirement::new(BEARER, [route.scope])]);
        }
    }
    document
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_address_is_described_with_its_scope_and_nothing_else_is() {
        let document = serde_json::to_value(described()).expect("JSON");
        assert!(document["openapi"].as_str().is_some_and(|version| version.starts_with("3.1")), "{document:#}");
        let paths = document["paths"].as_object().expect("paths");
        let mut described: Vec<&str> = paths.keys().map(String::as_str).collect();
        let mut routed: Vec<String> = ROUTES.iter().map(|route| routes::below(route.path)).collect();
        described.sort_unstable();
        routed.sort_unstable();
        assert_eq!(described, routed);
        for route in ROUTES {
            let item = paths[&routes::below(route.path)].as_object().expect("an address");
            assert_eq!(item.len(), 1, "{}: one method each", route.path);
            let operation = item.values().next().expect("a method");
            assert_eq!(operation["security"][0]["bearer"][0], route.scope, "{}", route.path);
        }
    }
}

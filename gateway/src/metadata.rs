//! Protected resource metadata (RFC 9728 §3): at the well-known URL with the resource's path inserted (PR-01).

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_MAX_AGE, CACHE_CONTROL,
    CONTENT_TYPE,
};
use http::{HeaderMap, HeaderValue, StatusCode, Uri};

use crate::{Gateway, headers};

pub const PATH: &str = "/.well-known/oauth-protected-resource";

/// The document of the resource at the path that follows; the root's is that of a resource without a path, and of no other (PR-01).
pub async fn document(State(gateway): State<Gateway>, uri: Uri, headers: HeaderMap) -> Response {
    let found = gateway.registry().resource_at(headers::host(&uri, &headers), resource_path(uri.path()));
    let found = found.and_then(|(tenant, resource)| tenant.resource_metadata(&resource.id));
    let mut response = match found {
        Some(document) => Response::new(Body::from(document)),
        None => {
            let mut response =
                Response::new(Body::from(r#"{"error":"not_found","error_description":"no protected resource has this address"}"#));
            *response.status_mut() = StatusCode::NOT_FOUND;
            response
        }
    };
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=60"));
    open_to_all(response)
}

pub async fn preflight() -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    open_to_all(response)
}

/// The path of the resource whose metadata is asked for.
fn resource_path(path: &str) -> &str {
    path.strip_prefix(PATH).filter(|path| !path.is_empty()).unwrap_or("/")
}

/// The document is public and no cookie counts for it, so any page may read it; clients send headers of MCP with it.
fn open_to_all(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET"));
    headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("*, authorization"));
    headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::bank;

    #[test]
    fn pr_01_a_resources_path_follows_the_well_known_one() {
        let url = bank().metadata_url();
        let path = url.strip_prefix("https://gw.example").expect("the same host");
        assert_eq!(resource_path(path), bank().path());
        assert_eq!(resource_path(PATH), "/");
        assert_eq!(resource_path(&format!("{PATH}/mcp")), "/mcp");
    }
}

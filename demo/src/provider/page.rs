//! The pages of the provider, in the console's dress.

use axum::response::{IntoResponse, Response};
use chancery_console::{HEADERS, STYLE};
use http::StatusCode;

use crate::Person;

/// Asks who it is. `query` is the request, carried through the form.
pub fn who(path: &str, query: &str, hint: Option<&str>) -> Response {
    let buttons: String = Person::ALL.iter().map(|person| button(*person, hint)).collect();
    let request = escaped(query);
    let main = format!(
        r#"<h1>Who are you?</h1>
<p>This stands for your company’s own sign-in. It keeps no passwords: choose a name.</p>
<form class="actions" method="post" action="{path}/sign-in">
<input type="hidden" name="request" value="{request}">
{buttons}</form>"#
    );
    page(StatusCode::OK, "Sign in · demo", &main)
}

/// After signing out, where there is no address to go back to.
pub fn signed_out() -> Response {
    page(StatusCode::OK, "Signed out · demo", "<h1>You are signed out.</h1>")
}

/// Says why nobody can be sent back.
pub fn refusal(why: &str) -> Response {
    let main = format!("<h1>This sign-in cannot go on.</h1>\n<p>{}</p>", escaped(why));
    page(StatusCode::BAD_REQUEST, "Refused · demo", &main)
}

fn button(person: Person, hint: Option<&str>) -> String {
    let first = hint.map_or(Person::Alice, |hint| hint.parse().unwrap_or(Person::Alice));
    let class = if person == first { r#" class="primary""# } else { "" };
    format!("<button{class} name=\"person\" value=\"{}\">{}</button>\n", person.id(), person.full_name())
}

fn page(status: StatusCode, title: &str, main: &str) -> Response {
    let html = format!(
        r#"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="same-origin">
<title>{title}</title>
<style>{STYLE}</style>
</head>
<body>
<header class="site"><span>Demo identity provider</span></header>
<main>
{main}
</main>
</body>
</html>
"#
    );
    let mut answer = (status, html).into_response();
    for (name, value) in HEADERS {
        answer.headers_mut().insert(*name, http::HeaderValue::from_static(value));
    }
    answer
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;").replace('\'', "&#39;")
}

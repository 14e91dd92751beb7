//! People at their browsers: they read what is on the page and press its buttons. They know our consent page, the development identity
//! provider's, Keycloak's, that of npm `oidc-provider` (its development interactions), and what the script of Glewlwyd's page does.

use url::Url;

use crate::cast::Person;
use crate::{Answer, Browser, Form, glewlwyd};

/// Everybody's, wherever one is asked for.
pub const PASSWORD: &str = "anything";

/// More pages than any journey has.
const MOST_PAGES: usize = 8;

/// Goes on from an answer until a redirect points to the app, or a page has nothing to press any more.
///
/// # Panics
/// When there is no end to the pages.
pub async fn go_on(browser: &Browser, mut answer: Answer, person: Person, consents: bool, app: &Url) -> Answer {
    // Origins of an app's own scheme are equal to none, not even to themselves.
    let place =
        |url: &Url| (url.scheme().to_owned(), url.host_str().map(str::to_owned), url.port_or_known_default(), url.path().to_owned());
    let to_app = |url: &Url| place(url) == place(app);
    for _ in 0..MOST_PAGES {
        answer = browser.follow(answer, to_app).await;
        if glewlwyd::is_login(&answer.url) {
            answer = glewlwyd::log_in(browser, &answer.url, person).await;
            continue;
        }
        let Some(form) = next_form(&answer, person, consents) else { return answer };
        let page = answer.url.clone();
        answer = browser.submit(form, &page).await;
    }
    panic!("no end to the pages, the last at {}: {}", answer.url, answer.text());
}

/// What this person presses on this page.
fn next_form(page: &Answer, person: Person, consents: bool) -> Option<Form> {
    if page.status.is_redirection() {
        return None;
    }
    Form::all(page).into_iter().find_map(|form| {
        if has_button(&form, "decision") {
            return Some(form.press("decision", if consents { "approve" } else { "deny" }));
        }
        if has_button(&form, "person") {
            return Some(form.press("person", person));
        }
        if form.field("username").is_some() && form.field("password").is_some() {
            return Some(form.fill("username", person).fill("password", PASSWORD));
        }
        match form.field("prompt") {
            Some("login") => Some(form.fill("login", person).fill("password", PASSWORD)),
            Some("consent") => Some(form),
            _ => None,
        }
    })
}

fn has_button(form: &Form, name: &str) -> bool {
    form.buttons.iter().any(|(known, _)| known == name)
}

//! The person's browser: keeps cookies, follows redirects, fills in the two forms it may meet, and stops where the client waits.

use chancery_core::Decision;
use http::header::{LOCATION, ORIGIN};
use url::Url;

use super::JourneyError;
use super::ask::{Answer, Ask};
use super::client::Client;
use super::form::Form;
use super::jar::Jar;

/// More hops than sign-in and consent could take.
const MOST_HOPS: usize = 20;

/// What an answer leads to.
enum Hop {
    /// Back to the client, with its answer in the query.
    Back(Url),
    Follow(Url),
    Press {
        button: String,
        form: Form,
        at: Url,
    },
}

/// Goes wherever it is sent, from the authorization endpoint to the client's own address; gives that address with the answer in it.
pub async fn visit(client: &mut Client<'_>, mut ask: Ask, until: &str) -> Result<Url, JourneyError> {
    let mut jar = Jar::default();
    for _ in 0..MOST_HOPS {
        ask = jar.on(ask);
        let answer = client.send(&ask).await?;
        jar.learn(&answer);
        ask = match next(&ask, &answer, until, client.person()).map_err(|why| ask.unexpected(&answer, why))? {
            Hop::Back(there) => {
                client.tell(&ask, &answer, "Location", &without_values(&there));
                return Ok(there);
            }
            Hop::Follow(to) => {
                client.tell(&ask, &answer, "Location", &without_values(&to));
                Ask::get(purpose(&to), to.as_str())?
            }
            Hop::Press { button, form, at } => {
                client.tell(&ask, &answer, "the person presses", &button);
                let fields = form.pressing(&button).unwrap_or_default();
                Ask::form(purpose(&at), at.as_str(), &fields)?.with(ORIGIN, at.origin().ascii_serialization())
            }
        };
    }
    Err(JourneyError::NotSent { does: ask.does, request: ask.line(), source: "the browser was sent on and on".into() })
}

fn next(sent: &Ask, answer: &Answer, until: &str, person: &str) -> Result<Hop, String> {
    match answer.status {
        302 | 303 => {
            let location = answer.header(&LOCATION).ok_or("a redirect without Location")?;
            let to = sent.to.join(location).map_err(|error| error.to_string())?;
            let back = location.split('?').next() == Some(until);
            Ok(if back { Hop::Back(to) } else { Hop::Follow(to) })
        }
        200 => {
            let form = Form::find(&answer.text()).ok_or("a page without a form")?;
            let button = [Decision::Approve.as_str(), person].into_iter().find(|button| form.pressing(button).is_some());
            let button = button.ok_or("a form without a button to press")?.to_owned();
            let at = sent.to.join(&form.action).map_err(|error| error.to_string())?;
            Ok(Hop::Press { button, form, at })
        }
        _ => Err(format!("{:.400}", answer.text())),
    }
}

/// What a hop is for, by where it goes.
fn purpose(to: &Url) -> &'static str {
    match to.path() {
        path if path.ends_with("/consent") => "consenting",
        path if path.ends_with("/sign-in") => "signing in",
        path if path.contains("/callback/") => "coming back from the identity provider",
        path if path.ends_with("/resume") => "fetching the code",
        path if path.starts_with("/demo/idp/") => "asking the identity provider who this is",
        _ => "going on",
    }
}

/// An address for showing: what a code or a state is, is nobody's business.
fn without_values(to: &Url) -> String {
    let names: Vec<String> = to.query_pairs().map(|(name, _)| format!("{name}=…")).collect();
    let mut plain = to.clone();
    plain.set_query(None);
    if names.is_empty() { plain.into() } else { format!("{plain}?{}", names.join("&")) }
}

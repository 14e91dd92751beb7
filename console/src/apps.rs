//! The page of what a person allowed, and the one in its place where nobody is signed in.

use askama::Template;
use chancery_core::{AllowedApp, AppsPage, SignInPage};

use crate::asked::Resource;
use crate::consent::{ADDRESS, NAME};
use crate::peer_text::line;
use crate::period::ago;

#[derive(Template)]
#[template(path = "apps.html")]
pub(crate) struct Apps<'a> {
    tenant: &'a str,
    person: String,
    apps: Vec<App<'a>>,
    ended: bool,
    sign_out: &'a str,
    action: &'a str,
    sealed: &'a str,
}

struct App<'a> {
    id: &'a str,
    shown_id: String,
    name: String,
    host: Option<String>,
    agent: Option<&'a str>,
    resources: Vec<Resource<'a>>,
    since: String,
    used: Option<String>,
}

impl<'a> Apps<'a> {
    pub(crate) fn of(page: &'a AppsPage) -> Self {
        Self {
            tenant: &page.tenant,
            person: line(&page.person, NAME),
            apps: page.apps.iter().map(App::of).collect(),
            ended: page.ended,
            sign_out: &page.sign_out,
            action: &page.action,
            sealed: &page.sealed,
        }
    }
}

impl<'a> App<'a> {
    fn of(app: &'a AllowedApp) -> Self {
        Self {
            id: &app.id,
            shown_id: line(&app.id, ADDRESS),
            name: line(&app.name, NAME),
            host: app.host.as_deref().map(|host| line(host, ADDRESS)),
            agent: app.agent.as_deref(),
            resources: app.resources.iter().map(Resource::of).collect(),
            since: ago(app.since),
            used: app.used.map(ago),
        }
    }
}

#[derive(Template)]
#[template(path = "sign_in.html")]
pub(crate) struct SignIn<'a> {
    tenant: &'a str,
    action: &'a str,
    sealed: &'a str,
}

impl<'a> SignIn<'a> {
    pub(crate) fn of(page: &'a SignInPage) -> Self {
        Self { tenant: &page.tenant, action: &page.action, sealed: &page.sealed }
    }
}

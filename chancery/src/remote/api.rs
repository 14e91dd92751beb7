//! Asking the admin API. A token that is about to end is renewed first; one that was refused all the same is renewed once. What another
//! command renewed meanwhile is taken from it.

use chancery_console::api::Problem;
use chancery_core::{Clock as _, SystemClock};
use chancery_outbound::{Fetched, Fetcher, Purpose};
use serde::Serialize;
use serde::de::DeserializeOwned;
use url::form_urlencoded::Serializer;

use super::{Credentials, Login, fetcher, tokens, unreachable};
use crate::admin::message::{Answer, Events, List, Listed, Registering, Tail, Task};
use crate::exit::{Exit, Failure};

/// A token that ends within this many seconds may end on its way.
const SOON: i64 = 30;

/// A server that is administered over HTTP. It has no `Debug`: it holds tokens.
pub struct Remote {
    fetcher: Fetcher,
    login: Login,
}

/// One request.
struct Ask {
    post: bool,
    /// Below the API's address, with its query.
    path: String,
    body: String,
}

impl Remote {
    /// With the login that was kept for it.
    ///
    /// # Errors
    /// [`Exit::Refused`], where there is none.
    pub fn open(server: &str, tenant: Option<&str>) -> Result<Self, Failure> {
        let login = Credentials::load()?.login(server, tenant)?.clone();
        Ok(Self { fetcher: fetcher()?, login })
    }

    /// The tenant that is administered.
    pub fn tenant(&self) -> &str {
        self.login.issuer.rsplit('/').next().unwrap_or_default()
    }

    /// # Errors
    /// What the server refuses, in its words; [`Exit::Server`] where it does not answer.
    pub async fn answer(&mut self, task: &Task) -> Result<Answer, Failure> {
        self.ask(&Ask::of(task)).await
    }

    /// # Errors
    /// As [`Remote::answer`].
    pub async fn events(&mut self, tail: &Tail) -> Result<Events, Failure> {
        let mut query = Serializer::new(String::new());
        query.append_pair("limit", &tail.limit.to_string());
        query.extend_pairs(tail.after.map(|after| ("after", after.to_string())));
        self.ask(&Ask { post: false, path: format!("events?{}", query.finish()), body: String::new() }).await
    }

    async fn ask<T: DeserializeOwned>(&mut self, ask: &Ask) -> Result<T, Failure> {
        if self.login.ends_soon() {
            self.renew().await?;
        }
        let mut fetched = self.send(ask).await?;
        if fetched.status.as_u16() == 401 {
            self.renew().await?;
            fetched = self.send(ask).await?;
        }
        if !fetched.status.is_success() {
            return Err(self.refused(&fetched));
        }
        let odd =
            |error| Failure::new(Exit::Server, "the server's answer cannot be read").because(error).remedy("is it of another version?");
        serde_json::from_slice(&fetched.body).map_err(odd)
    }

    /// Nobody else renews it meanwhile: of two at once the second finds what the first has kept.
    async fn renew(&mut self) -> Result<(), Failure> {
        let mut held = Credentials::hold().await?;
        let kept = held.credentials().logins.get(&self.login.issuer).cloned().ok_or_else(|| self.left())?;
        let is_new = kept.access_token != self.login.access_token;
        self.login = kept;
        if is_new && !self.login.ends_soon() {
            return Ok(());
        }
        self.login = tokens::renewed(&self.fetcher, &self.login).await?;
        held.keep(self.login.clone())
    }

    fn left(&self) -> Failure {
        Failure::new(Exit::Refused, "you are not logged in any more")
            .because(format!("another command logged you out at {}", self.login.issuer))
            .remedy("log in again: `chancery login`")
    }

    async fn send(&self, ask: &Ask) -> Result<Fetched, Failure> {
        let url = format!("{}/{}", self.login.admin, ask.path);
        let sent = if ask.post {
            self.fetcher.post_json(Purpose::Administration, &url, &self.login.access_token, ask.body.clone()).await
        } else {
            self.fetcher.get_with(Purpose::Administration, &url, &self.login.access_token).await
        };
        sent.map_err(|error| unreachable(&error))
    }

    fn refused(&self, fetched: &Fetched) -> Failure {
        let Ok(problem) = serde_json::from_slice::<Problem>(&fetched.body) else {
            let what = format!("the server answered with status {}", fetched.status.as_u16());
            return Failure::new(Exit::Server, what).remedy("check the address after --server");
        };
        let exit = match problem.status {
            400 => Exit::File,
            500.. => Exit::Server,
            _ => Exit::Refused,
        };
        let Problem { status, title, detail, remedy } = problem;
        if status == 403 && detail.is_empty() {
            let what = format!("you may not do this: {title}");
            let has = if self.login.scope.is_empty() { "nothing" } else { &self.login.scope };
            return Failure::new(exit, what).because(format!("your groups give you {has} here")).remedy(remedy);
        }
        Failure::new(exit, title).because(detail).remedy(remedy)
    }
}

impl Login {
    fn ends_soon(&self) -> bool {
        self.ends_at <= SystemClock.now().seconds() + SOON
    }
}

impl Ask {
    fn of(task: &Task) -> Self {
        match task {
            Task::Plan(files) => Self::post("plan", files),
            Task::Apply(files) => Self::post("apply", files),
            Task::Revoke(asked) => Self::post("revocations", asked),
            Task::Stand(asked) => Self::post("standing", asked),
            Task::List(asked) => Self::get(&list(asked)),
            Task::Registration(asked) => Self::registration(&asked.what),
        }
    }

    fn registration(asked: &Registering) -> Self {
        match asked {
            Registering::List => Self::get("registration/waiting"),
            Registering::Show(id) => Self::get(&format!("registration/waiting/{id}")),
            Registering::Approve(asked) => Self::post("registration/approve", asked),
            Registering::Deny(asked) => Self::post("registration/deny", asked),
            Registering::MakeToken(asked) => Self::post("registration/tokens/make", asked),
            Registering::Tokens => Self::get("registration/tokens"),
            Registering::EndToken(asked) => Self::post("registration/tokens/end", asked),
        }
    }

    fn get(path: &str) -> Self {
        Self { post: false, path: path.to_owned(), body: String::new() }
    }

    fn post(path: &str, body: &impl Serialize) -> Self {
        Self { post: true, path: path.to_owned(), body: serde_json::to_string(body).unwrap_or_default() }
    }
}

fn list(asked: &List) -> String {
    let what = match asked.what {
        Listed::Objects => "objects",
        Listed::Clients => "clients",
        Listed::Grants => "grants",
        Listed::Subjects => "subjects",
        Listed::Sessions => "sessions",
        Listed::Keys => "keys",
    };
    let mut query = Serializer::new(String::new());
    query.append_pair("limit", &asked.limit.to_string());
    for (name, value) in [("subject", &asked.subject), ("client", &asked.client), ("after", &asked.after)] {
        query.extend_pairs(value.iter().map(|value| (name, value)));
    }
    format!("{what}?{}", query.finish())
}

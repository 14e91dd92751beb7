//! An authorization request and the way through it, as a person's browser goes: our consent page, the identity provider's pages, and back.

use url::Url;

use crate::browser::Browser;
use crate::cast::{BANK, Person, ServerName};
use crate::people;
use crate::{Answer, App, Form, Granting, Site};

/// RFC 7636, appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// A request that is about to be made. Nothing is wrong with it unless a test sees to that.
#[derive(Clone)]
pub struct Ask {
    site: Site,
    app: App,
    parameters: Vec<(String, String)>,
}

/// A code, as the app got it.
#[derive(Clone)]
pub struct Code {
    site: Site,
    app: App,
    person: Person,
    pub code: String,
    pub verifier: String,
}

impl Ask {
    pub(crate) fn new(site: &Site, app: App) -> Self {
        let mut ask = Self { site: site.clone(), parameters: Vec::new(), app };
        let (id, redirect_uri) = (ask.app.id.clone(), ask.app.redirect_uri.clone());
        for (name, value) in [
            ("response_type", "code"),
            ("client_id", &id),
            ("redirect_uri", &redirect_uri),
            ("state", "the-app-s-own"),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
        ] {
            ask = ask.with(name, value);
        }
        ask.resource(BANK)
    }

    /// The same with this parameter so, and once.
    pub fn with(self, name: &str, value: &str) -> Self {
        let mut ask = self.without(name);
        ask.parameters.push((name.to_owned(), value.to_owned()));
        ask
    }

    /// The same with this parameter once more.
    pub fn again(mut self, name: &str, value: &str) -> Self {
        self.parameters.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn without(mut self, name: &str) -> Self {
        self.parameters.retain(|(known, _)| known != name);
        self
    }

    /// For this server instead of the bank.
    pub fn resource(self, server: ServerName) -> Self {
        let url = self.site.url(server);
        self.with("resource", &url)
    }

    pub fn scope(self, scope: &str) -> Self {
        self.with("scope", scope)
    }

    pub fn url(&self) -> String {
        let mut url = Url::parse(&self.site.endpoint("authorize")).expect("the site's own address");
        url.query_pairs_mut().extend_pairs(&self.parameters);
        url.into()
    }

    /// Opens it in a browser; what comes back is our page, or a redirect.
    pub async fn open(&self, browser: &Browser) -> Answer {
        browser.get(&self.url()).await
    }

    /// Goes all the way in this browser: consents, and signs in as this person where asked. Gives the redirect to the app.
    pub async fn answered(&self, browser: &Browser, person: Person, consents: bool) -> Answer {
        let page = self.open(browser).await;
        self.onwards(browser, page, person, consents).await
    }

    /// Goes on from a page on the way.
    pub async fn onwards(&self, browser: &Browser, page: Answer, person: Person, consents: bool) -> Answer {
        let app = Url::parse(&self.app.redirect_uri).expect("the app's address is a URL");
        people::go_on(browser, page, person, consents, &app).await
    }

    /// Goes on from the page that asks where: by this provider.
    pub async fn choosing(&self, browser: &Browser, page: Answer, provider: &str, person: Person) -> Answer {
        let form = Form::with(page.has_status(200), "provider").press("provider", provider);
        let answer = browser.submit(form, &page.url).await;
        self.onwards(browser, answer, person, true).await
    }

    /// The code that an app gets when this person, where several providers could be theirs, says yes and chooses this one.
    pub async fn approved_at(&self, browser: &Browser, provider: &str, person: Person) -> Code {
        let page = self.answered(browser, person, true).await;
        self.code(&self.choosing(browser, page, provider, person).await, person)
    }

    /// The code that an app gets when this person, in a browser of their own, says yes.
    pub async fn approved_by(&self, person: Person) -> Code {
        self.approved_in(&self.site.browser(), person).await
    }

    /// The same in a browser that may have been here before.
    pub async fn approved_in(&self, browser: &Browser, person: Person) -> Code {
        let answer = self.answered(browser, person, true).await;
        self.code(&answer, person)
    }

    /// The code that a redirect carries.
    ///
    /// # Panics
    /// When it carries none.
    pub fn code(&self, answer: &Answer, person: Person) -> Code {
        let code = answer.sent("code").unwrap_or_else(|| panic!("no code: {answer:?}"));
        Code { site: self.site.clone(), app: self.app.clone(), person, code, verifier: VERIFIER.to_owned() }
    }
}

impl Code {
    pub async fn redeem(&self) -> Granting {
        self.redeem_with(&[]).await
    }

    /// Redeems it with these parameters changed (or, where empty, left out).
    pub async fn redeem_with(&self, changes: &[(&str, &str)]) -> Granting {
        self.redeem_as(&self.app, changes).await
    }

    /// The same, by whichever app tries.
    pub async fn redeem_as(&self, app: &App, changes: &[(&str, &str)]) -> Granting {
        self.redeem_proving(app, &[], changes).await
    }

    /// The same with more headers, such as a `DPoP` proof.
    pub async fn redeem_proving(&self, app: &App, headers: &[(&str, &str)], changes: &[(&str, &str)]) -> Granting {
        let usual = [
            ("grant_type", "authorization_code"),
            ("code", &self.code),
            ("redirect_uri", &self.app.redirect_uri),
            ("code_verifier", &self.verifier),
        ];
        let kept = usual.into_iter().filter(|(name, _)| changes.iter().all(|(changed, _)| changed != name));
        let fields: Vec<(&str, &str)> = kept.chain(changes.iter().copied().filter(|(_, value)| !value.is_empty())).collect();
        let answer = self.site.post_token_with(app, headers, &fields).await;
        Granting::new(&self.site, app, self.person, answer)
    }
}

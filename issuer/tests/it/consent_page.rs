//! A consent page as it lies before somebody, and the ways to answer it: by its buttons, or as nobody should.

use bytes::Bytes;
use chancery_testkit::{Answer, Ask, Browser, Form, request};
use http::{Method, header};

/// The page, in the browser that was shown it.
pub struct Shown {
    pub browser: Browser,
    pub answer: Answer,
    pub form: Form,
}

impl Shown {
    /// What this browser is shown for a request.
    pub async fn of(asked: &Ask, browser: &Browser) -> Self {
        Self::on(asked.open(browser).await, browser)
    }

    /// What an answer shows.
    pub fn on(answer: Answer, browser: &Browser) -> Self {
        let form = Form::with(answer.has_status(200), "decision");
        Self { browser: browser.clone(), form, answer }
    }

    /// Presses a button, as a person would.
    pub async fn press(&self, decision: &str) -> Answer {
        self.browser.submit(self.form.clone().press("decision", decision), &self.answer.url).await
    }

    /// Sends an approval from some browser, with these headers and no others.
    pub async fn posted_by(&self, browser: &Browser, headers: &[(&str, &str)]) -> Answer {
        self.sent(browser, &self.form.clone().press("decision", "approve"), headers).await
    }

    /// The same with a form that was tampered with, by our own page's word.
    pub async fn posted_with(&self, form: &Form) -> Answer {
        let origin = self.origin();
        self.sent(&self.browser, form, &[("origin", &origin)]).await
    }

    /// The origin of the page, as a browser tells it.
    pub fn origin(&self) -> String {
        self.answer.url.origin().ascii_serialization()
    }

    /// What the page holds for the server.
    pub fn sealed(&self) -> &str {
        self.form.field("page").expect("the page carries its request")
    }

    async fn sent(&self, browser: &Browser, form: &Form, headers: &[(&str, &str)]) -> Answer {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(&form.fields).finish();
        let post = request(Method::POST, form.action.as_str()).header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        let post = headers.iter().fold(post, |post, (name, value)| post.header(*name, *value));
        browser.send(post.body(Bytes::from(body)).expect("a request")).await
    }
}

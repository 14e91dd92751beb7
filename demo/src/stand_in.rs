//! Pages that answer for a person: all that `--as alice` is. The steps, cookies included, are the same; only nobody is asked.

use chancery_console::Console;
use chancery_core::{
    AppsPage, ChooserPage, ConsentPage, Decision, Html, Pages, RefusalPage, Shown, SignInPage, SignOutPage, SignedOutPage,
};

/// The console's pages, except that a consent page is approved at once where somebody is acting.
#[derive(Clone, Copy, Default)]
pub struct StandIn {
    console: Console,
    acting: bool,
}

impl StandIn {
    pub const fn new(acting: bool) -> Self {
        Self { console: Console, acting }
    }
}

impl Pages for StandIn {
    type Decided = Decision;

    fn consent(&self, page: &ConsentPage) -> Shown<Decision> {
        match self.console.consent(page) {
            _ if self.acting => Shown::Decided(Decision::Approve),
            Shown::Html(html) => Shown::Html(html),
            Shown::Decided(never) => match never {},
        }
    }

    fn refusal(&self, page: &RefusalPage) -> Html {
        self.console.refusal(page)
    }

    fn apps(&self, page: &AppsPage) -> Html {
        self.console.apps(page)
    }

    fn sign_in(&self, page: &SignInPage) -> Html {
        self.console.sign_in(page)
    }

    fn choose(&self, page: &ChooserPage) -> Html {
        self.console.choose(page)
    }

    fn sign_out(&self, page: &SignOutPage) -> Html {
        self.console.sign_out(page)
    }

    fn signed_out(&self, page: &SignedOutPage) -> Html {
        self.console.signed_out(page)
    }

    fn headers(&self) -> &'static [(&'static str, &'static str)] {
        self.console.headers()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journey::Form;

    fn page() -> ConsentPage {
        ConsentPage {
            tenant: "demo".into(),
            client_name: "desk".into(),
            client_id: "cli_1".into(),
            client_host: None,
            impersonable: false,
            redirect_host: "127.0.0.1".into(),
            redirect_uri: "http://127.0.0.1:4711/cb".into(),
            loopback: true,
            unvouched: true,
            person: None,
            agent: None,
            resources: Vec::new(),
            lasts: std::time::Duration::from_secs(60),
            remembered: false,
            apps: "/t/demo/apps".into(),
            action: "/t/demo/consent".into(),
            sealed: "a\"b".into(),
        }
    }

    #[test]
    fn who_acts_has_approved() {
        assert!(matches!(StandIn::new(true).consent(&page()), Shown::Decided(Decision::Approve)));
    }

    #[test]
    fn who_does_not_act_is_asked_on_the_page_that_the_journey_can_read() {
        let Shown::Html(Html(html)) = StandIn::new(false).consent(&page()) else { panic!("nobody is acting") };
        let form = Form::find(&html).unwrap();
        assert_eq!(form.action, "/t/demo/consent");
        let pressed = form.pressing(Decision::Approve.as_str()).unwrap();
        assert_eq!(pressed, [(ConsentPage::SEALED_FIELD, "a\"b"), (Decision::FIELD, Decision::Approve.as_str())]);
    }
}

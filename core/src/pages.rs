//! The pages a person sees, as data. The console renders them; posts go back to the room that owns the state.

use std::time::Duration;

/// A whole page of HTML.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Html(pub String);

/// What a person said on the consent page.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Decision {
    Approve,
    Deny,
}

impl Decision {
    /// The form field of the consent page that says it.
    pub const FIELD: &'static str = "decision";

    /// The field's value.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Approve => "approve",
            Self::Deny => "deny",
        }
    }

    pub fn from_field(value: &str) -> Option<Self> {
        [Self::Approve, Self::Deny].into_iter().find(|decision| decision.as_str() == value)
    }
}

/// Nobody has decided: pages that only show have this as their decision.
impl From<std::convert::Infallible> for Decision {
    fn from(never: std::convert::Infallible) -> Self {
        match never {}
    }
}

/// A page, or, where a stand-in for a person is allowed to answer, its answer. With `D = Infallible` there is only the page.
pub enum Shown<D> {
    Html(Html),
    Decided(D),
}

/// One scope that is asked for, in the operator's words.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ScopeAsk {
    pub scope: String,
    pub words: String,
}

/// One resource that is asked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ResourceAsk {
    pub name: String,
    pub url: String,
    pub scopes: Vec<ScopeAsk>,
}

/// What the consent page says (OA-22).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConsentPage {
    pub tenant: String,
    /// What the client calls itself: not to be believed.
    pub client_name: String,
    pub client_id: String,
    /// The host of the client's id, where that is the address of its metadata document (CI-09).
    pub client_host: Option<String>,
    /// Whoever runs a program on this computer can pass for this client: its id is an address, but all its answers go to loopback.
    pub impersonable: bool,
    /// Where the answer will be sent.
    pub redirect_host: String,
    /// The whole of that address.
    pub redirect_uri: String,
    /// Any program on this computer could be behind the redirect (OA-03).
    pub loopback: bool,
    /// The client registered itself; nobody vouches for its name.
    pub unvouched: bool,
    /// Shown for a session we know.
    pub person: Option<String>,
    /// The registered agent that will act, where the client proves to be one; shown for a session we know.
    pub agent: Option<String>,
    pub resources: Vec<ResourceAsk>,
    /// When what is allowed ends by itself.
    pub lasts: Duration,
    /// Nobody is asked again before that, so long as the client asks for no more.
    pub remembered: bool,
    /// Where the person sees and ends what they allowed.
    pub apps: String,
    /// Where the form posts to.
    pub action: String,
    /// The sealed request that travels in the page, posted back as [`ConsentPage::SEALED_FIELD`].
    pub sealed: String,
}

impl ConsentPage {
    /// The form field that brings the sealed request back.
    pub const SEALED_FIELD: &'static str = "page";
}

/// An app that a person allowed something.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AllowedApp {
    /// The client's id.
    pub id: String,
    /// What it called itself on the page where it was allowed.
    pub name: String,
    /// Where its answers went.
    pub host: Option<String>,
    /// The registered agent that it acts as.
    pub agent: Option<String>,
    pub resources: Vec<ResourceAsk>,
    /// How long ago it was allowed first.
    pub since: Duration,
    /// How long ago it last got a token.
    pub used: Option<Duration>,
}

/// What a person allowed, each to be ended by a button.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AppsPage {
    pub tenant: String,
    pub person: String,
    pub apps: Vec<AllowedApp>,
    /// One was ended just now.
    pub ended: bool,
    /// Where the person signs out.
    pub sign_out: String,
    /// Where the forms post to.
    pub action: String,
    pub sealed: String,
}

impl AppsPage {
    /// The form field that brings the sealed page back.
    pub const SEALED_FIELD: &'static str = ConsentPage::SEALED_FIELD;
    /// The button that ends an app; its value is the client's id.
    pub const END_FIELD: &'static str = "end";
}

/// In the place of [`AppsPage`] for a browser where nobody is signed in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SignInPage {
    pub tenant: String,
    pub action: String,
    /// Posted back as [`AppsPage::SEALED_FIELD`].
    pub sealed: String,
}

/// A place to sign in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ProviderChoice {
    /// By the name of the file.
    pub name: String,
    /// What people call it.
    pub title: String,
    /// The host of its issuer.
    pub host: String,
    /// The domains of its people's addresses.
    pub domains: Vec<String>,
}

/// Asks who must sign in, where a tenant has several identity providers, which of them is theirs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ChooserPage {
    pub tenant: String,
    /// What the client calls itself that waits for the sign-in; none, where people come for themselves.
    pub client_name: Option<String>,
    pub providers: Vec<ProviderChoice>,
    /// Where the form posts to.
    pub action: String,
    /// What they sign in for, posted back as [`ChooserPage::SEALED_FIELD`].
    pub sealed: String,
}

impl ChooserPage {
    /// The form field that brings back what they sign in for.
    pub const SEALED_FIELD: &'static str = ConsentPage::SEALED_FIELD;
    /// The buttons' field; a value is a provider's name.
    pub const PROVIDER_FIELD: &'static str = "provider";
}

/// Asks a person whether they want to sign out, and says what that ends.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SignOutPage {
    pub tenant: String,
    pub person: String,
    /// What apps were allowed in this session, and what becomes of it.
    pub allowed: WhatWasAllowed,
    /// They are sent to sign out at the identity provider too, where it has a way.
    pub at_provider: bool,
    /// Where the person sees and ends what they allowed.
    pub apps: String,
    pub action: String,
    /// Posted back as [`AppsPage::SEALED_FIELD`].
    pub sealed: String,
}

/// What becomes of what was allowed in a session that ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WhatWasAllowed {
    Nothing,
    Ends,
    GoesOn,
}

/// Nobody is signed in in this browser any more.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SignedOutPage {
    pub tenant: String,
    /// Whether they were signed out at the identity provider too; nothing, where that is not known.
    pub at_provider: Option<bool>,
    /// Where the person signs in to see what they allowed.
    pub apps: String,
}

/// A refusal that may not be redirected anywhere, so a person reads it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RefusalPage {
    /// What happened, in one sentence.
    pub title: String,
    /// Why, and what was seen against what was expected.
    pub text: String,
    /// What to do.
    pub remedy: String,
    /// The conformance row, such as `OA-02`.
    pub row: &'static str,
    /// What support can be asked about.
    pub reference: String,
}

/// What a peer sent, as a page's text may quote it: one line, cut, and unable to end the code span that it stands in.
pub fn quoted(peer: &str) -> String {
    code_span(peer, |c| c.is_ascii_graphic())
}

/// The same of what a peer said in words, of whatever language.
pub fn quoted_words(peer: &str) -> String {
    code_span(peer, |c| !c.is_control())
}

fn code_span(peer: &str, shown: impl Fn(char) -> bool) -> String {
    const MOST: usize = 300;
    let safe = |c: char| if shown(c) && c != '`' { c } else { '\u{FFFD}' };
    let mut text: String = peer.chars().take(MOST).map(safe).collect();
    if peer.chars().nth(MOST).is_some() {
        text.push('…');
    }
    format!("`{text}`")
}

/// Renders pages. The `Decided` of what `serve` uses is `Infallible`; only the demo's has a value.
pub trait Pages: Send + Sync + 'static {
    type Decided: Into<Decision> + Send;

    fn consent(&self, page: &ConsentPage) -> Shown<Self::Decided>;

    fn refusal(&self, page: &RefusalPage) -> Html;

    fn apps(&self, page: &AppsPage) -> Html;

    fn sign_in(&self, page: &SignInPage) -> Html;

    fn sign_out(&self, page: &SignOutPage) -> Html;

    fn signed_out(&self, page: &SignedOutPage) -> Html;

    fn choose(&self, page: &ChooserPage) -> Html;

    /// The headers that every page is sent with: name in lower case, value (OA-18). Who sends a page sends all of them.
    fn headers(&self) -> &'static [(&'static str, &'static str)];
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn oa_02_what_is_quoted_stays_in_its_quotes() {
        assert_eq!(quoted("https://a.example/cb"), "`https://a.example/cb`");
        assert_eq!(quoted("x`\nCall us"), "`x\u{FFFD}\u{FFFD}Call\u{FFFD}us`");
        assert_eq!(quoted(&"a".repeat(301)).chars().count(), 303);
    }

    #[test]
    fn words_keep_their_spaces_and_no_more() {
        assert_eq!(quoted_words("nicht für dich"), "`nicht für dich`");
        assert_eq!(quoted_words("no`\nCall us"), "`no\u{FFFD}\u{FFFD}Call us`");
    }
}

use std::time::Duration;

use chancery_core::{ChooserPage, ConsentPage, Decision, Html, Pages, ProviderChoice, RefusalPage, ResourceAsk, ScopeAsk, Shown};
use chancery_crypto::digest::sha256;

use crate::{Console, HEADERS, STYLE};

fn asking() -> ConsentPage {
    ConsentPage {
        tenant: "acme".into(),
        client_name: "Desk".into(),
        client_id: "cli_0193".into(),
        client_host: None,
        impersonable: false,
        redirect_host: "127.0.0.1".into(),
        redirect_uri: "http://127.0.0.1:4711/cb".into(),
        loopback: true,
        unvouched: true,
        person: Some("alice@acme.example".into()),
        agent: Some("reporter".into()),
        resources: vec![ResourceAsk {
            name: "Bank".into(),
            url: "https://gw.acme.example/mcp/bank".into(),
            scopes: vec![ScopeAsk { scope: "bank:read".into(), words: "See balances".into() }],
        }],
        lasts: Duration::from_secs(90 * 24 * 3600),
        remembered: false,
        apps: "/t/acme/apps".into(),
        action: "/t/acme/consent".into(),
        sealed: "SEALED".into(),
    }
}

fn consent(page: &ConsentPage) -> String {
    match Console.consent(page) {
        Shown::Html(Html(html)) => html,
        Shown::Decided(never) => match never {},
    }
}

fn refusing() -> RefusalPage {
    RefusalPage {
        title: "This app asked to return to an address it did not register.".into(),
        text: "Asked: `http://127.0.0.1:5000/<b>`.\nRegistered: `http://127.0.0.1/cb`. Only the port may differ.".into(),
        remedy: "If you build this app, register the address or correct the path.".into(),
        row: "OA-02",
        reference: "evt_0193".into(),
    }
}

fn choosing() -> ChooserPage {
    let provider = |name: &str, domains: &[&str]| ProviderChoice {
        name: name.into(),
        title: format!("{name} & sons"),
        host: format!("login.{name}.example"),
        domains: domains.iter().map(|domain| (*domain).to_owned()).collect(),
    };
    ChooserPage {
        tenant: "acme".into(),
        client_name: Some("Desk</h1><script>".into()),
        providers: vec![provider("corp", &["acme.example"]), provider("partner", &[])],
        action: "/t/acme/choose".into(),
        sealed: "SEALED".into(),
    }
}

fn header(name: &str) -> &'static str {
    HEADERS.iter().find(|(is, _)| *is == name).map(|(_, value)| *value).expect("the header is sent")
}

#[test]
fn oa_18_the_policy_allows_this_stylesheet_and_nothing_else() {
    let hash = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, sha256(STYLE.as_bytes()));
    let expected = format!("default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; frame-ancestors 'none'");
    assert_eq!(header("content-security-policy"), expected);

    for page in [consent(&asking()), Console.refusal(&refusing()).0, Console.choose(&choosing()).0] {
        assert!(page.contains(&format!("<style>{STYLE}</style>")), "the hash is that of the whole style element");
        for banned in ["<script", "style=", "<img", "<link", "onclick", "http-equiv"] {
            assert!(!page.contains(banned), "{banned}");
        }
    }
}

#[test]
fn oa_18_a_page_is_not_framed_not_kept_and_tells_no_other_site_where_it_was() {
    assert_eq!(header("x-frame-options"), "DENY");
    assert_eq!(header("referrer-policy"), "no-referrer");
    assert_eq!(header("cache-control"), "no-store");
    assert_eq!(header("x-content-type-options"), "nosniff");
    assert!(consent(&asking()).contains(r#"<meta name="referrer" content="same-origin">"#), "else the post says Origin: null");
}

#[test]
fn oa_22_the_page_says_who_asks_for_what_for_whom_and_where_the_answer_goes() {
    let page = consent(&asking());
    let said = [
        "acme",
        "Desk",
        "cli_0193",
        "<bdi>127.0.0.1</bdi>",
        "<code>http://127.0.0.1:4711/cb</code>",
        "alice@acme.example",
        "reporter",
        "Bank",
        "/mcp/bank",
        "See balances",
        "bank:read",
        "90 days",
    ];
    for said in said {
        assert!(page.contains(said), "{said}");
    }
}

#[test]
fn oa_22_the_form_brings_back_the_sealed_request_and_the_decision() {
    let page = consent(&asking());
    assert!(page.contains(r#"<form class="actions" method="post" action="/t/acme/consent">"#));
    assert!(page.contains(r#"name="page" value="SEALED""#));
    for decision in [Decision::Approve, Decision::Deny] {
        let value = decision.as_str();
        assert!(page.contains(&format!(r#"name="decision" value="{value}""#)), "{value}");
        assert_eq!(Decision::from_field(value), Some(decision));
    }
    assert_eq!(Decision::from_field("yes"), None);
}

#[test]
fn oa_03_a_loopback_answer_and_an_unvouched_name_are_warned_of() {
    let warned = consent(&asking());
    assert!(warned.contains("The answer stays on this computer") && warned.contains("Nobody vouches for this app"));

    let calm = consent(&ConsentPage { loopback: false, unvouched: false, ..asking() });
    assert!(!calm.contains("class=\"caution\"") && !calm.contains("Nobody vouches"));
}

#[test]
fn oa_22_what_a_client_calls_itself_is_only_text() {
    let page = consent(&ConsentPage { client_name: "</h1><script>1</script>\u{202e}".into(), ..asking() });
    assert!(!page.contains("<script") && !page.contains('\u{202e}'));
}

#[test]
fn a_person_we_do_not_know_yet_learns_that_sign_in_comes_next() {
    let page = consent(&ConsentPage { person: None, agent: None, ..asking() });
    assert!(page.contains("you sign in with your organisation next"));
    assert!(!page.contains("is signed in") && !page.contains("registered agent"));
}

#[test]
fn ci_09_the_host_of_a_client_that_is_an_address_is_shown() {
    let document = ConsentPage {
        client_id: "https://ide.example/oauth/client.json".into(),
        client_host: Some("ide.example".into()),
        impersonable: true,
        ..asking()
    };
    let page = consent(&document);
    assert!(page.contains("<bdi>ide.example</bdi>") && page.contains("https://ide.example/oauth/client.json"), "{page}");
    assert!(page.contains("Any program can claim to be this app"), "{page}");
    assert!(!consent(&ConsentPage { impersonable: false, ..document }).contains("Any program can claim"));
}

#[test]
fn oa_02_a_refusal_says_what_why_what_to_do_and_what_to_ask_about() {
    let page = Console.refusal(&refusing()).0;
    for said in ["This app asked to return", "<code>http://127.0.0.1:5000/&#60;b&#62;</code>", "register the address", "OA-02", "evt_0193"]
    {
        assert!(page.contains(said), "{said}");
    }
}

#[test]
fn who_chooses_where_to_sign_in_reads_whose_each_place_is() {
    let page = Console.choose(&choosing()).0;
    for said in ["acme", "Desk", "corp &#38; sons", "@acme.example", "login.partner.example", r#"name="page" value="SEALED""#] {
        assert!(page.contains(said), "{said}: {page}");
    }
    for name in ["corp", "partner"] {
        assert!(page.contains(&format!(r#"name="provider" value="{name}""#)), "{name}");
    }
    assert!(page.contains(r#"<form method="post" action="/t/acme/choose">"#) && !page.contains("<script"));
    assert!(!Console.choose(&ChooserPage { client_name: None, ..choosing() }).0.contains("gets access"));
}

/// WCAG 2.2 §1.4.3: text has a contrast of at least 4.5 with what it stands on, in the light and in the dark.
#[test]
fn colours_have_enough_contrast() {
    let (light, dark) = STYLE.split_once("prefers-color-scheme: dark").expect("the sheet has a dark half");
    for half in [light, dark] {
        let on = |ground| move |text| (text, ground);
        let pairs = ["ink", "quiet", "action", "danger"].map(on("card")).into_iter().chain(["ink", "quiet", "action"].map(on("well")));
        let pairs = pairs.chain(["ink", "quiet"].map(on("page"))).chain([("on-action", "action"), ("caution-ink", "caution")]);
        for (text, ground) in pairs {
            let contrast = contrast(colour(half, text), colour(half, ground));
            assert!(contrast >= 4.5, "{text} on {ground}: {contrast:.2}");
        }
    }
}

fn colour(half: &str, name: &str) -> [f64; 3] {
    let (_, after) = half.split_once(&format!(" --{name}: #")).expect("the colour is named");
    [0, 2, 4].map(|at| f64::from(u8::from_str_radix(&after[at..at + 2], 16).expect("six hex digits")) / 255.0)
}

fn contrast(one: [f64; 3], other: [f64; 3]) -> f64 {
    let linear = |c: f64| if c <= 0.03928 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) };
    let luminance = |[r, g, b]: [f64; 3]| 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
    let (a, b) = (luminance(one), luminance(other));
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

//! Each profile against what its provider is known to send (`federation/profiles/fixtures/`, typed from public documents).

use std::collections::BTreeSet;
use std::time::Duration;

use chancery_core::{Secret, Timestamp};
use serde_json::{Value, json};

use super::*;
use crate::begin::{of_its_own, scope};
use crate::fixtures::NOW;
use crate::id_token::{Expected, Identity, Trouble, check};
use crate::metadata::Metadata;

struct Known {
    provider: IdentityProvider,
    metadata: Value,
    id_token: Value,
    expect: Value,
}

fn known(name: &str) -> Known {
    let path = format!("{}/profiles/fixtures/{name}.json", env!("CARGO_MANIFEST_DIR"));
    let mut known: Value = serde_json::from_str(&std::fs::read_to_string(path).expect("a fixture")).expect("JSON");
    let provider = IdentityProvider {
        issuer: Issuer::foreign(known["issuer"].as_str().expect("an issuer")),
        client_secret: Secret::new(String::new()),
        scopes: None,
        domains: serde_json::from_value(known["domains"].take()).unwrap_or_default(),
        groups_claim: known["groups_claim"].as_str().map(str::to_owned),
        ..crate::fixtures::provider("corp")
    };
    Known { provider, metadata: known["metadata"].take(), id_token: known["id_token"].take(), expect: known["expect"].take() }
}

impl Known {
    fn metadata(&self) -> Metadata {
        Metadata::parse(&self.provider, self.metadata.to_string().as_bytes()).unwrap_or_else(|trouble| panic!("{trouble}"))
    }

    fn checked_with(&self, max_age: Option<Duration>) -> Result<Identity, Trouble> {
        let metadata = self.metadata();
        let expected =
            Expected { provider: &self.provider, form: &metadata.issuer, nonce: Some("n-1"), algorithms: &[], fresh_since: None, max_age };
        check(serde_json::from_value(self.id_token.clone()).expect("claims"), &expected, NOW)
    }

    fn checked(&self) -> Result<Identity, Trouble> {
        self.checked_with(None)
    }

    fn claiming(mut self, claim: &str, value: Value) -> Result<Identity, Trouble> {
        self.id_token[claim] = value;
        self.checked()
    }
}

#[test]
fn each_profile_is_a_file_that_the_registry_knows_and_somebody_recorded() {
    let names: BTreeSet<&str> = Profile::all().iter().map(|profile| profile.name.as_str()).collect();
    assert_eq!(names, chancery_registry::PROFILES.into());
    for profile in Profile::all() {
        assert!(profile.key.len() * profile.register.len() * profile.title.len() > 0, "{}", profile.name);
        let known = known(&profile.name);
        assert_eq!(Profile::recognise(known.provider.issuer.as_str(), None).name, profile.name);
        assert_eq!(of(&known.provider).name, profile.name);
    }
    assert_eq!(Profile::named("ping"), None);
}

#[test]
fn jw_06_each_provider_s_own_token_names_its_person() {
    for profile in Profile::all() {
        let known = known(&profile.name);
        let identity = known.checked().unwrap_or_else(|trouble| panic!("{}: {trouble}", profile.name));
        assert_eq!((json!(identity.key), json!(identity.person.groups)), (known.expect["key"].clone(), known.expect["groups"].clone()));
        assert_eq!((identity.issuer, identity.person.groups_withheld), (known.provider.issuer.clone(), false));
        assert_eq!(json!(scope(&known.provider, profile, &known.metadata()).to_string()), sorted(&known.expect["scope"]));
    }
}

fn sorted(scope: &Value) -> Value {
    json!(scope.as_str().expect("text").parse::<ScopeSet>().expect("scopes").to_string())
}

#[test]
fn a_host_of_the_company_s_own_is_recognised_by_its_metadata() {
    for name in ["entra", "okta", "auth0", "keycloak"] {
        assert_eq!(Profile::recognise("https://login.acme.example", Some(&known(name).metadata)).name, name);
    }
    for stranger in ["https://okta.com.evil.example", "https://notokta.com", "https://auth0.com.example/", "not a URL"] {
        assert_eq!(Profile::recognise(stranger, None).name, "oidc", "{stranger}");
    }
}

#[test]
fn jw_06_a_person_of_entra_is_the_same_in_every_app_and_never_another_s() {
    let sub = known("entra").claiming("sub", json!("pairwise-for-another-app")).expect("good");
    assert_eq!(sub.key, known("entra").checked().expect("good").key);
    for claim in ["oid", "tid"] {
        assert_eq!(known("entra").claiming(claim, Value::Null), Err(Trouble::Key), "{claim}");
    }
}

#[test]
fn a_provider_gives_refresh_tokens_to_who_asks_in_its_way() {
    let gives = |name, scopes, offers| Profile::named(name).expect("a profile").gives_refresh_tokens(scopes, offers);
    for name in ["entra", "okta", "auth0", "keycloak"] {
        assert!(gives(name, None, false) && gives(name, Some("openid offline_access"), false), "{name}");
        assert!(!gives(name, Some("openid profile"), true), "{name}");
    }
    assert!(gives("cognito", Some("openid"), false) && gives("google", Some("openid"), false));
    assert!(gives("oidc", None, true) && !gives("oidc", None, false) && !gives("oidc", Some("openid"), true));
}

fn several(tenants: &[&str]) -> Known {
    let mut known = known("entra");
    known.provider.issuer = Issuer::foreign("https://login.microsoftonline.com/organizations/v2.0");
    known.provider.issuers = tenants.iter().map(|id| Issuer::foreign(format!("https://login.microsoftonline.com/{id}/v2.0"))).collect();
    known.metadata["issuer"] = json!("https://login.microsoftonline.com/{tenantid}/v2.0");
    known
}

/// The directory of the fixture.
const OURS: &str = "72f988bf-0000-4000-8000-000000000001";

#[test]
fn jw_06_of_many_directories_only_those_listed_sign_in() {
    let identity = several(&["other", OURS]).checked().expect("good");
    assert_eq!(identity.issuer.as_str(), format!("https://login.microsoftonline.com/{OURS}/v2.0"));
    assert_eq!(several(&["other"]).checked(), Err(Trouble::Issuer));
    // The keys are the same for all of them: only `tid` and `iss` together say which it is.
    assert_eq!(several(&["other", OURS]).claiming("tid", json!("other")), Err(Trouble::Issuer));
    assert_eq!(several(&["other", OURS]).claiming("iss", json!("https://login.microsoftonline.com/{tenantid}/v2.0")), Err(Trouble::Issuer));
}

#[test]
fn md_07_who_speaks_for_many_is_believed_for_those_listed() {
    let parsed = |known: &Known| Metadata::parse(&known.provider, known.metadata.to_string().as_bytes()).map(drop);
    assert_eq!(parsed(&several(&[OURS])), Ok(()));
    let none = parsed(&several(&[])).expect_err("nobody is listed").to_string();
    assert!(none.contains("write under `issuers`"), "{none}");
    let mut stranger = several(&[OURS]);
    stranger.provider.issuers.push(Issuer::foreign("https://evil.example/x/v2.0"));
    assert!(parsed(&stranger).is_err());
    // Another provider's document may not hold a form: for it, this is just another issuer.
    let mut plain = several(&[OURS]);
    plain.provider.profile = Some("oidc".to_owned());
    assert!(parsed(&plain).is_err());
}

#[test]
fn groups_that_were_left_out_are_never_no_groups() {
    let mut overage = known("entra");
    overage.id_token["groups"] = Value::Null;
    overage.id_token["_claim_names"] = json!({ "groups": "src1" });
    overage.id_token["_claim_sources"] = json!({ "src1": { "endpoint": "https://graph.windows.net/x/getMemberObjects" } });
    assert!(overage.checked().expect("they may sign in").person.groups_withheld);
    for (name, claim, value) in [
        ("entra", "hasgroups", json!(true)),
        ("okta", "_claim_names", json!({ "groups": "elsewhere" })),
        ("okta", "groups", json!({ "too": "many" })),
        ("okta", "groups", json!(["treasury", 7])),
        ("keycloak", "realm_access", json!({ "roles": true })),
        ("auth0", "https://acme.example/groups", json!(12)),
    ] {
        assert!(known(name).claiming(claim, value.clone()).expect("they may sign in").person.groups_withheld, "{name} {claim} {value}");
    }
    for (name, claim, value) in [("entra", "hasgroups", json!(false)), ("okta", "groups", Value::Null), ("okta", "groups", json!([]))] {
        assert!(!known(name).claiming(claim, value.clone()).expect("good").person.groups_withheld, "{name} {claim} {value}");
    }
}

#[test]
fn jw_02_an_access_token_of_cognito_is_no_id_token() {
    assert_eq!(known("cognito").claiming("token_use", json!("access")), Err(Trouble::NotIdToken));
    assert_eq!(known("cognito").claiming("token_use", Value::Null), Err(Trouble::NotIdToken));
}

#[test]
fn jw_06_only_google_may_leave_out_its_scheme() {
    let iss = |name: &str, iss: &str| known(name).claiming("iss", json!(iss)).map(drop);
    assert_eq!(iss("google", "https://accounts.google.com"), Ok(()));
    assert_eq!(iss("google", "http://accounts.google.com"), Err(Trouble::Issuer));
    assert_eq!(iss("oidc", "login.acme.example"), Err(Trouble::Issuer));
    assert_eq!(iss("auth0", "https://acme.eu.auth0.com"), Err(Trouble::Issuer));
}

#[test]
fn of_google_only_people_of_the_company_s_domains_sign_in() {
    for other in [Value::Null, json!("gmail.com"), json!(["acme.example"])] {
        assert_eq!(known("google").claiming("hd", other), Err(Trouble::Domain));
    }
    // An address proves nothing.
    assert_eq!(known("google").claiming("hd", Value::Null), Err(Trouble::Domain));
}

#[test]
fn what_a_provider_wants_of_its_own_goes_with_the_request() {
    let own = |name: &str, fresh| {
        let known = known(name);
        of_its_own(&known.provider, of(&known.provider), fresh)
    };
    let pairs = |pairs: &[(&str, &str)]| pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    assert_eq!(own("google", false), pairs(&[("access_type", "offline"), ("hd", "acme.example"), ("prompt", "consent")]));
    assert_eq!(own("google", true).get("prompt").map(String::as_str), Some("select_account consent"));
    for name in ["entra", "okta", "cognito", "auth0", "keycloak", "oidc"] {
        assert_eq!(own(name, false), pairs(&[]), "{name}");
        assert_eq!(own(name, true), pairs(&[("prompt", "login")]), "{name}");
    }
    let mut bare = known("oidc");
    bare.metadata["scopes_supported"] = json!(["openid"]);
    assert!(!scope(&bare.provider, of(&bare.provider), &bare.metadata()).to_string().contains("offline_access"));
}

#[test]
fn at_06_a_sign_in_of_a_certain_age_is_dated() {
    let minute = Some(Duration::from_secs(60));
    assert_eq!(known("google").checked_with(minute), Err(Trouble::Undated));
    assert!(known("okta").checked_with(minute).is_ok());
    let mut old = known("okta");
    old.id_token["auth_time"] = json!(Timestamp::seconds(NOW) - 121);
    assert_eq!(old.checked_with(minute), Err(Trouble::NotFresh));
    assert!(old.checked().is_ok());
}

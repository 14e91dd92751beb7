use chancery_core::{Authentication, Issuer, Person};

use super::*;
use crate::fixtures::{self, NOW, sign_in};

struct Case {
    provider: IdentityProvider,
    sign_in: SignIn,
    identity: Identity,
    entropy: Entropy,
}

impl Case {
    fn new() -> Self {
        let authentication = Authentication { auth_time: Some(NOW), acr: None, amr: Vec::new() };
        let person = Person { username: Some("alice".into()), ..Person::default() };
        Self {
            provider: fixtures::provider("corp"),
            sign_in: SignIn { claimed_at: Some(NOW), ..sign_in() },
            identity: Identity {
                issuer: chancery_core::Issuer::foreign("https://idp.example"),
                key: "u-42".into(),
                issued_at: NOW,
                authentication,
                person,
                session: Some("theirs".into()),
            },
            entropy: fixtures::entropy(),
        }
    }

    fn subject(&mut self, status: Standing) -> Subject {
        let id = SubjectId::mint(NOW, &mut self.entropy);
        let key = key(&self.identity);
        Subject { tenant: self.sign_in.tenant, id, provider: self.provider.name.clone(), key, status, claims: "{}".into(), seen_at: NOW }
    }

    fn decided(&mut self, subject: Option<Subject>) -> Result<(Outcome, Draft), Refused> {
        let tenant = "acme".parse().expect("a slug");
        let (provider, sign_in, identity) = (&self.provider, &self.sign_in, &self.identity);
        let names = Names::new(subject.as_ref(), NOW, &mut self.entropy);
        let [_, voucher] = chancery_store::repo::vouchers::seen(&sign_in.tenant, &names.subject, None, NOW);
        let kept = Kept { id_token: vec![1, 2, 3], voucher: vec![voucher], can_be_asked: false };
        let facts = Facts { tenant: &tenant, provider, sign_in, identity, subject, names, kept, session: Duration::from_secs(60) };
        decide(&facts, NOW, &mut self.entropy)
    }
}

#[test]
fn a_first_sign_in_makes_a_subject_and_a_later_one_finds_it() {
    let mut case = Case::new();
    let (_, first) = case.decided(None).expect("welcome");
    let known = case.subject(Standing::Active);
    let (_, later) = case.decided(Some(known.clone())).expect("welcome");

    assert!(first.writes[0].sql.starts_with("INSERT INTO subjects"));
    assert!(later.writes[0].sql.starts_with("UPDATE subjects"));
    assert_eq!(later.events[0].field(Field::Subject), Some(&*known.id.to_string()));
    assert_eq!(later.events[0].field(Field::Reason), Some(NO_REFRESH_TOKEN));
    assert_ne!(first.events[0].field(Field::Subject), later.events[0].field(Field::Subject));
}

#[test]
fn one_unit_holds_subject_session_result_and_event() {
    let (outcome, draft) = Case::new().decided(None).expect("welcome");
    let tables: Vec<&str> =
        draft.writes.iter().map(|write| write.sql.split_whitespace().find(|word| TABLES.contains(word))).map(Option::unwrap).collect();
    assert_eq!(tables, TABLES);
    assert_eq!(draft.events.len(), 1);
    assert!(outcome.cookie.expose().starts_with("acme."));
    assert_ne!(outcome.cookie.expose(), outcome.resume.expose());
}

const TABLES: [&str; 4] = ["subjects", "sessions", "sign_ins", "vouchers"];

#[test]
fn neither_cookie_nor_key_is_stored() {
    let (outcome, draft) = Case::new().decided(None).expect("welcome");
    let written = format!("{:?}{:?}", draft.writes, draft.events);
    assert!(!written.contains(outcome.cookie.expose()) && !written.contains(outcome.resume.expose()));
}

#[test]
fn who_was_suspended_does_not_come_in() {
    let mut case = Case::new();
    let suspended = case.subject(Standing::Suspended);
    assert_eq!(case.decided(Some(suspended)).err().map(|refused| refused.reason), Some("subject suspended"));
}

#[test]
fn jw_06_the_same_sub_of_another_issuer_is_somebody_else() {
    let mut case = Case::new();
    let here = key(&case.identity);
    case.identity.issuer = Issuer::foreign("https://elsewhere.example");
    assert_ne!(here, key(&case.identity));
}

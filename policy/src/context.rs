//! A question's circumstances as Cedar's context, and a call's arguments as entities with a tag for each.

use std::net::IpAddr;

use cedar_policy::{Context, Entities, Entity, EntityUid, RestrictedExpression};
use chancery_core::Timestamp;

use crate::spoken_of::SpokenOf;
use crate::vocabulary::{Kind, Vocabulary};
use crate::{Arguments, Question};

/// What was asked about it, where policies speak of it; what they do not speak of they do not miss.
pub(crate) fn of(question: &Question<'_>, now: Timestamp, spoken_of: &SpokenOf) -> Context {
    let mut pairs: Vec<(String, RestrictedExpression)> = Vec::new();
    let mut say = |name: &str, value: &dyn Fn() -> Option<RestrictedExpression>| {
        if spoken_of.has(name) {
            pairs.extend(value().map(|value| (name.to_owned(), value)));
        }
    };
    let authentication = question.circumstances.authentication;
    say("client", &|| Some(text(question.client.as_str())));
    say("roles", &|| Some(set(question.roles.iter().map(|role| text(role)))));
    say("scope", &|| Some(set(question.scope.iter().map(|scope| text(scope.as_str())))));
    say("hour", &|| Some(RestrictedExpression::new_long(hour_of(now))));
    say("weekday", &|| Some(RestrictedExpression::new_long(weekday_of(now))));
    say("agent", &|| question.agent.map(|agent| text(agent.name.as_str())));
    say("amr", &|| Some(set(authentication.into_iter().flat_map(|known| &known.amr).map(|means| text(means)))));
    say("acr", &|| authentication.and_then(|known| Some(text(known.acr.as_deref()?))));
    say("auth_age", &|| authentication.and_then(|known| Some(age(known.auth_time?, now))));
    if question.action != crate::Action::IssueToken {
        say("address", &|| question.circumstances.address.map(ip));
    }
    if question.action.has_target() {
        say("target", &|| Some(text(question.target.unwrap_or_default())));
        say("arguments", &|| Some(arguments(question.circumstances.arguments)));
    }
    Context::from_pairs(pairs).expect("no key comes twice")
}

fn arguments(given: Option<&Arguments>) -> RestrictedExpression {
    let names = given.into_iter().flat_map(|given| &given.names);
    let kinds = Kind::ALL.map(|kind| (kind.member().to_owned(), RestrictedExpression::new_entity_uid(uid(kind))));
    let members = kinds.into_iter().chain([("names".to_owned(), set(names.map(|name| text(name))))]);
    RestrictedExpression::new_record(members).expect("no member comes twice")
}

/// What the arguments are, besides what every question may speak of.
pub(crate) fn entities(given: &Arguments) -> Entities {
    let Arguments { texts, integers, decimals, flags, lists, .. } = given;
    let tagged = [
        entity(Kind::Texts, texts, |value| text(value)),
        entity(Kind::Integers, integers, |value| RestrictedExpression::new_long(*value)),
        entity(Kind::Decimals, decimals, |value| RestrictedExpression::new_decimal(value.as_str())),
        entity(Kind::Flags, flags, |value| RestrictedExpression::new_bool(*value)),
        entity(Kind::Lists, lists, |values| set(values.iter().map(|value| text(value)))),
    ];
    Entities::from_entities(tagged, None).expect("each kind comes once")
}

/// No path comes twice: such arguments cannot be read.
fn entity<T>(kind: Kind, values: &[(String, T)], read: impl Fn(&T) -> RestrictedExpression) -> Entity {
    let tags: Vec<_> = values.iter().map(|(path, value)| (path.clone(), read(value))).collect();
    Entity::new_with_tags(uid(kind), [], [], tags).expect("decimals were read as such")
}

fn uid(kind: Kind) -> EntityUid {
    Vocabulary::get().arguments(kind)
}

fn text(text: &str) -> RestrictedExpression {
    RestrictedExpression::new_string(text.to_owned())
}

fn set(values: impl IntoIterator<Item = RestrictedExpression>) -> RestrictedExpression {
    RestrictedExpression::new_set(values)
}

fn ip(address: IpAddr) -> RestrictedExpression {
    RestrictedExpression::new_ip(address.to_string())
}

fn age(since: Timestamp, now: Timestamp) -> RestrictedExpression {
    RestrictedExpression::new_long(now.seconds().saturating_sub(since.seconds()).max(0))
}

const fn hour_of(now: Timestamp) -> i64 {
    now.seconds().rem_euclid(86_400) / 3_600
}

/// 1 is Monday; 1970 began on a Thursday.
const fn weekday_of(now: Timestamp) -> i64 {
    (now.seconds().div_euclid(86_400) + 3).rem_euclid(7) + 1
}

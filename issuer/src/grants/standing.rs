//! What a grant's person may have today: who vouches for them, whether anybody suspended them, and what their groups give.

use chancery_core::{Event, Field, Kind, Person, ScopeSet, SubjectId};
use chancery_registry::Access;
use chancery_store::repo::grants::{AllowedResource, Grant};
use chancery_store::repo::subjects::{Beside, Standing};
use chancery_tokens::end_of_grant;

use super::Asking;
use crate::identity_scope::without_identity;
use crate::moment::Moment;
use crate::refusal::Refused;

/// The reason that events and ended grants carry.
pub(super) const GROUPS_REMOVED: &str = "groups_removed";

/// Of what no person stands behind, rules about people say nothing.
pub(super) fn of(grant: &Grant, person: Option<&Beside>, asking: Asking<'_>) -> Result<Access, Refused> {
    let Some(person) = person else {
        let is_persons = grant.subject.parse::<SubjectId>().is_ok();
        let gone = || Refused::invalid_grant("whoever allowed this is not known here any more; authorize again");
        return if is_persons { Err(gone()) } else { Ok(Access::default()) };
    };
    if person.status != Standing::Active {
        return Err(Refused::invalid_grant("access has been taken from whoever allowed this; ask who runs this server"));
    }
    if !asking.tenant.vouches_for(&person.provider, &person.key) {
        return Err(Refused::invalid_grant("the identity provider of whoever allowed this is no longer used here; authorize again"));
    }
    let claims: Person = serde_json::from_str(&person.claims).unwrap_or_else(|_| Person { groups_withheld: true, ..Person::default() });
    Ok(asking.tenant.access_of(&claims, &person.provider))
}

/// Where the person's groups leave nothing of all that was allowed, the grant has ended.
pub(super) fn leaves_something(
    allowed: &[AllowedResource],
    access: &Access,
    grant: &Grant,
    asking: Asking<'_>,
    moment: &mut Moment,
) -> Result<(), Refused> {
    let lost = |allowed: &AllowedResource| {
        let scope = without_identity(&allowed.scope);
        !scope.is_empty() && access.narrowed(&scope).is_empty()
    };
    if allowed.is_empty() || !allowed.iter().all(lost) {
        return Ok(());
    }
    let event = Event::new(Kind::TokenRefused, grant.tenant, moment.now, &mut moment.entropy)
        .with(Field::Subject, &grant.subject)
        .with(Field::Client, asking.by.id())
        .with_some(Field::Agent, asking.by.agent())
        .with(Field::Grants, grant.id)
        .with(Field::Reason, GROUPS_REMOVED);
    let words = "the groups of whoever allowed this no longer give any of it; what was allowed has been ended, ask who runs this server";
    Err(Refused::invalid_grant(words)
        .because(GROUPS_REMOVED)
        .with(end_of_grant(&grant.tenant, &grant.id, GROUPS_REMOVED, moment.now).recording(event)))
}

/// Whether the person's groups take away some of it.
pub(super) fn takes_some(scope: &ScopeSet, access: &Access) -> bool {
    access.narrowed(scope) != *scope
}

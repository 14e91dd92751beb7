//! The grants of the token endpoint, one file each. A grant reads its own parameters, loads its facts by one read, and decides; the
//! endpoint authenticates the client, refuses what is malformed, commits, signs and answers. A new grant is a file and a line in each
//! `match` here.

mod authorization_code;
mod client_credentials;
mod granted;
mod refresh_token;
mod standing;
mod vouched;
mod wanted;

use std::time::Duration;

use chancery_audit::{Change, Draft, Topic};
use chancery_core::{Event, Field, Kind, RecheckTrouble, SubjectId, TenantId, Timestamp};
use chancery_registry::{GrantType, Tenant};
use chancery_store::repo::clients;
use chancery_store::repo::grants::{AllowedResource, Grant};
use chancery_store::{Store, StoreError};
use chancery_tokens::RefreshTokenKeys;

use crate::binding::Binding;
use crate::client_auth::AuthenticatedClient;
use crate::form::Form;
use crate::moment::Moment;
use crate::refusal::{ByRow, Refused};

pub(crate) use authorization_code::code_verifier;
pub(crate) use granted::Granted;
pub use granted::Signed;

/// What a client asks the token endpoint for, by grant.
pub(crate) enum Asked {
    Code(authorization_code::Request),
    Refresh(refresh_token::Request),
    Credentials(client_credentials::Request),
}

/// Who asks, of which tenant.
#[derive(Clone, Copy)]
pub(crate) struct Asking<'a> {
    pub tenant: &'a Tenant,
    pub by: &'a AuthenticatedClient,
    /// What it is to be bound to.
    pub binding: &'a Binding,
}

impl<'a> Asking<'a> {
    /// What its refresh tokens are bound to: nothing, of a client that proves who it is by itself.
    fn refresh_key(self) -> Option<&'a str> {
        self.binding.jkt().filter(|_| self.by.client().is_public()) // DP-05
    }
}

/// What a grant comes to, unless it refuses.
pub(crate) enum Outcome {
    Granted(Box<Granted>),
    /// Something must be learned first.
    Need(Need),
}

/// What is to be learned before it is decided again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Need {
    /// Whether the identity provider still vouches for this person.
    Recheck(SubjectId),
}

/// What was learned for this request, besides what the store says.
#[derive(Clone, Copy, Default)]
pub(crate) struct Learned {
    pub rechecked: Option<Result<(), RecheckTrouble>>,
}

impl From<Granted> for Outcome {
    fn from(granted: Granted) -> Self {
        Self::Granted(Box::new(granted))
    }
}

impl Asked {
    pub fn read(grant: GrantType, form: &Form, tenant: &TenantId, keys: &RefreshTokenKeys) -> Result<Self, Refused> {
        match grant {
            GrantType::AuthorizationCode => authorization_code::Request::read(form).map(Self::Code),
            GrantType::RefreshToken => refresh_token::Request::read(form, tenant, keys).map(Self::Refresh),
            GrantType::ClientCredentials => client_credentials::Request::read(form).map(Self::Credentials),
        }
    }

    /// Loads what is to be known, by one read at most, and decides.
    pub async fn decide(
        &self,
        asking: Asking<'_>,
        learned: Learned,
        store: &Store,
        moment: &mut Moment,
    ) -> Result<Result<Outcome, Refused>, StoreError> {
        let tenant = &asking.tenant.id;
        Ok(match self {
            Self::Code(request) => {
                let facts = authorization_code::Facts::load(store, tenant, request, learned).await?;
                let outcome = authorization_code::decide(request, asking, &facts, moment);
                outcome.map_err(|refused| witnessed(refused, asking, facts.living(moment.now), moment))
            }
            Self::Refresh(request) => {
                let facts = refresh_token::Facts::load(store, tenant, request, learned).await?;
                let outcome = refresh_token::decide(request, asking, &facts, moment);
                outcome.map_err(|refused| witnessed(refused, asking, facts.living(moment.now), moment))
            }
            Self::Credentials(request) => {
                let outcome = client_credentials::decide(request, asking, moment).map(Outcome::from);
                outcome.map_err(|refused| witnessed(refused, asking, None, moment))
            }
        })
    }
}

/// A refusal of a client that proved who it is and that somebody vouches for, or of a living code or refresh token, is an event. Others
/// are of nobody in particular: they stay without one and are counted.
pub(crate) fn witnessed(refused: Refused, asking: Asking<'_>, living: Option<&Grant>, moment: &mut Moment) -> Refused {
    if refused.is_event() || !(asking.by.is_somebody() || living.is_some()) {
        return refused;
    }
    let event = Event::new(Kind::TokenRefused, asking.tenant.id, moment.now, &mut moment.entropy)
        .with(Field::Client, asking.by.id())
        .with_some(Field::Agent, asking.by.agent())
        .with_some(Field::Subject, living.map(|grant| &grant.subject))
        .with_some(Field::Grants, living.map(|grant| grant.id))
        .with(Field::Outcome, refused.error().code())
        .with(Field::Reason, refused.reason())
        .with(Field::Row, refused.row());
    refused.recording(event)
}

/// The one resource that a token is asked for, of those that were allowed.
fn one_of<'a>(allowed: &'a [AllowedResource], asked: Option<&str>) -> Result<&'a AllowedResource, Refused> {
    match (asked, allowed) {
        (Some(asked), _) => allowed.iter().find(|allowed| allowed.resource.is_meant_by(asked)).ok_or_else(|| {
            Refused::invalid_target("this resource is not among those that were authorized; ask for it in an authorization request")
        }),
        (None, [only]) => Ok(only),
        (None, _) => {
            Err(Refused::invalid_target("several resources were authorized; say by resource which one the token is for")).row("RI-03")
        }
    }
}

/// Clients that registered themselves are forgotten some day, unless they are used. That is written down once a day: the client as this
/// node knows it says when it was last.
fn used(asking: Asking<'_>, now: Timestamp) -> Draft {
    const DAY: Duration = Duration::from_hours(24);
    let (tenant, client) = (asking.tenant, asking.by.client());
    let keep_until = now + tenant.registration.quotas.forget_after;
    match client.keep_until {
        Some(known) if known + DAY < keep_until => Draft::default()
            .writing(clients::used(&tenant.id, &client.id, now, keep_until))
            .telling(Change { topic: Topic::Client, key: client.id.to_string() }),
        _ => Draft::default(),
    }
}

#[cfg(test)]
mod tests;

//! What an approval writes: the grant, the code that stands for it until it is redeemed (RFC 6749 §4.1.2), and, where a person has just
//! been asked, what is remembered of their answer.

use chancery_audit::{Draft, Write};
use chancery_core::{Event, Field, GrantId, Kind, ScopeSet, Secret, SignedIn, Timestamp};
use chancery_crypto::digest::{secret_text, sha256};
use chancery_registry::{Client, Tenant};
use chancery_store::repo::approvals;
use chancery_store::repo::codes::{self, Code};
use chancery_store::repo::grants::{self, Grant};

use crate::authorize::AuthorizationRequest;
use crate::moment::Moment;
use crate::redirect_uri::shown_host;

/// Where in a draft the write stands that uses up the page or the sign-in. If its guard fails, somebody did before.
pub(super) const CONSUMED: usize = 0;

/// Who approves what, for which client.
#[derive(Clone, Copy)]
pub(super) struct Approval<'a> {
    pub tenant: &'a Tenant,
    pub client: &'a Client,
    pub request: &'a AuthorizationRequest,
    pub by: &'a SignedIn,
}

/// A code, good once its draft is committed. Of the code itself only the hash is written.
pub(crate) struct Issued {
    pub code: Secret<String>,
    pub draft: Draft,
}

impl Approval<'_> {
    /// The person has just said yes. `consuming` comes first, at [`CONSUMED`]: it is what the approval uses up, and its guards say that
    /// nobody did before.
    pub fn issue(&self, consuming: Vec<Write>, moment: &mut Moment) -> Issued {
        let until = moment.now + self.tenant.lifetimes.refresh_absolute;
        let remembered = self.remembered(moment.now, until);
        let writes = consuming.into_iter().chain(remembered.iter().map(approvals::remember)).collect();
        self.grant_until(until, Kind::ConsentGiven, writes, moment)
    }

    /// The person said yes before. What they were told when it ends, it ends; `guards` say that it still stands.
    pub fn issue_again(&self, until: Timestamp, guards: Vec<Write>, moment: &mut Moment) -> Issued {
        self.grant_until(until, Kind::ConsentRemembered, guards, moment)
    }

    fn grant_until(&self, until: Timestamp, why: Kind, mut writes: Vec<Write>, moment: &mut Moment) -> Issued {
        let grant = self.grant(until, moment);
        let secret = secret_text(moment.entropy.take());
        let code = self.code(&grant, sha256(secret.expose().as_bytes()));
        let event = self.event(why, &grant, moment);
        writes.extend([grants::insert(&grant), codes::insert(&code)]);
        Issued { code: secret, draft: Draft { writes, events: vec![event], ..Draft::default() } }
    }

    /// One for each resource, so that what is asked at one later is held against what was allowed there.
    fn remembered(&self, now: Timestamp, until: Timestamp) -> Vec<approvals::Approval> {
        let Self { tenant, client, request, by } = self;
        let remember = |allowed: &grants::AllowedResource| approvals::Approval {
            tenant: tenant.id,
            subject: by.subject,
            client: client.id.clone(), // SB-04, MC-03
            resource: allowed.resource_id,
            agent: request.agent,
            scope: allowed.scope.clone(),
            redirect_host: shown_host(&request.return_to.uri),
            client_name: client.name.clone(),
            at: now,
            expires_at: until,
        };
        request.resources.iter().map(remember).collect()
    }

    fn grant(&self, until: Timestamp, moment: &mut Moment) -> Grant {
        let Self { tenant, client, request, by } = self;
        Grant {
            tenant: tenant.id,
            id: GrantId::mint(moment.now, &mut moment.entropy),
            parent: None,
            subject: by.subject.to_string(),
            client: client.id.clone(),
            agent: request.agent,
            resources: request.resources.clone(),
            authentication: Some(by.authentication.clone()), // AT-06
            session: Some(by.session),
            their_session: by.their_session.clone(),
            created_at: moment.now,
            expires_at: until,
            ended_at: None,
            end_reason: None,
        }
    }

    fn code(&self, grant: &Grant, hash: [u8; 32]) -> Code {
        Code {
            tenant: grant.tenant,
            hash,
            grant_id: grant.id,
            client: grant.client.clone(),
            redirect_uri: self.request.return_to.uri.clone(),
            challenge: self.request.challenge.as_str().to_owned(),
            nonce: self.request.nonce.clone(),
            jkt: self.request.jkt.clone(), // DP-06
            created_at: grant.created_at,
            expires_at: grant.created_at + self.tenant.lifetimes.code, // OA-09
            redeemed_at: None,
            family: None,
        }
    }

    fn event(&self, why: Kind, grant: &Grant, moment: &mut Moment) -> Event {
        let scope = grant.resources.iter().fold(ScopeSet::default(), |all, allowed| all.union(&allowed.scope));
        let resources: Vec<_> = grant.resources.iter().map(|allowed| allowed.resource.as_str()).collect();
        Event::new(why, grant.tenant, moment.now, &mut moment.entropy)
            .with(Field::Subject, &grant.subject)
            .with(Field::Client, &grant.client)
            .with(Field::ClientName, &self.client.name)
            .with_some(Field::Agent, grant.agent)
            .with(Field::Resource, resources.join(" "))
            .with(Field::Scope, scope)
            .with(Field::Grants, grant.id)
            .with(Field::Session, self.by.session)
            .with(Field::IdentityProvider, &self.by.provider)
    }
}

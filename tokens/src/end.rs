//! Ends: what voids a token before its `exp`. An end is a row, for nodes that start later, and a change in the feed, for nodes that run.

use chancery_audit::Draft;
use chancery_core::{AgentId, ClientId, GrantId, Issuer, Rng, SKEW, SessionId, Slug, SubjectId, TenantId, Timestamp, TokenId};
use chancery_crypto::seal::Sealer;
use chancery_store::repo::keys::Key;
use chancery_store::{Change, Topic, Write, repo};

use chancery_store::repo::ended::GrantsOf;
pub use chancery_store::repo::ended::{End, EndedKind};

use crate::LONGEST_TOKEN_LIFE;
use crate::new_keys::{NewKeyError, NewKeys};

/// Ends a grant: its row, the end that voids its tokens and those of its children, and who must hear of it. Ending it twice is harmless.
/// The approval behind it goes too: where something had to be ended, the person is asked before it begins anew.
pub fn end_of_grant(tenant: &TenantId, grant: &GrantId, reason: &str, now: Timestamp) -> Draft {
    voiding(tenant, EndedKind::Grant, grant, now)
        .writing(repo::approvals::end_of_grant(tenant, grant))
        .writing(repo::grants::end(tenant, grant, now, reason))
}

/// Ends all that a person allowed a client. `grants` are those that are alive: the draft's guard fails when there is another by now.
///
/// The approval first, for the reason that [`end_of_subject`] has for its sessions.
pub fn end_of_allowed(
    tenant: &TenantId,
    (subject, client): (&SubjectId, &ClientId),
    grants: &[GrantId],
    reason: &str,
    now: Timestamp,
) -> Draft {
    let ended = Draft::default().writing(repo::approvals::end(tenant, subject, client));
    let subject = subject.to_string();
    let ended = ended.writing(repo::grants::end_of_subject_to_client(tenant, (&subject, client), grants.len(), now, reason));
    grants.iter().fold(ended, |ended, grant| ended.with(voiding(tenant, EndedKind::Grant, grant, now)))
}

/// Ends all that a person allowed, and their sessions. Whether they may sign in again is their identity provider's to say.
///
/// The sessions first: an approval that is being committed holds its session's row. Whoever waits for that row here sees the grant
/// afterwards, and ends it as well.
pub fn end_of_subject(tenant: &TenantId, subject: &SubjectId, reason: &str, now: Timestamp) -> Draft {
    voiding(tenant, EndedKind::Subject, subject, now)
        .writing(repo::sessions::end_of_subject(tenant, subject, now))
        .writing(repo::approvals::end_of_subject(tenant, subject))
        .writing(repo::logouts::of_subject(tenant, subject, now))
        .writing(repo::grants::end_of_subject(tenant, &subject.to_string(), now, reason))
        .with(their_grants(tenant, GrantsOf::Subject(subject), now))
}

/// Ends a browser's session, and of what was allowed in it those grants that are given: all that are alive, or none. The draft's guards
/// fail when the session has ended, or there is another grant by now. The session first, for the reason that [`end_of_subject`] has.
///
/// What a person allowed is remembered: to sign out is not to take it back. The clients hear that the session is over, whatever becomes of
/// what they were allowed (BL-03).
pub fn end_of_session(tenant: &TenantId, session: &SessionId, grants: Option<&[GrantId]>, reason: &str, now: Timestamp) -> Draft {
    let ended =
        Draft::default().writing(repo::sessions::end_by_id(tenant, session, now)).writing(repo::logouts::of_session(tenant, session, now));
    let Some(grants) = grants else { return ended };
    let ended = ended.writing(repo::grants::end_of_session(tenant, session, now, reason, grants.len()));
    grants.iter().fold(ended, |ended, grant| ended.with(voiding(tenant, EndedKind::Grant, grant, now)))
}

/// Ends what began as this session of a provider's own: so many `sessions` of ours, and what was allowed by them, those whose time is over
/// too. Guards and order as in [`end_of_session`].
pub fn end_of_their_session(
    tenant: &TenantId,
    theirs: (&Slug, &str),
    (sessions, grants): (usize, Option<&[GrantId]>),
    reason: &str,
    now: Timestamp,
) -> Draft {
    let ended = Draft::default().writing(repo::sessions::end_of_theirs(tenant, theirs, sessions, now));
    let ended = ended.writing(repo::logouts::of_their_session(tenant, theirs, now));
    let Some(grants) = grants else { return ended };
    let ended = ended.writing(repo::grants::end_of_their_session(tenant, theirs, now, reason, grants.len()));
    grants.iter().fold(ended, |ended, grant| ended.with(voiding(tenant, EndedKind::Grant, grant, now)))
}

/// Ends all sessions of a person, and with them, if told so, all that they allowed. Of what they allowed nothing is forgotten.
pub fn end_of_sessions(tenant: &TenantId, subject: &SubjectId, and_grants: bool, reason: &str, now: Timestamp) -> Draft {
    let ended = Draft::default()
        .writing(repo::sessions::end_of_subject(tenant, subject, now))
        .writing(repo::logouts::of_subject(tenant, subject, now));
    if !and_grants {
        return ended;
    }
    let grants = repo::grants::end_of_subject(tenant, &subject.to_string(), now, reason);
    ended.writing(grants).with(voiding(tenant, EndedKind::Subject, subject, now)).with(their_grants(
        tenant,
        GrantsOf::Subject(subject),
        now,
    ))
}

/// Ends all that the people allowed whom this issuer vouched for, by this provider of the tenant's, and their sessions.
///
/// They may be many: the Unit has one statement of each kind and one entry in the feed, and the database finds the people. The feed's
/// entry names nobody; nodes that hear it read the rows. Tokens do not say by which provider a person came, so each gets an end of
/// their own. Sessions come first, as in [`end_of_subject`], and the ends of people before those of the grants they are found by.
pub fn end_of_issuer(tenant: &TenantId, provider: &Slug, issuer: &Issuer, reason: &str, now: Timestamp) -> Draft {
    Draft::default()
        .writing(repo::sessions::end_of_issuer(tenant, provider, issuer, now))
        .writing(repo::approvals::end_of_issuer(tenant, provider, issuer))
        .writing(repo::ended::put_subjects(tenant, provider, issuer, now, forgotten_at(now)))
        .writing(repo::grants::end_of_issuer(tenant, provider, issuer, now, reason))
        .with(their_grants(tenant, GrantsOf::Issuer(provider, issuer), now))
}

/// Ends all that was allowed to a client that may come back.
pub fn end_of_client(tenant: &TenantId, client: &ClientId, reason: &str, now: Timestamp) -> Draft {
    voiding(tenant, EndedKind::Client, client, now).with(allowed_to_client(tenant, client, reason, now))
}

/// The same of a client whose id never comes back. To what it did as itself there is no grant, so its end lies as far ahead as the clock
/// may be of a node that issued.
pub fn end_of_gone_client(tenant: &TenantId, client: &ClientId, reason: &str, now: Timestamp) -> Draft {
    voiding(tenant, EndedKind::Client, client, now + SKEW).with(allowed_to_client(tenant, client, reason, now))
}

/// Ends all that was allowed to an agent, and what it did as itself.
pub fn end_of_agent(tenant: &TenantId, agent: &AgentId, reason: &str, now: Timestamp) -> Draft {
    voiding(tenant, EndedKind::Agent, agent, now).with(allowed_to_agent(tenant, agent, reason, now))
}

/// The same of an agent whose id never comes back, as [`end_of_gone_client`].
pub fn end_of_gone_agent(tenant: &TenantId, agent: &AgentId, reason: &str, now: Timestamp) -> Draft {
    voiding(tenant, EndedKind::Agent, agent, now + SKEW).with(allowed_to_agent(tenant, agent, reason, now))
}

fn allowed_to_client(tenant: &TenantId, client: &ClientId, reason: &str, now: Timestamp) -> Draft {
    Draft::default()
        .writing(repo::approvals::end_of_client(tenant, client))
        .writing(repo::grants::end_of_client(tenant, client, now, reason))
        .with(their_grants(tenant, GrantsOf::Client(client), now))
}

fn allowed_to_agent(tenant: &TenantId, agent: &AgentId, reason: &str, now: Timestamp) -> Draft {
    Draft::default()
        .writing(repo::approvals::end_of_agent(tenant, agent))
        .writing(repo::grants::end_of_agent(tenant, agent, now, reason))
        .writing(repo::grants::end_of_subject(tenant, &agent.to_string(), now, reason))
        .with(their_grants(tenant, GrantsOf::Agent(agent), now))
}

/// Ends by its id each grant that the Unit has just ended: whatever clock its tokens were issued by, they are over. They may be many, so
/// the feed has one entry, and nodes that hear it read the rows.
fn their_grants(tenant: &TenantId, of: GrantsOf<'_>, now: Timestamp) -> Draft {
    let until = forgotten_at(now);
    Draft::default()
        .writing(repo::ended::put_grants(tenant, of, now, until))
        .telling(Change { topic: Topic::ManyEnded, key: until.millis().to_string() })
}

/// Voids one access token.
pub fn end_of_token(tenant: &TenantId, token: &TokenId, now: Timestamp) -> Draft {
    voiding(tenant, EndedKind::Token, token, now)
}

/// Ends a key that somebody else may have, and puts a new one of its kind into its place at once. All that hangs on the old one breaks.
pub async fn end_of_key(key: &Key, sealer: &Sealer, now: Timestamp, rng: &dyn Rng) -> Result<Draft, NewKeyError> {
    let successor = NewKeys { tenant: &key.tenant, sealer, now, rng }.successor(key).await?;
    Ok(voiding(&key.tenant, EndedKind::Key, key.id, now)
        .writing(repo::keys::remove(&key.tenant, &key.id))
        .writing(successor)
        .telling(Change { topic: Topic::Keys, key: String::new() }))
}

fn voiding(tenant: &TenantId, kind: EndedKind, key: impl ToString, now: Timestamp) -> Draft {
    let (row, change) = end_of(tenant, kind, key, now);
    Draft::default().writing(row).telling(change)
}

/// Voids the tokens that were issued up to now for what bears this id. What it means for the thing's own row is for the caller.
pub fn end_of(tenant: &TenantId, kind: EndedKind, key: impl ToString, now: Timestamp) -> (Write, Change) {
    let end = End { tenant: *tenant, kind, key: key.to_string(), at: now, until: forgotten_at(now) };
    (repo::ended::put(&end), Change { topic: Topic::Ended, key: to_text(&end) })
}

/// When the last token that an end concerns has died.
pub(crate) fn forgotten_at(ended_at: Timestamp) -> Timestamp {
    ended_at + LONGEST_TOKEN_LIFE + SKEW
}

/// The feed's text says all that a running node needs, so it reads no row.
fn to_text(end: &End) -> String {
    format!("{} {} {}", end.kind.as_str(), end.at.millis(), end.key)
}

/// Reads what [`end_of`] told the feed.
pub(crate) fn from_text(tenant: &TenantId, text: &str) -> Option<End> {
    let (kind, rest) = text.split_once(' ')?;
    let (at, key) = rest.split_once(' ')?;
    let at = Timestamp::from_millis(at.parse().ok()?);
    Some(End { tenant: *tenant, kind: kind.parse().ok()?, key: key.to_owned(), at, until: forgotten_at(at) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_s_sessions_end_before_what_they_allowed() {
        let tenant: TenantId = "ten_019ab697e80070008000000000000001".parse().expect("an id");
        let subject: SubjectId = "usr_019ab697e80070008000000000000002".parse().expect("an id");
        let now = Timestamp::from_millis(1_764_000_000_123);
        let writes = end_of_subject(&tenant, &subject, "left", now).writes;
        let sessions = repo::sessions::end_of_subject(&tenant, &subject, now);
        let grants = repo::grants::end_of_subject(&tenant, &subject.to_string(), now, "left");
        let (approvals, told) = (repo::approvals::end_of_subject(&tenant, &subject), repo::logouts::of_subject(&tenant, &subject, now));
        let by_id = repo::ended::put_grants(&tenant, GrantsOf::Subject(&subject), now, forgotten_at(now));
        assert_eq!(writes[1..], [sessions, approvals, told, grants, by_id]);
    }

    #[test]
    fn a_node_hears_what_was_ended_as_it_was_written() {
        let tenant: TenantId = "ten_019ab697e80070008000000000000001".parse().expect("an id");
        let now = Timestamp::from_millis(1_764_000_000_123);
        for key in ["cli_1", "https://client.example/metadata with a space"] {
            let (_, change) = end_of(&tenant, EndedKind::Client, key, now);
            let end = from_text(&tenant, &change.key).expect("our own text");
            assert_eq!((change.topic, end.kind, end.key.as_str(), end.at), (Topic::Ended, EndedKind::Client, key, now));
        }
        for text in ["", "grant", "grant 1", "castle 1 x", "grant one x"] {
            assert_eq!(from_text(&tenant, text), None, "{text}");
        }
    }
}

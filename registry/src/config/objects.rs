//! The objects of a tenant, each kind's keys in one function: agents, clients, settings.

use std::collections::BTreeSet;
use std::time::Duration;

use chancery_core::{LONGEST_TOKEN_LIFE, Scope, Slug};
use chancery_crypto::digest;

use super::declared::{Declared, DeclaredSecret};
use super::problem::{Complaint, Place};
use super::reader::{Cursor, Section};
use super::registration::{Known, grants, registration, sign_ins};
use super::secret::{Secrets, secret};
use super::values;
use crate::definition::{AgentDefinition, ClientDefinition, Definition, SettingsDefinition};
use crate::{AccessRule, GrantType, Lifetimes, SignOut};

/// 128 bits even where each character carries only four (JW-08).
const CLIENT_SECRET_LENGTH: usize = 32;

/// The names of agents are noted even where the rest is wrong, so that no client is told its agent is unknown.
pub(super) fn agent(cursor: &Cursor<'_>, names: &mut BTreeSet<Slug>) -> Option<Declared> {
    cursor.section(|section| {
        let name = section.required("name", "name: reporter", named);
        names.extend(name.iter().map(|(name, _)| name.clone()));
        let owner = section.required("owner", "owner: finance", |cursor| cursor.text().map(str::to_owned));

        let (name, at) = name?;
        Some(Declared::new(name, Definition::Agent(AgentDefinition { owner: owner? }), at))
    })
}

pub(super) fn client(cursor: &Cursor<'_>, agents: &BTreeSet<Slug>, secrets: Secrets<'_>) -> Option<Declared> {
    cursor.section(|section| {
        let name = section.required("name", "name: desk", named);
        let grants = section.optional("grants", "grants: [ client_credentials ]", grants);
        let code_flow = !matches!(&grants, Some(Some(grants)) if !grants.contains(&GrantType::AuthorizationCode));
        let example = "redirect_uris: [ https://desk.example.com/callback ]";
        let redirect_uris = if code_flow {
            section.required("redirect_uris", example, redirect_uris)
        } else {
            section.optional("redirect_uris", example, redirect_uris).map(Option::unwrap_or_default)
        };
        let found = section.optional("secret", "secret: env:DESK_SECRET", |cursor| secret(cursor, secrets, CLIENT_SECRET_LENGTH));
        let public = matches!(found, Some(None));
        let agent = section.optional("agent", "agent: reporter", |cursor| agent_of(cursor, agents, public));
        let scopes = section.optional("scopes", "scopes: \"bank:read\"", |cursor| cursor.parsed(values::scopes));
        let logout = section.optional("backchannel_logout_uri", "backchannel_logout_uri: https://desk.example.com/logout", |cursor| {
            cursor.parsed(values::logout_uri)
        });
        let bound = section.optional("dpop_bound_access_tokens", "dpop_bound_access_tokens: true", Cursor::flag);
        let by_itself = matches!(&grants, Some(Some(grants)) if grants.contains(&GrantType::ClientCredentials));
        let sound = !by_itself || can_act_by_itself(section, public, scopes == Some(None));

        let (name, at) = name?;
        let definition = ClientDefinition {
            redirect_uris: redirect_uris?,
            agent: agent?,
            grants: grants?,
            scopes: scopes?,
            backchannel_logout_uri: logout?,
            dpop_bound_access_tokens: bound?.unwrap_or(false),
        };
        let secret = found?.map(|secret| DeclaredSecret::Digest(digest::sha256(secret.expose().as_bytes())));
        sound.then(|| Declared { secret, ..Declared::new(name, Definition::Client(definition), at) })
    })
}

/// Where nobody consents, the file says all: who it is, and what for.
fn can_act_by_itself(section: &Section<'_>, public: bool, unlimited: bool) -> bool {
    if public {
        let remedy = "give it one, such as `secret: env:DESK_SECRET`, or leave client_credentials out of its grants";
        section.complain("secret", "a client without a secret proves nothing, so it gets no token of its own", remedy); // OA-16
    }
    if unlimited {
        let remedy = "add them, such as `scopes: \"bank:read\"`";
        section.complain("scopes", "a client that nobody consents for must say which scopes it may have", remedy);
    }
    !public && !unlimited
}

fn redirect_uris(cursor: &Cursor<'_>) -> Option<Vec<String>> {
    let items = cursor.list()?;
    if items.is_empty() {
        cursor.complain("a client without a redirect URI can never be answered", "add the address that the app waits at");
        return None;
    }
    let uris: Vec<_> = items.iter().map(|item| item.parsed(values::redirect_uri)).collect();
    uris.into_iter().collect()
}

fn agent_of(cursor: &Cursor<'_>, agents: &BTreeSet<Slug>, public: bool) -> Option<Slug> {
    let agent = cursor.parsed(values::name)?;
    if !agents.contains(&agent) {
        cursor.complain(format!("there is no agent `{agent}`"), "add it under `agents`, with its owner");
        return None;
    }
    if public {
        cursor.complain(
            "a client without a secret proves nothing, so it cannot act as an agent",
            "give it a secret, such as `secret: env:DESK_SECRET`, or leave `agent` out",
        );
        return None;
    }
    Some(agent)
}

pub(super) fn settings(section: &mut Section<'_>, access: Vec<AccessRule>, known: &Known<'_>) -> Option<Declared> {
    let registration = section
        .optional("registration", "registration: { dynamic: closed }", |cursor| cursor.section(|section| registration(section, known)));
    let sign_ins = section.optional("sign_ins", "sign_ins: { per_source: { most: 1000, per: 10m } }", |cursor| cursor.section(sign_ins));
    let lifetimes = section.optional("lifetimes", "lifetimes: { access_token: 5m }", |cursor| cursor.section(lifetimes));
    let sign_out = section.optional("sign_out", "sign_out: { ends_grants: false }", |cursor| cursor.section(sign_out));

    let (registration, credential) = registration?.unwrap_or_default();
    let (lifetimes, sign_out) = (lifetimes?.unwrap_or_default(), sign_out?.unwrap_or_default());
    let definition = SettingsDefinition { access, registration, sign_ins: sign_ins?.unwrap_or_default(), lifetimes, sign_out };
    let name = "settings".parse().expect("a name");
    let secret = credential.map(DeclaredSecret::Sealed);
    Some(Declared { secret, ..Declared::new(name, Definition::Settings(Box::new(definition)), section.place.clone()) })
}

fn sign_out(section: &mut Section<'_>) -> Option<SignOut> {
    let default = SignOut::default();
    let ends_grants = section.optional("ends_grants", "ends_grants: false", |cursor| cursor.flag());
    let at_provider = section.optional("at_provider", "at_provider: false", |cursor| cursor.flag());
    Some(SignOut { ends_grants: ends_grants?.unwrap_or(default.ends_grants), at_provider: at_provider?.unwrap_or(default.at_provider) })
}

#[rustfmt::skip]
fn lifetimes(section: &mut Section<'_>) -> Option<Lifetimes> {
    const MINUTE: u64 = 60;
    const DAY: u64 = 24 * 60 * MINUTE;
    let default = Lifetimes::default();
    let mut lifetime = |key, example, most| section.optional(key, example, |cursor| cursor.parsed(|text| up_to(most, text)));

    let access_token     = lifetime("access_token", "access_token: 5m", LONGEST_TOKEN_LIFE.as_secs()); // JW-06
    let code             = lifetime("code", "code: 60s", 10 * MINUTE); // OA-09
    let refresh_idle     = lifetime("refresh_idle", "refresh_idle: 30d", 400 * DAY);
    let refresh_absolute = lifetime("refresh_absolute", "refresh_absolute: 90d", 400 * DAY);
    let session          = lifetime("session", "session: 8h", 30 * DAY);
    let session_idle     = lifetime("session_idle", "session_idle: 2h", 30 * DAY);
    let consent_page     = lifetime("consent_page", "consent_page: 10m", 60 * MINUTE);
    let recheck          = lifetime("recheck", "recheck: 15m", DAY);
    let stale            = lifetime("stale", "stale: 4h", 7 * DAY);
    let unvouched        = lifetime("unvouched", "unvouched: 12h", 400 * DAY);

    Some(Lifetimes {
        access_token: access_token?.unwrap_or(default.access_token),
        code: code?.unwrap_or(default.code),
        refresh_idle: refresh_idle?.unwrap_or(default.refresh_idle),
        refresh_absolute: refresh_absolute?.unwrap_or(default.refresh_absolute),
        session: session?.unwrap_or(default.session),
        session_idle: session_idle?.unwrap_or(default.session_idle),
        consent_page: consent_page?.unwrap_or(default.consent_page),
        recheck: recheck?.unwrap_or(default.recheck),
        stale: stale?.unwrap_or(default.stale),
        unvouched: unvouched?.unwrap_or(default.unvouched),
    })
}

pub(super) fn up_to(most: u64, text: &str) -> Result<Duration, Complaint> {
    let (duration, most) = (values::duration(text)?, Duration::from_secs(most));
    if duration.is_zero() || duration > most {
        let remedy = format!("choose between 1s and {}", crate::duration::text(most));
        return Err(Complaint::new(format!("{text} is too {}", if duration.is_zero() { "short" } else { "long" }), remedy));
    }
    Ok(duration)
}

/// A name, and where it stands.
pub(super) fn named(cursor: &Cursor<'_>) -> Option<(Slug, Place)> {
    cursor.parsed(values::name).map(|name| (name, cursor.place.clone()))
}

/// Scopes that mean something of their own and belong to no resource (OpenID Connect Core §3.1.2.1, §11; PR-04).
pub(super) fn is_reserved(scope: &Scope) -> bool {
    matches!(scope.as_str(), "openid" | "profile" | "email" | "offline_access")
}

//! What an identity provider said that it ended, kept for as long as a sign-in of it may be under way: one that has redeemed its code and has
//! written nothing yet is not there to be ended.
//!
//! Who says and who asks write one row, so of two Units at the same time one waits for the other: either the sign-in finds what was said, or
//! the end, which comes behind this row in its Unit, finds the session. A sign-in that asked leaves a row that says nothing, and goes first.

use std::time::Duration;

use chancery_core::{Slug, TenantId, Timestamp};

use crate::Write;

/// As long as a sign-in lives.
pub const STAYS: Duration = Duration::from_secs(600);
/// So far apart the clocks of one provider may be, and a second more, since it says no times that are finer.
pub const THEIR_SKEW: Duration = Duration::from_secs(5);

const HEARD: &str = "INSERT INTO logged_out (tenant, provider, whose, said_at, heard_at) VALUES ($1, $2, $3, $4, $5) \
     ON CONFLICT (tenant, provider, whose) DO UPDATE SET \
     said_at = CASE WHEN excluded.said_at > logged_out.said_at THEN excluded.said_at ELSE logged_out.said_at END, \
     heard_at = CASE WHEN excluded.heard_at > logged_out.heard_at THEN excluded.heard_at ELSE logged_out.heard_at END";
const SESSION_NOT_SINCE: &str = "INSERT INTO logged_out (tenant, provider, whose, said_at, heard_at) VALUES ($1, $2, $3, 0, 0) \
     ON CONFLICT (tenant, provider, whose) DO UPDATE SET heard_at = logged_out.heard_at WHERE logged_out.heard_at < $4";
const PERSON_NOT_SINCE: &str = "INSERT INTO logged_out (tenant, provider, whose, said_at, heard_at) VALUES ($1, $2, $3, 0, 0) \
     ON CONFLICT (tenant, provider, whose) DO UPDATE SET heard_at = logged_out.heard_at \
     WHERE logged_out.said_at < $4 OR (logged_out.said_at <= $5 AND logged_out.heard_at < $6)";

/// Whose end it is: a session of the provider's or a person, by whatever name.
#[derive(Clone, Copy, Debug)]
pub struct Of<'a> {
    pub tenant: &'a TenantId,
    pub provider: &'a Slug,
    pub whose: &'a str,
}

/// It has ended; the provider says when it said so, and we when we heard it. What this ends comes behind it in the Unit.
pub fn heard(of: Of<'_>, said_at: Timestamp, heard_at: Timestamp) -> Write {
    Write::one(HEARD, values![of.tenant, of.provider, of.whose, said_at, heard_at])
}

/// The guard fails when we heard of the session's end no earlier than then.
pub fn session_not_since(of: Of<'_>, heard: Timestamp) -> Write {
    Write::one(SESSION_NOT_SINCE, values![of.tenant, of.provider, of.whose, heard])
}

/// The guard fails when the provider said later than `said` that it ended all of the person's, by its clock; or not clearly before
/// ([`THEIR_SKEW`]), and we heard it no earlier than `heard`, by ours.
pub fn person_not_since(of: Of<'_>, said: Timestamp, heard: Timestamp) -> Write {
    Write::one(PERSON_NOT_SINCE, values![of.tenant, of.provider, of.whose, said - THEIR_SKEW, said, heard])
}

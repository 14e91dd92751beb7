//! A client was asked to authorize anew, for more scope or by a better sign-in.
//!
//! Some clients answer a step-up by a refresh, which brings no more than there was, and then give up (the MCP TypeScript SDK v1 does). So the
//! families of the grant keep when that was, and the next refresh is told to authorize anew, once.

use chancery_audit::Draft;
use chancery_core::{GrantId, TenantId, Timestamp};
use chancery_store::repo::families;

/// Keeps that the client of this grant was asked to.
pub fn step_up_asked(tenant: &TenantId, grant: &GrantId, now: Timestamp) -> Draft {
    Draft::default().writing(families::step_up(tenant, grant, now))
}

//! Refresh tokens (OpenID Connect Core §12). They rotate, and one that comes again ends all of its session, unless the provider was told
//! to be lenient: real ones do either.

use chancery_core::Secret;

use super::Provider;
use super::form::Form;
use super::sessions::{Refreshing, Session};
use super::token::{Answered, Refused, Tokens};

impl Provider {
    pub(super) fn refresh(&self, form: &Form) -> Result<Tokens, Refused> {
        let token = form.get("refresh_token").ok_or(Refused("invalid_request", "refresh_token is missing"))?;
        let rotates = !self.standing().is_lenient();
        let known = self.state().refresh(token, rotates);
        let Refreshing { session, scopes, .. } = known.ok_or(Refused("invalid_grant", "the refresh token is unknown, used or ended"))?;
        if self.standing().is_disabled(session.person) {
            return Err(Refused("invalid_grant", "this account is disabled"));
        }
        let refresh_token = rotates.then(|| self.refresh_token(session, &scopes));
        self.tokens(&Answered { session, scopes: &scopes, nonce: None, refresh_token })
    }

    pub(super) fn refresh_token(&self, session: Session, scopes: &[String]) -> Secret<String> {
        let token = self.secret();
        self.state().keep_refresh_token(token.expose(), Refreshing::new(session, scopes.to_vec(), self.now()));
        token
    }
}

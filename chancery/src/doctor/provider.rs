//! An identity provider: its metadata (OpenID Connect Discovery §4), its keys, its clock.

use chancery_crypto::jose::KeySet;
use chancery_federation::profiles::Profile;
use chancery_registry::config::ProviderOutline;
use serde_json::Value;

use super::visit::Seen;
use super::{Doctor, Finding};

/// Tokens carry times: what is further off than this is refused.
const MOST_SKEW: i64 = 60;
/// And this is a clock that nobody sets.
const FINE_SKEW: i64 = 10;

impl Doctor<'_> {
    pub async fn provider(&self, provider: &ProviderOutline) -> Vec<Finding> {
        let of = format!("identity provider {}", provider.name);
        let address = format!("{}/.well-known/openid-configuration", provider.issuer.trim_end_matches('/'));
        let seen = match self.visitor.get(&address).await {
            Ok(seen) => seen,
            Err(why) => {
                let fix = "check `issuer` in the file, this machine's way to it (`server.proxy`), and its certificate (`server.trust`)";
                return vec![Finding::wrong(of, format!("{address}: {why}")).should("be reached from here").fix(fix)];
            }
        };
        let document = match seen.document() {
            Ok(document) => document,
            Err(why) => {
                let should = "be the provider's metadata, a JSON document";
                let fix = "write `issuer` as the provider's own pages name it; it is the metadata's address without /.well-known/openid-configuration";
                return vec![Finding::wrong(of, format!("{address}: {why}")).should(should).fix(fix)];
            }
        };
        let mut findings = metadata(&of, provider, &document);
        findings.push(self.keys(&of, &document).await);
        findings.extend(self.clock(&of, &seen));
        findings
    }

    async fn keys(&self, of: &str, document: &Value) -> Finding {
        let of = format!("{of}, keys");
        let Some(address) = document["jwks_uri"].as_str() else {
            return Finding::wrong(of, "its metadata has no jwks_uri").should("say where its keys are");
        };
        let fetched = self.visitor.get(address).await.and_then(|seen| seen.document().map(|_| seen.body));
        match fetched.and_then(|keys| KeySet::from_jwks(&keys).map_err(|error| error.to_string())) {
            Ok(_) => Finding::good(of, format!("{address} has keys that are understood here")),
            Err(why) => Finding::wrong(of, format!("{address}: {why}"))
                .should("be a set of public keys, ES256, EdDSA, RS256 or PS256 among them")
                .fix("see to the provider's signing keys; where they lie on another host, that must be reached from here too"),
        }
    }

    fn clock(&self, of: &str, seen: &Seen) -> Option<Finding> {
        let ahead = seen.ahead(self.clock.now())?;
        let of = format!("{of}, clock");
        let saw = format!("{} seconds {} this machine's", ahead.abs(), if ahead < 0 { "behind" } else { "ahead of" });
        let should = format!("differ by less than {MOST_SKEW} seconds");
        let fix = "have both machines set their clocks by NTP (`timedatectl status` says whether this one does)";
        Some(match ahead.abs() {
            0..=FINE_SKEW => Finding::good(of, "agrees with this machine's"),
            ..=MOST_SKEW => Finding::doubtful(of, saw).should(should).fix(fix),
            _ => Finding::wrong(of, saw).should(should).fix(fix),
        })
    }
}

fn metadata(of: &str, provider: &ProviderOutline, document: &Value) -> Vec<Finding> {
    let said = document["issuer"].as_str().unwrap_or_default();
    let profile = Profile::recognise(&provider.issuer, Some(document));
    if said != provider.issuer && !crate::init::is_form(profile, said) {
        let fix = format!("if that is the provider you mean, write `issuer: {said}`, to the last character");
        return vec![Finding::wrong(of, format!("it calls itself {said:?}")).should(format!("be {:?}", provider.issuer)).fix(fix)];
    }
    let missing: Vec<_> = ["authorization_endpoint", "token_endpoint"].into_iter().filter(|key| !document[*key].is_string()).collect();
    if !missing.is_empty() {
        let saw = format!("its metadata lacks {}", missing.join(" and "));
        return vec![Finding::wrong(of, saw).should("offer the authorization code flow").fix("switch that flow on at the provider")];
    }
    let mut findings = vec![Finding::good(of, format!("{said} offers sign-in ({})", profile.title)).fix(format!(
        "nothing, if {} is registered there as a redirect URI{}",
        provider.redirect_uri,
        leaving(provider, profile, document)
    ))];
    if !listed(document, "code_challenge_methods_supported", "S256") {
        let saw = "its metadata does not say that it takes PKCE with S256";
        findings.push(Finding::doubtful(of, saw).should("take it; many do without saying so").fix("switch PKCE on for this client there"));
    }
    findings.extend(without_refresh_tokens(of, provider, document));
    let unknown: Vec<_> = provider.scopes.split(' ').filter(|scope| !listed(document, "scopes_supported", scope)).collect();
    if document["scopes_supported"].is_array() && !unknown.is_empty() {
        let saw = format!("it does not list the scope {}", unknown.join(" "));
        findings.push(
            Finding::doubtful(of, saw).should("know every scope that it is asked for").fix("correct `scopes` of this provider in the file"),
        );
    }
    findings
}

/// People whose agents go on without them are asked about by the provider's refresh token.
fn without_refresh_tokens(of: &str, provider: &ProviderOutline, document: &Value) -> Option<Finding> {
    let named = provider.profile.as_deref().and_then(Profile::named);
    let profile = named.unwrap_or_else(|| Profile::recognise(&provider.issuer, None));
    let offers = listed(document, "scopes_supported", "offline_access");
    if profile.gives_refresh_tokens(provider.written_scopes.as_deref(), offers) {
        return None;
    }
    let (saw, fix) = match provider.written_scopes {
        Some(_) => (
            "`scopes` is written without offline_access, and who does not ask gets no refresh token",
            "leave `scopes` out, or add offline_access",
        ),
        None => ("it does not list the scope offline_access, and gives no refresh token without it", "switch offline_access on there"),
    };
    let should = "give one, so that it can be asked again about people whose agents go on without them";
    let fix = format!("{fix}; else those people must sign in again after `lifetimes.unvouched`");
    Some(Finding::doubtful(format!("{of}, refresh tokens"), saw).should(should).fix(fix))
}

/// What else is to be registered there, so that a session that ends at one of the two ends at both.
fn leaving(provider: &ProviderOutline, profile: &Profile, document: &Value) -> String {
    let back = profile.signs_people_out(document).then(|| format!(", {} as a post-logout redirect URI", provider.signed_out));
    let told = profile.tells_of_logouts(document).then(|| format!(", {} as its back-channel logout URL", provider.back_channel_logout));
    [back, told].into_iter().flatten().collect()
}

fn listed(document: &Value, list: &str, value: &str) -> bool {
    document[list].as_array().is_some_and(|known| known.iter().any(|known| known == value))
}

//! Which kind of identity provider somebody has, by its issuer and its metadata, and what to do there. Data; code goes by none of the names.

use serde_json::Value;

/// What is known of a kind.
pub struct Kind {
    pub title: &'static str,
    /// What an issuer of it has in it.
    issuer: &'static [&'static str],
    /// Which member of its metadata it is known by, and what that has in it.
    mark: Option<(&'static str, &'static str)>,
    /// The claim that names groups or roles.
    pub groups: &'static str,
    pub scopes: &'static str,
    pub register: &'static [&'static str],
}

const PLAIN: &str = "openid profile email";

/// The last is for whom no other is.
const KINDS: &[Kind] = &[
    Kind {
        title: "Microsoft Entra ID",
        issuer: &["://login.microsoftonline.", "://login.partner.microsoftonline.cn", ".ciamlogin.com"],
        mark: Some(("cloud_graph_host_name", "")),
        groups: "groups",
        scopes: PLAIN,
        register: &[
            "App registrations › New: single tenant, platform Web, with the redirect URI.",
            "Certificates & secrets › New client secret. Note when it ends: sign-in stops that day.",
            "Token configuration › Add groups claim, to the ID token, groups assigned to the application.",
        ],
    },
    Kind {
        title: "Okta",
        issuer: &[".okta.com", ".oktapreview.com", ".okta-emea.com"],
        mark: Some(("jwks_uri", "/oauth2/v1/keys")),
        groups: "groups",
        scopes: PLAIN,
        register: &[
            "Applications › Create App Integration: OIDC, Web Application, with the redirect URI as sign-in redirect URI.",
            "Assign it to the people and groups that may come in.",
            "Sign On › OpenID Connect ID Token: a groups claim `groups` with a filter.",
        ],
    },
    Kind {
        title: "Amazon Cognito",
        issuer: &["://cognito-idp."],
        mark: None,
        groups: "cognito:groups",
        scopes: PLAIN,
        register: &[
            "App clients › Create: a confidential client with a secret, authorization code grant, with the redirect URI as callback URL.",
            "Allow the scopes openid, profile and email. Groups come by themselves as `cognito:groups`.",
        ],
    },
    Kind {
        title: "Auth0",
        issuer: &[".auth0.com"],
        mark: Some(("mfa_challenge_endpoint", "/mfa/challenge")),
        groups: "roles, in a claim of your own namespace",
        scopes: PLAIN,
        register: &[
            "Applications › Create: Regular Web Application, with the redirect URI among its Allowed Callback URLs.",
            "For groups or roles: an Action after login that sets a claim of your own namespace on the ID token.",
        ],
    },
    Kind {
        title: "Google",
        issuer: &["://accounts.google.com"],
        mark: None,
        groups: "none: Google tells no groups at sign-in",
        scopes: PLAIN,
        register: &["APIs & Services › Credentials › OAuth client ID: Web application, with the redirect URI."],
    },
    Kind {
        title: "Keycloak",
        issuer: &["/realms/"],
        mark: Some(("authorization_endpoint", "/protocol/openid-connect/")),
        groups: "groups",
        scopes: PLAIN,
        register: &[
            "Clients › Create client: OpenID Connect; client authentication on; standard flow; the redirect URI as valid redirect URI.",
            "Its secret is under Credentials.",
            "For groups: Client scopes › its dedicated scope › Add mapper › Group Membership: claim `groups`, full path off, add to ID token on.",
        ],
    },
    Kind {
        title: "an OpenID provider",
        issuer: &[],
        mark: None,
        groups: "whatever it calls them",
        scopes: PLAIN,
        register: &["Register a confidential client for the authorization code flow, with the redirect URI."],
    },
];

impl Kind {
    /// By the issuer first: metadata of a kind may stand in for another's.
    pub fn of(issuer: &str, metadata: &Value) -> &'static Self {
        let by_issuer = |kind: &&Self| kind.issuer.iter().any(|part| issuer.contains(part));
        let marked =
            |kind: &&Self| kind.mark.is_some_and(|(member, part)| metadata[member].as_str().is_some_and(|text| text.contains(part)));
        let last = KINDS.last().expect("there are seven");
        KINDS.iter().find(by_issuer).or_else(|| KINDS.iter().find(marked)).unwrap_or(last)
    }

    /// The scopes that this one has, where it says which.
    pub fn scopes_of(&self, metadata: &Value) -> String {
        let Some(known) = metadata["scopes_supported"].as_array() else { return self.scopes.to_owned() };
        let has = |scope: &&str| *scope == "openid" || known.iter().any(|known| known == scope);
        self.scopes.split(' ').filter(has).collect::<Vec<_>>().join(" ")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_kind_is_known_by_its_issuer_or_its_metadata() {
        for (issuer, metadata, title) in [
            ("https://login.microsoftonline.com/0000/v2.0", json!({}), "Microsoft Entra ID"),
            ("https://acme.okta.com/oauth2/default", json!({}), "Okta"),
            ("https://login.acme.example", json!({ "jwks_uri": "https://login.acme.example/oauth2/v1/keys" }), "Okta"),
            ("https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_x", json!({}), "Amazon Cognito"),
            ("https://acme.eu.auth0.com/", json!({}), "Auth0"),
            ("https://accounts.google.com", json!({}), "Google"),
            ("https://idp.acme.example/realms/corp", json!({}), "Keycloak"),
            ("https://idp.acme.example", json!({}), "an OpenID provider"),
        ] {
            assert_eq!(Kind::of(issuer, &metadata).title, title, "{issuer}");
        }
    }

    #[test]
    fn only_scopes_that_are_known_there_are_asked_for() {
        let kind = Kind::of("https://idp.example", &json!({}));
        assert_eq!(kind.scopes_of(&json!({ "scopes_supported": ["openid", "email"] })), "openid email");
        assert_eq!(kind.scopes_of(&json!({})), "openid profile email");
    }
}

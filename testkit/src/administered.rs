//! A tenant whose administrators administer it over HTTP.

use serde_json::json;

use crate::Site;

impl Site {
    /// Gives these scopes to a group by the file, and has the identity provider say that everybody is in it.
    pub async fn gives_administration(&self, scopes: &str) {
        let scopes: Vec<_> = scopes.split(' ').collect();
        self.identity_provider().alter_claims(|claims| claims["groups"] = json!(["administrators"]));
        self.apply(|file| file["access"] = json!([{ "groups": ["administrators"], "scopes": scopes }])).await;
    }
}

//! A tenant that gives the admin API's scopes to somebody.

use chancery_store::{Change, Topic, Unit, Value as Column, Write, repo};
use serde_json::{Value, json};

use crate::Site;

impl Site {
    /// Has the tenant give these scopes, as a rule of its file does.
    ///
    /// # Panics
    /// When the store does not obey.
    pub async fn gives_administration(&self, scopes: &str) {
        let tenant = repo::tenants::all(self.store()).await.expect("the store answers")[0].id;
        let objects = repo::objects::of_tenant(self.store(), &tenant).await.expect("the store answers");
        let settings = objects.iter().find(|object| object.name == "settings").expect("a tenant has settings");
        let mut body: Value = serde_json::from_str(&settings.body).expect("JSON");
        body["administration"] = json!(scopes);
        let write = Write::one("UPDATE objects SET body = $1 WHERE kind = 'settings'", vec![Column::from(body.to_string())]);
        let told = Change { topic: Topic::Registry, key: String::new() };
        let unit = Unit { changes: vec![told], ..Unit::new(tenant, vec![write]) };
        let _receipt = self.store().commit(unit).await.expect("the store obeys");
        self.settle().await;
    }
}

//! A client that a rule of the tenant let in, under the rules as they are today: a rule that is gone or narrower holds for those who came in by
//! what it was. No row is written: a rule that comes back lets them go on.
//!
//! - A workload goes on while some rule would let it in as its agent, with what of its grants and scopes that rule gives.
//! - Software that somebody vouched for goes on while their word is taken for it.
//!
//! Access tokens that were issued before live out their minutes; `chancery revoke` ends them.

use std::sync::Arc;

use chancery_core::Slug;

use crate::{AdmittedBy, Client, ScopeLimit, Standing, Tenant};

impl Tenant {
    /// What the client may be now. Where nothing has changed for it, it is the same.
    pub(crate) fn ruled(&self, client: Arc<Client>) -> Arc<Client> {
        match &client.about.admitted_by {
            Some(AdmittedBy::Platform(_)) => self.workload(client),
            Some(AdmittedBy::Statement(issuer)) if !self.takes_word(issuer, &client) => out(&client),
            _ => client,
        }
    }

    fn workload(&self, client: Arc<Client>) -> Arc<Client> {
        let Some(workload) = &client.about.workload else { return out(&client) };
        let as_its_agent = |name: &Slug| self.agents.iter().any(|agent| agent.name == *name && Some(agent.id) == client.agent);
        let rules = &self.registration.platforms;
        let Some(rule) = rules.iter().find(|rule| rule.admits(workload) && as_its_agent(&rule.agent)) else { return out(&client) };
        let scopes = ScopeLimit::Only(client.scopes.within(&rule.scopes));
        if client.grant_types.is_subset(&rule.grants) && client.scopes == scopes {
            return client;
        }
        let grant_types = client.grant_types.intersection(&rule.grants).copied().collect();
        Arc::new(Client { grant_types, scopes, ..(*client).clone() })
    }

    fn takes_word(&self, issuer: &str, client: &Client) -> bool {
        let software = client.about.stated.get("software_id").and_then(serde_json::Value::as_str);
        let approved = |software: &str| {
            let mut listed = self.registration.statements.iter().filter(|known| known.issuer == issuer);
            listed.any(|known| known.software.as_ref().is_none_or(|approved| approved.contains(software)))
        };
        software.is_some_and(approved)
    }
}

/// It is what was refused.
fn out(client: &Client) -> Arc<Client> {
    Arc::new(Client { standing: Standing::Denied, ..client.clone() })
}

//! The admin API as a resource of the issuer (design §10). It is there only where the tenant gives its scopes to some group, and has only
//! the scopes that are given so: one that no rule names would be open to everybody.

use std::collections::BTreeMap;
use std::sync::Arc;

use chancery_core::{ClientId, ScopeSet, Slug, Timestamp};
use chancery_crypto::jose::Algorithm;

use crate::{Client, Dpop, Listing, Resource, ScopeLimit, SignInDemand, Tenant};

/// What each scope lets somebody do, in the words of the consent page. No resource of the file may have one of these.
pub const ADMIN_SCOPES: [(&str, &str); 4] = [
    ("admin:read", "Read the registry, what people allowed, and the audit log"),
    ("admin:apply", "Change the registry: clients, servers, policies, identity providers"),
    ("admin:revoke", "End access: of people, agents, clients, sessions and keys"),
    ("admin:register", "Say who may register: let waiting apps in, make and end initial access tokens"),
];

/// What policies call it. No resource of the file may be called so.
pub const ADMIN_NAME: &str = "administration";

/// The client that `chancery login` is, in every tenant that can be administered.
pub const CLI_CLIENT: &str = "chancery-cli";

impl Tenant {
    /// The admin API, where there is one.
    pub fn administration(&self) -> Option<&Arc<Resource>> {
        self.resources.iter().find(|resource| resource.name.as_str() == ADMIN_NAME)
    }

    /// Puts the admin API and the client that asks for it beside what the file says. `given` are all scopes that a rule gives to a group.
    pub(crate) fn be_administered(&mut self, given: &ScopeSet, since: Timestamp) {
        let given: BTreeMap<_, _> = ADMIN_SCOPES
            .iter()
            .filter_map(|(scope, words)| Some((scope.parse().ok()?, (*words).to_owned())))
            .filter(|(scope, _)| given.contains(scope))
            .collect();
        if given.is_empty() {
            return;
        }
        let limit = given.keys().cloned().collect();
        let redirects = ["http://127.0.0.1/callback", "http://[::1]/callback"].map(str::to_owned).to_vec();
        let id = ClientId::claimed(CLI_CLIENT);
        let client = Client { scopes: ScopeLimit::Only(limit), ..Client::built_in(id.clone(), "Chancery command line", redirects, since) };
        self.clients.insert(id, Arc::new(client));
        let resource = self.admin_resource(given);
        self.resources.push(Arc::new(resource));
    }

    fn admin_resource(&self, scopes: BTreeMap<chancery_core::Scope, String>) -> Resource {
        let url = format!("{}/admin", self.issuer);
        // The tenant's own digits: unguessable as they are unique, and the same on every node.
        let id = self.id.to_string().replacen("ten_", "res_", 1);
        Resource {
            id: id.parse().expect("a tenant's id, with a resource's prefix"),
            name: ADMIN_NAME.parse::<Slug>().expect("a name"),
            url: url.parse().expect("an issuer's address with a path"),
            title: format!("Administration of {}", self.name),
            // Who asks for nothing asks for all that their groups give them.
            default_scope: scopes.keys().cloned().collect(),
            scopes,
            strict: true,
            tools: BTreeMap::new(),
            listing: Listing::default(),
            sign_in: SignInDemand::default(),
            upstream: None,
            require_agent: false,
            algorithm: Algorithm::Es256,
            dpop: Dpop::Optional,
        }
    }
}

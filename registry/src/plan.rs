//! What an apply would change, object by object.
//!
//! 1. The file may contradict what is stored or what other tenants have ([`conflicts`]): then there is no plan.
//! 2. Objects are found again by kind and name, and keep their ids. One that comes back after it was removed gets a new id.
//! 3. A file removes only what files declared; what the API made is the API's.
//! 4. Secrets are compared where they lie, and a difference says only that there is one.

mod changes;
mod conflicts;
mod difference;

use changes::{is, mint};
pub use difference::{Difference, ObjectChange, What};

use std::collections::BTreeSet;
use std::fmt;

use chancery_core::{AgentId, ClientId, Entropy, Issuer, Slug, TenantId};
use chancery_crypto::jose::Algorithm;
use chancery_store::repo::objects::ObjectKind;
use chancery_store::repo::{objects, tenants};

use crate::config::{Config, DeclaredSecret};
use crate::{Problem, Registry, RegistryError};

/// Who owns what files declare; the file's name follows.
const FILE: &str = "file:";

/// The difference between a file and what is stored, at one version of the tenant. It has no `Debug`: it holds secrets.
pub struct Plan {
    pub tenant: TenantId,
    pub name: Slug,
    pub base_url: String,
    /// There is no such tenant yet: an apply makes it, and its caller adds the first keys.
    pub is_new: bool,
    /// The version it was made against; 0 for a new tenant. It cannot be applied to another.
    pub version: i64,
    /// In the order of kinds and names.
    pub changes: Vec<ObjectChange>,
    /// What ends with its declaration: the caller adds what voids its tokens.
    pub removed: Vec<Removed>,
    /// What the tokens of its resources are signed with: the caller sees to the keys.
    pub algorithms: BTreeSet<Algorithm>,
    pub(crate) rows: Vec<RowChange>,
    pub(crate) clients: Vec<(Slug, ClientId)>,
}

/// Who may act no longer, since the file declares them no more.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Removed {
    Client(ClientId),
    Agent(AgentId),
    /// An issuer that no longer vouches for anybody by this provider: the provider is gone, or is another issuer's now.
    Provider {
        name: Slug,
        issuer: Issuer,
    },
}

/// Why there is no plan.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// The file contradicts what is stored, each time with its place and remedy.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Refused(Vec<Problem>),
    #[error(transparent)]
    Unavailable(#[from] RegistryError),
}

/// One write of an apply.
pub(crate) enum RowChange {
    Insert(NewRow),
    Replace(NewRow),
    Remove { kind: ObjectKind, name: String },
}

/// An object as it will be.
pub(crate) struct NewRow {
    pub kind: ObjectKind,
    pub name: String,
    pub id: String,
    pub owner: String,
    pub body: String,
    pub secret: Option<DeclaredSecret>,
    pub url: Option<String>,
}

impl Plan {
    pub fn is_empty(&self) -> bool {
        !self.is_new && self.changes.is_empty()
    }

    /// One line for each change, without values: what the audit log keeps.
    pub fn lines(&self) -> Vec<String> {
        self.changes.iter().map(ObjectChange::line).collect()
    }
}

/// What a person reads before they apply.
impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.is_new, self.changes.len()) {
            (true, _) => writeln!(f, "tenant {} is new, at {}", self.name, self.base_url)?,
            (false, 0) => writeln!(f, "tenant {} is as the file says, at version {}", self.name, self.version)?,
            (false, _) => writeln!(f, "tenant {}, from version {}", self.name, self.version)?,
        }
        self.changes.iter().try_for_each(|change| write!(f, "{change}"))
    }
}

impl Registry {
    /// Compares a file with what is stored. Nothing is written.
    ///
    /// # Errors
    /// [`PlanError::Refused`] with everything in the file that what is stored contradicts.
    pub async fn plan(&self, config: &Config) -> Result<Plan, PlanError> {
        let parts = self.parts();
        let row = tenants::by_name(&parts.store, &config.tenant).await.map_err(RegistryError::from)?;
        let stored = match &row {
            Some(row) => objects::of_tenant(&parts.store, &row.id).await.map_err(RegistryError::from)?,
            None => Vec::new(),
        };
        let problems = conflicts::find(config, row.as_ref(), &stored, &self.snapshot())?;
        if !problems.is_empty() {
            return Err(PlanError::Refused(problems));
        }
        let now = parts.clock.now();
        let tenant = row.as_ref().map_or_else(|| TenantId::mint(now, &mut Entropy::draw(&*parts.rng)), |row| row.id);
        let mut plan = Plan {
            tenant,
            name: config.tenant.clone(),
            base_url: config.base_url.clone(),
            is_new: row.is_none(),
            version: row.map_or(0, |row| row.version),
            changes: Vec::new(),
            removed: Vec::new(),
            algorithms: config.declared.iter().flat_map(|declared| declared.definition.algorithms()).collect(),
            rows: Vec::new(),
            clients: Vec::new(),
        };
        for declared in &config.declared {
            let known = stored.iter().find(|object| is(object, declared));
            let id = known.map_or_else(|| mint(declared, now, &*parts.rng), |object| object.id.clone());
            plan.declare(declared, known, id, &parts.sealer).await?;
        }
        plan.prune(config, &stored)?;
        plan.changes.sort_by(|one, other| (one.kind, &one.name).cmp(&(other.kind, &other.name)));
        Ok(plan)
    }
}

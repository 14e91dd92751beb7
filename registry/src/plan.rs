//! What an apply would change, object by object.
//!
//! 1. The file may contradict what is stored or what other tenants have ([`conflicts`]): then there is no plan.
//! 2. Objects are found again by kind and name, and keep their ids. One that comes back after it was removed gets a new id.
//! 3. A file removes only what files declared; what the API made is the API's.
//! 4. Secrets are compared where they lie, and a difference says only that there is one.

mod conflicts;
mod difference;

pub use difference::{Difference, ObjectChange, What};

use std::collections::BTreeSet;
use std::fmt;

use chancery_core::{AgentId, ClientId, Entropy, Issuer, ResourceId, Rng, Slug, TenantId, Timestamp};
use chancery_crypto::digest;
use chancery_crypto::jose::Algorithm;
use chancery_crypto::seal::Sealer;
use chancery_store::repo::objects::{Object, ObjectKind};
use chancery_store::repo::{objects, tenants};

use crate::config::{Config, Declared, DeclaredSecret};
use crate::definition::Definition;
use crate::snapshot::open_secret;
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

impl Plan {
    async fn declare(&mut self, declared: &Declared, known: Option<&Object>, id: String, sealer: &Sealer) -> Result<(), RegistryError> {
        let (kind, after) = (declared.definition.kind(), declared.definition.to_json());
        if kind == ObjectKind::Client {
            self.clients.push((declared.name.clone(), ClientId::claimed(&id)));
        }
        let row = NewRow {
            kind,
            name: declared.name.to_string(),
            id,
            owner: format!("{FILE}{}", declared.at.file),
            body: after.to_string(),
            secret: declared.secret.clone(),
            url: declared.definition.url().map(ToString::to_string),
        };
        let Some(known) = known else {
            self.change(&row, What::Create);
            self.rows.push(RowChange::Insert(row));
            return Ok(());
        };
        let mut differences = difference::between(&Definition::of(known)?.to_json(), &after);
        differences.extend(secret_difference(known, declared.secret.as_ref(), sealer).await?);
        if differences.is_empty() {
            return Ok(());
        }
        self.removed.extend(disowned(known, Some(&declared.definition))?);
        self.change(&row, What::Update(differences));
        if known.url == row.url {
            self.rows.push(RowChange::Replace(row));
        } else {
            // Two resources may change places, so both URLs are free before either is taken.
            self.rows.insert(0, RowChange::Remove { kind, name: row.name.clone() });
            self.rows.push(RowChange::Insert(row));
        }
        Ok(())
    }

    /// Removals come before what takes their place: a URL that moves to another object must be free.
    fn prune(&mut self, config: &Config, stored: &[Object]) -> Result<(), RegistryError> {
        let declared = |object: &&Object| config.declared.iter().any(|declared| is(object, declared));
        let mut removals = Vec::new();
        for object in stored.iter().filter(|object| object.owner.starts_with(FILE)).filter(|object| !declared(object)) {
            self.changes.push(ObjectChange { kind: object.kind.as_str(), name: object.name.clone(), what: What::Delete });
            removals.push(RowChange::Remove { kind: object.kind, name: object.name.clone() });
            self.removed.extend(removed(object));
            self.removed.extend(disowned(object, None)?);
        }
        self.rows.splice(0..0, removals);
        Ok(())
    }

    fn change(&mut self, row: &NewRow, what: What) {
        self.changes.push(ObjectChange { kind: row.kind.as_str(), name: row.name.clone(), what });
    }
}

fn removed(object: &Object) -> Option<Removed> {
    match object.kind {
        ObjectKind::Client => Some(Removed::Client(ClientId::claimed(&object.id))),
        ObjectKind::Agent => object.id.parse().ok().map(Removed::Agent),
        ObjectKind::Resource | ObjectKind::IdentityProvider | ObjectKind::Policy | ObjectKind::Settings => None,
    }
}

/// The issuers that vouched by this provider and do so no more.
fn disowned(object: &Object, now: Option<&Definition>) -> Result<Vec<Removed>, RegistryError> {
    let Definition::IdentityProvider(before) = Definition::of(object)? else { return Ok(Vec::new()) };
    let still = |issuer: &str| matches!(now, Some(Definition::IdentityProvider(now)) if now.vouching().any(|known| known == issuer));
    let name: Slug = object.name.parse().map_err(|error| RegistryError::unreadable(object, error))?;
    let gone = before.vouching().filter(|issuer| !still(issuer));
    Ok(gone.map(|issuer| Removed::Provider { name: name.clone(), issuer: Issuer::foreign(issuer) }).collect())
}

fn is(object: &Object, declared: &Declared) -> bool {
    object.kind == declared.definition.kind() && object.name == declared.name.as_str()
}

/// A new id. Only those that leave this room are of a kind; the others never stand anywhere but in their row.
fn mint(declared: &Declared, now: Timestamp, rng: &dyn Rng) -> String {
    let mut entropy = Entropy::draw(rng);
    match declared.definition.kind() {
        ObjectKind::Resource => ResourceId::mint(now, &mut entropy).to_string(),
        ObjectKind::Agent => AgentId::mint(now, &mut entropy).to_string(),
        ObjectKind::Client => ClientId::mint(now, &mut entropy).to_string(),
        kind @ (ObjectKind::IdentityProvider | ObjectKind::Policy | ObjectKind::Settings) => {
            format!("{}/{}", kind.as_str(), declared.name)
        }
    }
}

/// Whether the secret is another, without showing either.
async fn secret_difference(
    known: &Object,
    declared: Option<&DeclaredSecret>,
    sealer: &Sealer,
) -> Result<Option<Difference>, RegistryError> {
    let same = match (&known.secret, declared) {
        (None, None) => true,
        (Some(_), Some(DeclaredSecret::Sealed(new))) => {
            digest::same(open_secret(known, sealer).await?.expose().as_bytes(), new.expose().as_bytes())
        }
        (Some(old), Some(DeclaredSecret::Digest(new))) => digest::same(old, new),
        (None, Some(_)) | (Some(_), None) => false,
    };
    Ok((!same).then(|| Difference::secret(known.secret.is_some(), declared.is_some())))
}

//! What each object of a file changes, and what is changed by its absence: the lines of a plan, and the rows that an apply writes.

use chancery_core::{AgentId, ClientId, Entropy, Issuer, ResourceId, Rng, Slug, Timestamp};
use chancery_crypto::digest;
use chancery_crypto::seal::Sealer;
use chancery_store::repo::objects::{Object, ObjectKind};

use super::{Difference, FILE, NewRow, ObjectChange, Plan, Removed, RowChange, What, difference};
use crate::RegistryError;
use crate::config::{Config, Declared, DeclaredSecret};
use crate::definition::Definition;
use crate::snapshot::open_secret;

impl Plan {
    pub(super) async fn declare(
        &mut self,
        declared: &Declared,
        known: Option<&Object>,
        id: String,
        sealer: &Sealer,
    ) -> Result<(), RegistryError> {
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
    pub(super) fn prune(&mut self, config: &Config, stored: &[Object]) -> Result<(), RegistryError> {
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

pub(super) fn is(object: &Object, declared: &Declared) -> bool {
    object.kind == declared.definition.kind() && object.name == declared.name.as_str()
}

/// A new id. Only those that leave this room are of a kind; the others never stand anywhere but in their row.
pub(super) fn mint(declared: &Declared, now: Timestamp, rng: &dyn Rng) -> String {
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

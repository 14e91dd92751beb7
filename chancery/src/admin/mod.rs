//! Administration: what may be done to a registry, what can be ended, and what can be read of the log, whichever way the asker came: over the server's socket, or, where
//! no server runs, in the command's own process with the store taken for the while.

pub mod call;
pub mod message;
pub mod socket;

mod api;
mod found;
mod list;
mod registration;
mod revoke;
mod tail;

use std::collections::BTreeSet;
use std::sync::Arc;

use chancery_audit::{Change, Draft, Entry, Journal, Receipt, Topic};
use chancery_core::{Clock, Rng, Slug};
use chancery_crypto::jose::Algorithm;
use chancery_crypto::seal::Sealer;
use chancery_registry::{Applied, ApplyError, Applying, Config, Plan, PlanError, Registry, Tenant};
use chancery_store::repo::keys::{self, KeyPurpose};
use chancery_store::{Store, Write};
use chancery_tokens::{Keyring, first_keys, further_keys};

use crate::exit::{Exit, Failure};
use crate::files;
pub use list::LONGEST_PAGE;
use message::{Answer, Files, Planned, Tail, Task};

/// Another node may apply at the same moment; then the plan is made again.
const TRIES: usize = 3;

/// Who administers, as the audit log names them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Administrator {
    name: String,
    /// The one tenant that they may touch; none where whoever asks runs the server.
    only: Option<Slug>,
}

impl Administrator {
    /// The user at the other end of the socket.
    pub fn of_socket(uid: Option<u32>) -> Self {
        Self::of_everything(uid.map_or_else(|| "socket".to_owned(), |uid| format!("socket uid {uid}")))
    }

    /// The server itself, applying its own file at its start.
    pub fn at_start() -> Self {
        Self::of_everything("serve, at its start".to_owned())
    }

    /// The command itself, where no server runs.
    pub fn offline() -> Self {
        Self::of_everything("command line, no server running".to_owned())
    }

    /// Somebody whose token is for this tenant's admin API.
    pub fn of_tenant(subject: &str, tenant: &Slug) -> Self {
        Self { name: subject.to_owned(), only: Some(tenant.clone()) }
    }

    fn of_everything(name: String) -> Self {
        Self { name, only: None }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// # Errors
    /// [`Exit::Refused`] where it is not theirs.
    fn may_touch(&self, tenant: &str) -> Result<(), Failure> {
        match &self.only {
            Some(only) if only.as_str() != tenant => {
                let what = format!("this is about tenant {tenant:?}, and you administer {only} here");
                Err(Failure::new(Exit::Refused, what).remedy("log in at that tenant, or correct `tenant` in the file"))
            }
            _ => Ok(()),
        }
    }
}

/// What administration works with.
#[derive(Clone)]
pub struct Administration {
    pub(crate) registry: Registry,
    pub(crate) keyring: Keyring,
    pub(crate) journal: Journal,
    pub(crate) store: Store,
    pub(crate) sealer: Sealer,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) rng: Arc<dyn Rng>,
}

impl Administration {
    /// Does what was asked, or says why not.
    ///
    /// # Errors
    /// Of each task its own.
    pub async fn answer(&self, task: &Task, by: &Administrator) -> Result<Answer, Failure> {
        match task {
            Task::Plan(files) => self.plan(files, by).await,
            Task::Apply(files) => self.apply(files, by).await,
            Task::Revoke(asked) => by.may_touch(&asked.tenant).map(|()| self.revoke(asked, by))?.await,
            Task::Stand(asked) => by.may_touch(&asked.tenant).map(|()| self.stand(asked, by))?.await,
            Task::List(asked) => by.may_touch(&asked.tenant).map(|()| self.list(asked))?.await,
            Task::Registration(asked) => by.may_touch(&asked.tenant).map(|()| self.registration(asked, by))?.await,
        }
    }

    /// What applying these files would change.
    ///
    /// # Errors
    /// [`Exit::File`] for what is wrong in them, [`Exit::Storage`] where the store does not answer.
    pub async fn plan(&self, files: &Files, by: &Administrator) -> Result<Answer, Failure> {
        let config = files::read_sent(files)?;
        by.may_touch(config.tenant.as_str())?;
        let plan = self.planned(&config).await?;
        Ok(Answer::Planned(Planned { tenant: plan.name.to_string(), version: plan.version, changes: plan.lines(), text: plan.to_string() }))
    }

    pub async fn apply(&self, files: &Files, by: &Administrator) -> Result<Answer, Failure> {
        let config = files::read_sent(files)?;
        by.may_touch(config.tenant.as_str())?;
        let applied = self.apply_config(&config, by).await?;
        let clients = applied.clients.iter().map(|(name, id)| (name.to_string(), id.to_string())).collect();
        let (tenant, version) = (config.tenant.to_string(), applied.version);
        Ok(Answer::Applied(message::Applied { tenant, version, changes: applied.changes, clients }))
    }

    /// Makes a configuration the one in force. In the same Unit a tenant that is new gets its first keys, and what came of clients and
    /// agents that are declared no more ends.
    ///
    /// # Errors
    /// As [`Administration::plan`].
    pub async fn apply_config(&self, config: &Config, by: &Administrator) -> Result<Applied, Failure> {
        let mut tries = 1;
        loop {
            let plan = self.planned(config).await?;
            let also = if plan.is_new {
                self.keys(&plan).await?
            } else {
                self.keys_first(&plan).await?;
                self.ends(&plan, by)
            };
            match self.registry.apply(&plan, Applying { administrator: by.name.clone(), also }).await {
                Ok(applied) => {
                    // The feed would tell, but whoever applied may go on at once.
                    self.keyring.reload(&plan.tenant, self.clock.now()).await.map_err(|error| unavailable(&error))?;
                    return Ok(applied);
                }
                Err(ApplyError::Conflict) if tries < TRIES => tries += 1,
                Err(ApplyError::Conflict) => return Err(contended()),
                Err(error) => return Err(unavailable(&error)),
            }
        }
    }

    /// The events that were asked for, oldest first.
    pub async fn tail(&self, tail: &Tail) -> Result<Vec<Entry>, Failure> {
        let tenant = self.tenant(&tail.tenant)?;
        let read = chancery_audit::tail(&self.store, &tenant.id, tail.after, tail.limit).await;
        let mut entries = read.map_err(|error| unavailable(&error))?;
        if tail.follow {
            entries.iter_mut().for_each(|entry| entry.outcome = None); // whoever follows is told of each end as it comes
        }
        Ok(entries)
    }

    async fn planned(&self, config: &Config) -> Result<Plan, Failure> {
        self.registry.plan(config).await.map_err(|error| match error {
            PlanError::Refused(problems) => files::broken(&problems),
            PlanError::Unavailable(error) => unavailable(&error),
        })
    }

    async fn keys(&self, plan: &Plan) -> Result<Draft, Failure> {
        let keys = first_keys(&plan.tenant, &self.sealer, self.clock.now(), &*self.rng).await;
        let mut writes = keys.map_err(|error| Failure::new(Exit::Storage, "the tenant's first keys could not be made").because(error))?;
        let further: BTreeSet<Algorithm> = plan.algorithms.iter().copied().filter(|algorithm| *algorithm != Algorithm::default()).collect();
        writes.extend(self.further(plan, &further).await?);
        let told = Change { topic: Topic::Keys, key: String::new() };
        Ok(Draft { writes, ..Draft::default() }.telling(told))
    }

    /// The keys that the resources will want and the tenant lacks, in a Unit before the one that makes them wanted: no node, this one
    /// included, knows of the want before it has the key. If nothing comes of the plan, a key lies idle. // AT-05
    async fn keys_first(&self, plan: &Plan) -> Result<(), Failure> {
        let rows = keys::of_tenant(&self.store, &plan.tenant).await.map_err(|error| unavailable(&error))?;
        let signs = |algorithm: &Algorithm| {
            rows.iter().any(|key| key.purpose == KeyPurpose::Sign && key.retired_at.is_none() && key.algorithm == algorithm.as_str())
        };
        let lacking: BTreeSet<Algorithm> = plan.algorithms.iter().copied().filter(|algorithm| !signs(algorithm)).collect();
        if lacking.is_empty() {
            return Ok(());
        }
        let draft = Draft { writes: self.further(plan, &lacking).await?, ..Draft::default() };
        let told = draft.telling(Change { topic: Topic::Keys, key: String::new() });
        let _: Receipt = self.journal.commit(&plan.tenant, told).await.map_err(|error| unavailable(&error))?;
        self.keyring.reload(&plan.tenant, self.clock.now()).await.map_err(|error| unavailable(&error))
    }

    async fn further(&self, plan: &Plan, algorithms: &BTreeSet<Algorithm>) -> Result<Vec<Write>, Failure> {
        let keys = further_keys(&plan.tenant, algorithms, &self.sealer, self.clock.now(), &*self.rng).await;
        keys.map_err(|error| Failure::new(Exit::Storage, "no key could be made for `token_signing_alg`").because(error))
    }

    fn tenant(&self, name: &str) -> Result<Arc<Tenant>, Failure> {
        self.registry.tenant(name).ok_or_else(|| self.unknown(name))
    }

    fn unknown(&self, tenant: &str) -> Failure {
        let known: Vec<String> = self.registry.tenants().iter().map(|tenant| tenant.name.to_string()).collect();
        Failure::new(Exit::Refused, format!("there is no tenant {tenant:?}"))
            .because(format!("the tenants here are: {}", if known.is_empty() { "none yet".to_owned() } else { known.join(", ") }))
            .remedy("name one of them with --tenant, or apply a file that makes this one")
    }
}

fn unavailable(error: &dyn std::fmt::Display) -> Failure {
    Failure::new(Exit::Storage, "the store could not be used").because(error).remedy("see to the database, then try again")
}

fn contended() -> Failure {
    Failure::new(Exit::Refused, "nothing was applied")
        .because("somebody else applied changes at the same moment, three times in a row")
        .remedy("look at the plan again, then apply again")
}

//! How often a stranger may have us write something (DR-05): who registers, who changes a registration, who answers pages, and whose
//! refusals are told one by one. Whoever somebody answers for, and whoever is signed in, has a count of their own, so that strangers in
//! the same network do not hold them up.

use std::sync::Arc;
use std::time::Duration;

use chancery_audit::{Rate, Rates, SourceRates};
use chancery_core::oauth::Code;
use chancery_core::{ClientId, Clock, Source, SubjectId, TenantId};
use chancery_registry::{Client, Quotas, SignIns, Tenant};

use crate::page_refusal::PageRefusal;
use crate::refusal::Refused;
use crate::visit::Visitor;

/// How many refusals of a client that is not in the file are told one by one: of each, and of all such. The rest is counted.
const TOLD: [Rate; 2] = [Rate { most: 100, per: Duration::from_hours(1) }, Rate { most: 5_000, per: Duration::from_hours(1) }];

/// How many clients of one source begin to wait for an administrator. They stay for a week, so one source has 160 in the queue at most.
const WAITING: Rate = Rate { most: 20, per: Duration::from_hours(24) };

pub(crate) struct Limits {
    registrations: SourceRates,
    waiting: SourceRates,
    changes: SourceRates,
    clients: Rates<(TenantId, ClientId)>,
    answers: SourceRates,
    people: Rates<(TenantId, SubjectId)>,
    told: Rates<(TenantId, ClientId)>,
    told_in_all: Rates<TenantId>,
}

impl Limits {
    pub fn new(clock: &Arc<dyn Clock>) -> Self {
        Self {
            registrations: SourceRates::new(clock),
            waiting: SourceRates::new(clock),
            changes: SourceRates::new(clock),
            clients: Rates::new(Arc::clone(clock)),
            answers: SourceRates::new(clock),
            people: Rates::new(Arc::clone(clock)),
            told: Rates::new(Arc::clone(clock)),
            told_in_all: Rates::new(Arc::clone(clock)),
        }
    }

    /// One more registration from there.
    pub fn register(&self, tenant: &Tenant, source: Source) -> Result<(), Refused> {
        let admitted = self.registrations.admit(tenant.id, source, of_registrations(tenant));
        admitted.map_err(|wait| too_often("too many clients were registered from your network", wait))
    }

    /// One more client from there that waits to be approved.
    pub fn wait(&self, tenant: &Tenant, source: Source) -> Result<(), Refused> {
        let admitted = self.waiting.admit(tenant.id, source, WAITING);
        admitted.map_err(|wait| too_often("too many clients of your network wait for an administrator's approval", wait))
    }

    /// One more change of this registration, or its end.
    pub fn change(&self, tenant: &Tenant, source: Source, client: &Client) -> Result<(), Refused> {
        let rate = of_registrations(tenant);
        let admitted = if client.is_vouched_for() {
            self.clients.admit((tenant.id, client.id.clone()), rate)
        } else {
            self.changes.admit(tenant.id, source, rate)
        };
        admitted.map_err(|wait| too_often("too many registrations were changed from your network", wait))
    }

    /// One more page answered that writes something.
    pub fn answer(&self, tenant: &Tenant, source: Source, visitor: Option<&Visitor>) -> Result<(), PageRefusal> {
        let SignIns { per_source, per, .. } = tenant.sign_ins;
        let rate = Rate { most: per_source, per };
        let admitted = match visitor {
            Some(visitor) => self.people.admit((tenant.id, visitor.signed_in.subject), rate),
            None => self.answers.admit(tenant.id, source, rate),
        };
        admitted.map_err(|wait| {
            PageRefusal::new(
                "too_often",
                "Too much is asked from your network just now.",
                "Nothing is wrong with your answer; it was not taken yet.",
                "Wait a minute, then send the page again. If it stays so, tell who runs this server.",
            )
            .too_often(wait)
        })
    }

    /// Whether one more refusal of this client is told by name.
    pub fn tell(&self, tenant: &Tenant, client: &ClientId) -> bool {
        tenant.clients.contains_key(client)
            || self.told.admit((tenant.id, client.clone()), TOLD[0]).and_then(|()| self.told_in_all.admit(tenant.id, TOLD[1])).is_ok()
    }
}

fn of_registrations(tenant: &Tenant) -> Rate {
    let Quotas { per_source, per, .. } = tenant.registration.quotas;
    Rate { most: per_source, per }
}

fn too_often(what: &str, wait: u64) -> Refused {
    let description = format!("{what}; try again later, or ask who runs this server");
    Refused::new(Code::TemporarilyUnavailable, description).too_often(wait).by_row("DR-05")
}

#[cfg(test)]
mod tests {
    use chancery_registry::AdmittedBy;

    use super::*;
    use crate::fixtures::{NOW, alice, tenant};

    struct Still;
    impl Clock for Still {
        fn now(&self) -> chancery_core::Timestamp {
            NOW
        }
    }

    fn limits() -> Limits {
        let clock: Arc<dyn Clock> = Arc::new(Still);
        Limits::new(&clock)
    }

    fn source(address: &str) -> Source {
        Source::new(address.parse().expect("an address"))
    }

    #[test]
    fn dr_05_a_source_registers_so_often_and_another_is_not_held_up() {
        let (limits, mut tenant) = (limits(), tenant());
        tenant.registration.quotas.per_source = 2;
        let from = |address: &str| limits.register(&tenant, source(address));
        assert!(from("2001:db8::1").is_ok() && from("2001:db8::2").is_ok());
        let refused = from("2001:db8::3").expect_err("too many");
        assert_eq!((refused.error().status(), refused.error().wait()), (429, Some(1801)));
        assert!(from("2001:db8:0:1::1").is_ok());
    }

    #[test]
    fn who_is_signed_in_is_not_held_up_by_strangers_in_the_same_network() {
        let (limits, mut tenant) = (limits(), tenant());
        tenant.sign_ins.per_source = 1;
        let nat = source("192.0.2.1");
        assert!(limits.answer(&tenant, nat, None).is_ok());
        assert_eq!(limits.answer(&tenant, nat, None).expect_err("too many").wait, Some(601));
        let access = chancery_registry::Access::default();
        let alice = Visitor { session: [5; 32], signed_in: alice(), label: "Alice".to_owned(), access };
        assert!(limits.answer(&tenant, nat, Some(&alice)).is_ok());
    }

    #[test]
    fn dr_05_what_a_statement_let_in_counts_with_its_source_when_it_changes() {
        let (limits, mut tenant) = (limits(), tenant());
        tenant.registration.quotas.per_source = 2;
        let changes = |by: fn(String) -> AdmittedBy| {
            let changed = |number: usize| {
                let mut client = Client::dynamic(ClientId::claimed(format!("cli_{number}")), "Desk".to_owned(), Vec::new(), NOW);
                client.about.admitted_by = Some(by("corp".to_owned()));
                limits.change(&tenant, source("192.0.2.1"), &client).is_ok()
            };
            (0..10).filter(|number| changed(*number)).count()
        };
        assert_eq!(changes(AdmittedBy::Statement), 2);
        assert_eq!(changes(AdmittedBy::Token), 10);
    }

    #[test]
    fn dr_05_so_many_refusals_of_a_client_are_told_and_the_rest_is_counted() {
        let (limits, mut tenant) = (limits(), tenant());
        let told = (0..1_000).filter(|_| limits.tell(&tenant, &ClientId::claimed("https://app.example/c"))).count();
        assert_eq!(told, 100);
        let all = (0..10_000).filter(|number| limits.tell(&tenant, &ClientId::claimed(format!("https://app.example/{number}")))).count();
        assert_eq!(all, 4_900);

        let of_the_file = Client::dynamic(ClientId::claimed("desk"), "Desk".to_owned(), Vec::new(), NOW);
        tenant.clients.insert(of_the_file.id.clone(), Arc::new(of_the_file.clone()));
        assert!((0..10_000).all(|_| limits.tell(&tenant, &of_the_file.id)));
    }
}

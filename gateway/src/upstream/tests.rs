use std::sync::Barrier;
use std::thread;

use chancery_core::SystemClock;
use chancery_outbound::Reach;
use chancery_outbound::dialer::{Dialer, Settings};
use chancery_registry::Upstream;

use super::*;
use crate::fixtures::{bank, tenant_id};

/// Chance plays no part here.
struct Zero;

impl Rng for Zero {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(0);
    }
}

fn backends() -> Backends {
    let dialer = Dialer::new(&Settings::of(Reach::LoopbackOnly)).expect("nothing to trust");
    Backends::new(Upstreams::new(&dialer), Vec::new(), (Arc::new(SystemClock), Arc::new(Zero)))
}

/// The bank, behind which something stands at this port.
fn bank_at(port: u16) -> Arc<Resource> {
    let url = format!("http://127.0.0.1:{port}/mcp");
    Arc::new(Resource { upstream: Some(Upstream::at(&url, &url)), ..bank() })
}

fn is_same(one: &Backend, other: &Backend) -> bool {
    Arc::ptr_eq(&one.inner, &other.inner)
}

#[test]
fn who_comes_first_together_shares_what_stands_behind() {
    const TOGETHER: usize = 4;
    for _ in 0..200 {
        let (backends, resource, start) = (backends(), bank_at(9001), Barrier::new(TOGETHER));
        let ask = || {
            start.wait();
            backends.of(1, &resource).expect("what stands behind it")
        };
        let all = thread::scope(|scope| {
            let asking: Vec<_> = (0..TOGETHER).map(|_| scope.spawn(ask)).collect();
            asking.into_iter().map(|asking| asking.join().expect("an answer")).collect::<Vec<_>>()
        });
        assert!(all.iter().all(|one| is_same(one, &all[0])), "one takes the place of another's, whose children end");
    }
}

#[test]
fn what_stood_behind_it_before_does_not_come_back() {
    let backends = backends();
    let (before, now) = (bank_at(9001), bank_at(9002));
    let _first = backends.of(1, &before).expect("what stands behind it");
    let second = backends.of(2, &now).expect("what stands behind it");

    assert!(backends.of(1, &before).is_err_and(|refusal| refusal.reason == "upstream_replaced"), "it would be sent by rules of before");

    assert!(is_same(&backends.of(2, &now).expect("what stands behind it"), &second), "the newer one was put away");
    // Of another version with the same upstream all is shared, and the newer stays.
    let (renamed, old) = (Arc::new(Resource { title: "The bank".to_owned(), ..(*now).clone() }), bank_at(9002));
    for (version, resource) in [(3, &renamed), (1, &old), (3, &renamed)] {
        assert!(is_same(&backends.of(version, resource).expect("what stands behind it"), &second));
    }
    assert!(Arc::ptr_eq(&backends.held.read().expect("unpoisoned")[&now.id].resource, &renamed));
}

#[test]
fn nobody_waits_for_what_is_made_as_the_node_tidies_up() {
    let (backends, resource) = (Arc::new(backends()), bank_at(9001));
    let (looking, stands, (out, yard)) = (Arc::downgrade(&backends), resource.clone(), (backends.out.clone(), backends.yard.clone()));
    let made = LazyLock::new(Box::new(move || {
        assert!(looking.upgrade().expect("it is there").held.try_read().is_ok(), "all wait for it");
        Inner::new(&stands, &out, yard)
    }) as Box<dyn FnOnce() -> Inner + Send>);
    let backend = Arc::new(Backend { resource: resource.clone(), version: 1, inner: Arc::new(made) });
    backends.held.write().expect("unpoisoned").insert(resource.id, backend);

    let mut tenant = Tenant::new(tenant_id(1), "bank".parse().expect("a name"), "https://gw.example".to_owned());
    tenant.resources.push(resource.clone());
    backends.prune(|| vec![Arc::new(tenant)]);

    assert!(backends.held.read().expect("unpoisoned").contains_key(&resource.id));
}

use std::sync::Arc;

use chancery_core::oauth::Code;
use chancery_registry::{Client, Origin};

use super::*;
use crate::fixtures::{BANK, EXCHANGE, allowed, by, by_desk, by_reporter, grant, moment, reporter, tenant};

#[test]
fn ri_02_only_what_was_authorized_can_be_asked_for() {
    let tenant = tenant();
    let bank = [allowed(&tenant, 0, "bank:read")];
    assert_eq!(one_of(&bank, Some(BANK)).expect("the bank").resource.as_str(), BANK);
    for other in [EXCHANGE, "https://gw.example/mcp/bank/", "https://gw.example/mcp", "bank"] {
        assert_eq!(one_of(&bank, Some(other)).expect_err(other).error().code(), Code::InvalidTarget);
    }
}

#[test]
fn ri_03_of_several_resources_one_must_be_named() {
    let tenant = tenant();
    let (bank, exchange) = (allowed(&tenant, 0, "bank:read"), allowed(&tenant, 1, "exchange:convert"));
    assert_eq!(one_of(std::slice::from_ref(&bank), None).expect("the only one"), &bank);
    assert_eq!(one_of(&[bank.clone(), exchange.clone()], Some(EXCHANGE)).expect("the exchange"), &exchange);
    let refused = one_of(&[bank, exchange], None).expect_err("no token for both");
    assert_eq!((refused.error().code(), refused.row()), (Code::InvalidTarget, "RI-03"));
}

#[test]
fn a_refusal_is_an_event_where_somebody_in_particular_was_refused() {
    let tenant = tenant();
    let (public, proven) = (by_desk(), by_reporter(&tenant));
    let stranger = by(&Arc::new(Client { origin: Origin::Dynamic, ..(*reporter(&tenant)).clone() }));
    let living = grant(&tenant, "cli_desk");
    let asked = [(&public, None, false), (&public, Some(&living), true), (&proven, None, true)];
    for (by, living, is_event) in asked.into_iter().chain([(&stranger, None, false), (&stranger, Some(&living), true)]) {
        let refused =
            witnessed(Refused::invalid_grant("no"), Asking { tenant: &tenant, by, binding: &Binding::None }, living, &mut moment());
        assert_eq!(refused.is_event(), is_event);
    }
}

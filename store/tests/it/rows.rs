//! Values come back as they went in.

use chancery_store::{FromRow, Row, StoreError, Value, Write};

use crate::every_driver;
use crate::site::{NOW, Site};

every_driver!(
    values_of_every_type_round_trip,
    null_is_null_in_every_column,
    text_is_ordered_by_its_bytes,
    a_value_of_another_type_is_refused,
    a_row_that_is_not_as_expected_says_which_column
);

const INSERT: &str = "INSERT INTO events (tenant, id, kind, at, leaf, vals) VALUES ($1, $2, $3, $4, $5, $6)";
const READ: &str = "SELECT id, kind, at, leaf, vals FROM events WHERE tenant = $1 ORDER BY id";

#[derive(PartialEq, Debug)]
struct Read {
    id: String,
    kind: String,
    at: i64,
    leaf: Vec<u8>,
    vals: Option<Vec<u8>>,
}

impl FromRow for Read {
    fn from_row(row: &mut Row) -> Result<Self, StoreError> {
        Ok(Self { id: row.text()?, kind: row.text()?, at: row.int()?, leaf: row.blob()?, vals: row.opt(Row::blob)? })
    }
}

async fn insert(site: &Site, id: &str, kind: &str, at: i64, leaf: &[u8]) {
    let tenant = Value::from(site.tenant);
    let values = vec![tenant, Value::from(id), Value::from(kind), Value::from(at), Value::from(leaf), Value::Null];
    site.write([Write::one(INSERT, values)]).await;
}

async fn values_of_every_type_round_trip(site: Site) {
    let texts = ["", " ", "'; DROP TABLE events; --", "$1 ?1 %", "ünïcödé 鍵 🔑", "line\r\n\ttab", "\u{1}\u{7f}\u{10ffff}"];
    let numbers = [i64::MIN, -1, 0, 1, i64::from(u32::MAX), i64::MAX];
    let every_byte: Vec<u8> = (0..=255).collect();
    let bytes: [&[u8]; 4] = [&[], &[0], &every_byte, &vec![7; 300_000]];

    for at in 0..7 {
        insert(&site, &at.to_string(), texts[at], numbers[at % 6], bytes[at % 4]).await;
    }

    let read: Vec<Read> = site.store.all(READ, vec![Value::from(site.tenant)]).await.expect("rows");
    assert_eq!(read.len(), 7);
    for (at, row) in read.into_iter().enumerate() {
        let expected =
            Read { id: at.to_string(), kind: texts[at].to_owned(), at: numbers[at % 6], leaf: bytes[at % 4].to_vec(), vals: None };
        assert_eq!(row, expected);
    }
}

async fn null_is_null_in_every_column(site: Site) {
    const NULLS: &str = "INSERT INTO sign_ins (tenant, state, provider, browser, sealed, request, created_at, expires_at, claimed_at, result, resume) \
         VALUES ($1, $2, 'corp', $3, $4, 'asked', 0, 0, $5, $6, $7)";
    let blob = || Value::from(vec![1]);
    let values = vec![Value::from(site.tenant), blob(), blob(), blob(), Value::Null, Value::Null, Value::Null];
    site.write([Write::one(NULLS, values)]).await;

    const READ: &str = "SELECT claimed_at, result, resume, resumed_at FROM sign_ins WHERE tenant = $1";
    let mut row = site.store.query(READ, vec![Value::from(site.tenant)]).await.expect("a row").remove(0);

    assert_eq!((row.opt(Row::at), row.opt(Row::text), row.opt(Row::digest), row.opt(Row::at)), (Ok(None), Ok(None), Ok(None), Ok(None)));
}

async fn text_is_ordered_by_its_bytes(site: Site) {
    let by_bytes = ["A", "B", "_", "a", "a_b", "ab", "b", "é"];
    for id in ["b", "é", "ab", "_", "B", "a_b", "A", "a"] {
        insert(&site, id, "kind", 0, &[]).await;
    }

    let read: Vec<Read> = site.store.all(READ, vec![Value::from(site.tenant)]).await.expect("rows");

    assert_eq!(read.iter().map(|row| row.id.as_str()).collect::<Vec<_>>(), by_bytes);
}

async fn a_value_of_another_type_is_refused(site: Site) {
    let text = || Value::from("12");
    let values = vec![Value::from(site.tenant), text(), text(), Value::from(vec![1]), text(), Value::Null];

    let refused = site.commit([Write::one(INSERT, values)]).await;

    assert!(matches!(refused, Err(chancery_store::CommitError::Unavailable(StoreError::Refused(_)))), "{refused:?}");
}

async fn a_row_that_is_not_as_expected_says_which_column(site: Site) {
    insert(&site, "an id", "kind", NOW.millis(), &[1]).await;
    let mut row = site.store.query(READ, vec![Value::from(site.tenant)]).await.expect("a row").remove(0);

    assert_eq!(row.text(), Ok("an id".to_owned()));
    assert_eq!(row.int(), Err(StoreError::Row { column: 2, expected: "a number" }));
    assert_eq!(row.at(), Ok(NOW));
    assert_eq!(row.digest(), Err(StoreError::Row { column: 4, expected: "32 bytes" }));
}

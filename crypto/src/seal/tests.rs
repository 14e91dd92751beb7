use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

use chancery_core::{Entropy, KeyId, Secret, TenantId, Timestamp};
use futures_util::FutureExt;

use super::*;
use crate::random::SystemRng;

fn folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("chancery-seal-{}-{name}", std::process::id()));
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

fn sealer(path: &Path) -> Sealer {
    Sealer::new(Arc::new(LocalKeyFile::open_or_create(path, &SystemRng).unwrap()), Arc::new(SystemRng))
}

/// No provider here waits for anything.
fn now<T>(future: impl Future<Output = T>) -> T {
    future.now_or_never().expect("a local key file answers at once")
}

fn tenant(byte: u8) -> TenantId {
    TenantId::mint(Timestamp::from_millis(i64::from(byte)), &mut Entropy::from_bytes([byte; Entropy::BYTES]))
}

fn key_id(byte: u8) -> KeyId {
    KeyId::mint(Timestamp::from_millis(1), &mut Entropy::from_bytes([byte; Entropy::BYTES]))
}

#[test]
fn a_record_opens_at_its_place_and_nowhere_else() {
    let folder = folder("place");
    let sealer = sealer(&folder.join("key"));
    let (acme, other) = (tenant(1), tenant(2));
    let place = Place { tenant: &acme, table: "keys", row: "key_1", version: 3 };
    let sealed = now(sealer.seal(&place, b"secret")).unwrap();
    assert_eq!(now(sealer.open(&place, &sealed)).unwrap().expose(), b"secret");

    for elsewhere in [
        Place { tenant: &other, ..place },
        Place { table: "objects", ..place },
        Place { row: "key_2", ..place },
        Place { row: "key_", ..place },
        Place { version: 4, ..place },
        Place { version: 2, ..place },
    ] {
        assert!(matches!(now(sealer.open(&elsewhere, &sealed)), Err(SealError::Refused { .. })), "{elsewhere:?}");
    }
}

#[test]
fn a_record_with_any_bit_flipped_or_cut_off_is_refused() {
    let folder = folder("bits");
    let sealer = sealer(&folder.join("key"));
    let acme = tenant(1);
    let place = Place { tenant: &acme, table: "keys", row: "key_1", version: 1 };
    let sealed = now(sealer.seal(&place, b"secret")).unwrap();
    for bit in 0..sealed.len() * 8 {
        let mut bent = sealed.clone();
        bent[bit / 8] ^= 1 << (bit % 8);
        assert!(now(sealer.open(&place, &bent)).is_err(), "bit {bit}");
    }
    for length in 0..sealed.len() {
        assert!(now(sealer.open(&place, &sealed[..length])).is_err(), "length {length}");
    }
    assert!(now(sealer.open(&place, &[&sealed[..], &[0]].concat())).is_err());
}

#[test]
fn no_two_records_share_a_data_key() {
    let folder = folder("fresh");
    let sealer = sealer(&folder.join("key"));
    let acme = tenant(1);
    let place = Place { tenant: &acme, table: "keys", row: "key_1", version: 1 };
    let (one, two) = (now(sealer.seal(&place, b"secret")).unwrap(), now(sealer.seal(&place, b"secret")).unwrap());
    let wrapped = |sealed: &[u8]| sealed[2 + usize::from(sealed[1])..][..42].to_vec();
    assert_ne!(wrapped(&one), wrapped(&two));
    assert!(!one.windows(6).any(|window| window == b"secret"));
}

#[test]
fn another_key_is_named_and_not_tried() {
    let folder = folder("other");
    let (first, second) = (sealer(&folder.join("first")), sealer(&folder.join("second")));
    let acme = tenant(1);
    let place = Place { tenant: &acme, table: "keys", row: "key_1", version: 1 };
    let sealed = now(first.seal(&place, b"secret")).unwrap();
    let trouble = now(second.open(&place, &sealed)).err().unwrap();
    assert!(matches!(&trouble, SealError::OtherKey { needed, have, .. } if needed != have), "{trouble}");
    assert_eq!(now(sealer(&folder.join("first")).open(&place, &sealed)).unwrap().expose(), b"secret", "the file is read again as it was");
}

#[test]
fn a_key_file_is_its_owners_alone() {
    let path = folder("mode").join("key");
    LocalKeyFile::open_or_create(&path, &SystemRng).unwrap();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&path), 0o600);
    assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "no draft stays behind");

    for open in [0o640, 0o604, 0o660, 0o644] {
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(open)).unwrap();
        let trouble = LocalKeyFile::open_or_create(&path, &SystemRng).err().unwrap().to_string();
        assert!(trouble.contains("chmod 600"), "{trouble}");
    }
}

#[test]
fn a_damaged_key_file_is_told_and_never_replaced() {
    let path = folder("damaged").join("key");
    LocalKeyFile::open_or_create(&path, &SystemRng).unwrap();
    for damage in ["", "chancery-key-1 ", "chancery-key-1 AAAA\n", "chancery-key-2 AAAA\n", "\u{0}"] {
        std::fs::write(&path, damage).unwrap();
        let trouble = LocalKeyFile::open_or_create(&path, &SystemRng).err().unwrap().to_string();
        assert!(trouble.contains("holds no key"), "{trouble}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), damage);
    }
    let nowhere = LocalKeyFile::open_or_create(Path::new("/nonexistent/folder/key"), &SystemRng).err().unwrap().to_string();
    assert!(nowhere.contains("/nonexistent/folder/key"), "{nowhere}");
    assert!(LocalKeyFile::open(Path::new("/nonexistent/key")).is_err());
}

#[test]
fn what_is_in_flight_opens_for_its_purpose_tenant_and_resource() {
    let key = InFlightKey::new(key_id(1), Secret::new([1; 32]));
    let (one, two) = (tenant(1), tenant(2));
    let here = Bound { purpose: Purpose::McpSession, tenant: &one, resource: "https://gw/mcp/bank" };
    let sealed = key.seal(here, [9; 12], b"session");
    let keys = InFlightKeys::new(vec![InFlightKey::new(key_id(2), Secret::new([2; 32])), key]);

    let opened = keys.open(here, &sealed);
    assert_eq!(opened.unwrap().expose(), b"session", "an older key still opens");
    assert_eq!(keys.newest().unwrap().id(), key_id(2));
    for elsewhere in [
        Bound { purpose: Purpose::Page, ..here },
        Bound { tenant: &two, ..here },
        Bound { resource: "https://gw/mcp/exchange", ..here },
        Bound { resource: "", ..here },
    ] {
        assert!(keys.open(elsewhere, &sealed).is_none(), "{elsewhere:?}");
    }
}

#[test]
fn what_is_in_flight_cannot_be_bent() {
    let keys = InFlightKeys::new(vec![InFlightKey::new(key_id(1), Secret::new([1; 32]))]);
    let tenant = tenant(1);
    let here = Bound { purpose: Purpose::Page, tenant: &tenant, resource: "" };
    let sealed = keys.newest().unwrap().seal(here, [9; 12], b"request");
    let open = |text: &str| keys.open(here, text);
    assert!(open(&sealed).is_some());

    let bytes = crate::digest::from_base64url(&sealed).unwrap();
    for bit in 0..bytes.len() * 8 {
        let mut bent = bytes.clone();
        bent[bit / 8] ^= 1 << (bit % 8);
        assert!(open(&crate::digest::base64url(&bent)).is_none(), "bit {bit}");
    }
    for bent in ["", "A", "AQ", &sealed[..60], &format!("{sealed}A"), &format!("{sealed}="), "é"] {
        assert!(open(bent).is_none(), "{bent}");
    }
    let other = InFlightKeys::new(vec![InFlightKey::new(key_id(1), Secret::new([2; 32]))]);
    assert!(other.open(here, &sealed).is_none(), "the same id is not the same key");
}

//! The embedded key provider: one AES-256 key in a file that only its owner can read. Data keys are wrapped with it by AES key wrap
//! (RFC 3394), which needs no nonce, so that no number of wraps wears it out.
//!
//! The file is one line: `chancery-key-1 ` and the key in base64url.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use aws_lc_rs::key_wrap::{AES_256, AesKek, KeyWrap};
use chancery_core::{Rng, Secret};
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, ready};
use zeroize::Zeroize;

use super::{KeyProvider, SealError};
use crate::digest::{base64url, from_base64url, hex, sha256};

const LABEL: &str = "chancery-key-1 ";
const WRAPPED: usize = 40;

/// The key of a local key file. It has no `Debug`.
pub struct LocalKeyFile {
    id: String,
    key: Secret<[u8; 32]>,
}

impl LocalKeyFile {
    /// Reads the key, or makes the file, with mode 0600, where there is none.
    ///
    /// # Errors
    /// [`SealError::KeyFile`] says which file, what is wrong with it, and what to do.
    pub fn open_or_create(path: &Path, rng: &dyn Rng) -> Result<Self, SealError> {
        match Self::open(path) {
            Err(SealError::KeyFile { .. }) if !path.try_exists().unwrap_or(true) => {
                create(path, rng).map_err(|error| trouble(path, format!("could not be made: {error}")))?;
                Self::open(path)
            }
            opened => opened,
        }
    }

    /// Reads the key.
    ///
    /// # Errors
    /// [`SealError::KeyFile`] if there is no such file, if others than its owner may read or write it, or if it holds no key.
    pub fn open(path: &Path) -> Result<Self, SealError> {
        let mut file = File::open(path).map_err(|error| trouble(path, format!("could not be opened: {error}")))?;
        let mode = file.metadata().map_err(|error| trouble(path, error.to_string()))?.mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(trouble(path, format!("can be read or written by others (mode {mode:04o}); run `chmod 600` on it")));
        }
        let mut text = String::new();
        file.read_to_string(&mut text).map_err(|error| trouble(path, format!("could not be read: {error}")))?;
        let key = parse(Secret::new(text).expose())
            .ok_or_else(|| trouble(path, "holds no key; restore it from a copy, nothing else opens the data".into()))?;
        Ok(Self { id: format!("local:{}", &hex(&sha256(key.expose()))[..16]), key })
    }

    fn kek(&self) -> AesKek {
        AesKek::new(&AES_256, self.key.expose()).expect("32 bytes are a key of AES-256")
    }
}

impl KeyProvider for LocalKeyFile {
    fn id(&self) -> &str {
        &self.id
    }

    fn wrap<'a>(&'a self, key: &'a Secret<[u8; 32]>) -> BoxFuture<'a, Result<Vec<u8>, SealError>> {
        let mut out = [0; WRAPPED];
        let wrapped = self.kek().wrap(key.expose(), &mut out).map(|wrapped| wrapped.to_vec());
        ready(wrapped.map_err(|_| SealError::Provider("the local key could not wrap a data key".into()))).boxed()
    }

    fn unwrap<'a>(&'a self, wrapped: &'a [u8]) -> BoxFuture<'a, Result<Secret<[u8; 32]>, SealError>> {
        let mut out = [0; 32];
        let opened = wrapped.len() == WRAPPED && self.kek().unwrap(wrapped, &mut out).is_ok();
        let key = Secret::new(out);
        out.zeroize();
        ready(if opened { Ok(key) } else { Err(SealError::Refused { table: "data key" }) }).boxed()
    }
}

/// The whole file or none: it is written beside its place and then given its name, unless another process was faster.
fn create(path: &Path, rng: &dyn Rng) -> io::Result<()> {
    let (mut key, mut suffix) = ([0; 32], [0; 8]);
    rng.fill(&mut key);
    rng.fill(&mut suffix);
    let line = Secret::new(format!("{LABEL}{}\n", Secret::new(base64url(&key)).expose()));
    key.zeroize();

    let draft = path.with_extension(format!("new-{}", hex(&suffix)));
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
    let named = file.write_all(line.expose().as_bytes()).and_then(|()| file.sync_all()).and_then(|()| std::fs::hard_link(&draft, path));
    std::fs::remove_file(&draft)?;
    match named {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
        _ => sync_folder(path),
    }
}

/// A name is only durable when its folder is.
fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

fn parse(text: &str) -> Option<Secret<[u8; 32]>> {
    let key = Secret::new(from_base64url(text.strip_prefix(LABEL)?.trim_end())?);
    key.expose().as_slice().try_into().ok().map(Secret::new)
}

fn trouble(path: &Path, trouble: String) -> SealError {
    SealError::KeyFile { path: path.to_owned(), trouble }
}

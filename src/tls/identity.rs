//! What a server shows itself with: a certificate, those of its issuers, and its key.
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use rustls::{Error, InconsistentKeys};

use super::x509::{Validity, validity};

/// A certificate and its key, which fit each other and can be shown now.
#[derive(Debug, Clone)]
pub struct Identity {
    pub(super) shown: Arc<CertifiedKey>,
    validity: Validity,
    /// A file that others than its user and group may read, if the key is one.
    open_key: Option<PathBuf>,
}

/// Why a certificate and a key cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    #[error("cannot read the certificate {}: {why}; check the path and which user may read it", path.display())]
    CertificateUnreadable { path: PathBuf, why: String },
    #[error("cannot read the key {}: {why}; check the path, and let the user of the instances read it", path.display())]
    KeyUnreadable { path: PathBuf, why: String },
    #[error(
        "cannot use the certificate {}: it holds no certificate in PEM; put the chain there, the \
         server's own certificate first (certbot's fullchain.pem)", path.display()
    )]
    NoCertificate { path: PathBuf },
    #[error(
        "cannot use the key {}: it holds no private key in PEM without a password; put the key \
         there (certbot's privkey.pem)", path.display()
    )]
    NoKey { path: PathBuf },
    #[error(
        "cannot use the key {}: every user of this machine may write it; 'chmod 600' it, and \
         make a new key if that was not meant", path.display()
    )]
    KeyWritable { path: PathBuf },
    #[error(
        "cannot use the certificate {} with the key {}: they do not belong together; put both \
         from one issue there", certificate.display(), key.display()
    )]
    Mismatch { certificate: PathBuf, key: PathBuf },
    #[error("cannot use the certificate {}: it ended on {ended}; put a new one there", path.display())]
    Ended { path: PathBuf, ended: String },
    #[error(
        "cannot use the certificate {}: it begins to hold on {begins}; check this machine's \
         clock, or put another one there", path.display()
    )]
    NotYet { path: PathBuf, begins: String },
    #[error("cannot use the certificate {} with its key: {why}", path.display())]
    Unusable { path: PathBuf, why: String },
}

impl Identity {
    /// Reads and checks both files: the chain, its first certificate the server's own, and the key.
    ///
    /// # Errors
    /// Says what cannot be used, where, why, and what to do.
    pub fn read(certificate: &Path, key: &Path, now: DateTime<Utc>) -> Result<Self, IdentityError> {
        let path = || certificate.to_owned();
        let pem = read(certificate)
            .map_err(|why| IdentityError::CertificateUnreadable { path: path(), why })?;
        let chain: Result<Vec<CertificateDer<'static>>, _> =
            CertificateDer::pem_slice_iter(&pem).collect();
        let chain = chain.unwrap_or_default();
        let own = chain.first().and_then(|own| validity(own));
        let validity = own.ok_or_else(|| IdentityError::NoCertificate { path: path() })?;
        let day = |time: DateTime<Utc>| time.format("%Y-%m-%d %H:%M UTC").to_string();
        if now < validity.begins {
            let begins = day(validity.begins);
            return Err(IdentityError::NotYet {
                path: path(),
                begins,
            });
        }
        if now > validity.ends {
            let ended = day(validity.ends);
            return Err(IdentityError::Ended {
                path: path(),
                ended,
            });
        }
        let (secret, open_key) = read_key(key)?;
        let shown = CertifiedKey::from_der(chain, secret, &super::provider());
        let shown = shown.map_err(|error| match error {
            Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => IdentityError::Mismatch {
                certificate: path(),
                key: key.to_owned(),
            },
            error => IdentityError::Unusable {
                path: path(),
                why: error.to_string(),
            },
        })?;
        Ok(Self {
            shown: Arc::new(shown),
            validity,
            open_key,
        })
    }

    pub fn ends(&self) -> DateTime<Utc> {
        self.validity.ends
    }

    /// What works, and is probably not meant.
    pub fn warning(&self) -> Option<String> {
        let path = self.open_key.as_ref()?.display();
        Some(format!(
            "every user of this machine may read the key {path}: chmod o= {path}"
        ))
    }

    /// Whether both show the same.
    pub fn is_as(&self, other: &Self) -> bool {
        self.shown.cert == other.shown.cert
    }
}

/// Longer files are no certificates.
const LONGEST: u64 = 1 << 20;

fn read(path: &Path) -> Result<Vec<u8>, String> {
    let found = std::fs::metadata(path).map_err(|error| plain(&error))?;
    if !found.is_file() {
        return Err("it is no file".to_owned());
    }
    if found.len() > LONGEST {
        return Err("it is too long".to_owned());
    }
    std::fs::read(path).map_err(|error| plain(&error))
}

fn read_key(path: &Path) -> Result<(PrivateKeyDer<'static>, Option<PathBuf>), IdentityError> {
    const OTHERS_READ: u32 = 0o004;
    const OTHERS_WRITE: u32 = 0o002;
    let pem = read(path).map_err(|why| IdentityError::KeyUnreadable {
        path: path.to_owned(),
        why,
    })?;
    let mode = std::fs::metadata(path).map_or(0, |found| found.mode());
    let path = path.to_owned();
    if mode & OTHERS_WRITE != 0 {
        return Err(IdentityError::KeyWritable { path });
    }
    match PrivateKeyDer::from_pem_slice(&pem) {
        Ok(key) => Ok((key, (mode & OTHERS_READ != 0).then_some(path))),
        Err(_) => Err(IdentityError::NoKey { path }),
    }
}

/// The usual words for it, without the number of the system's error.
fn plain(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "there is no such file".to_owned(),
        io::ErrorKind::PermissionDenied => "this user may not".to_owned(),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;

    use rcgen::{CertificateParams, KeyPair, date_time_ymd};
    use tempfile::TempDir;

    use super::*;

    /// A certificate that holds in 2026, and its key.
    fn made() -> (String, String) {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(["localhost".to_owned()]).expect("a name");
        params.not_before = date_time_ymd(2026, 1, 1);
        params.not_after = date_time_ymd(2027, 1, 1);
        let cert = params.self_signed(&key).expect("a certificate");
        (cert.pem(), key.serialize_pem())
    }

    struct Files(TempDir);

    impl Files {
        fn new(cert: &str, key: &str) -> Self {
            let files = Self(tempfile::tempdir().expect("a folder"));
            for (name, text) in [("cert.pem", cert), ("key.pem", key)] {
                fs::write(files.0.path().join(name), text).expect("written");
            }
            files.mode(0o600)
        }

        fn mode(self, mode: u32) -> Self {
            let key = self.0.path().join("key.pem");
            fs::set_permissions(key, Permissions::from_mode(mode)).expect("ours");
            self
        }

        fn read(&self, day: &str) -> Result<Identity, IdentityError> {
            let path = |name: &str| self.0.path().join(name);
            let now = format!("{day}T12:00:00Z").parse().expect("a day");
            Identity::read(&path("cert.pem"), &path("key.pem"), now)
        }
    }

    #[test]
    fn what_fits_is_read_and_its_end_is_known() {
        let (cert, key) = made();
        let files = Files::new(&cert, &key);
        let read = files.read("2026-06-01").expect("an identity");
        assert_eq!(read.ends().to_rfc3339(), "2027-01-01T00:00:00+00:00");
        assert_eq!(read.warning(), None);
        let open = files.mode(0o644).read("2026-06-01").expect("an identity");
        assert!(open.warning().expect("a warning").contains("chmod o="));
        assert!(open.is_as(&read));
    }

    #[test]
    fn what_cannot_be_used_is_told_with_its_place() {
        let ((cert, key), (_, other)) = (made(), made());
        for (cert, key, day, why) in [
            (&*cert, &*other, "2026-06-01", "do not belong together"),
            (&cert, &key, "2027-01-02", "it ended on 2027-01-01"),
            (&cert, &key, "2025-12-30", "it begins to hold on 2026-01-01"),
            ("", &key, "2026-06-01", "holds no certificate"),
            ("text", &key, "2026-06-01", "holds no certificate"),
            (&cert, "", "2026-06-01", "holds no private key"),
            (&cert, &cert, "2026-06-01", "holds no private key"),
        ] {
            let files = Files::new(cert, key);
            let told = files.read(day).expect_err(why).to_string();
            let folder = files.0.path().display().to_string();
            assert!(told.contains(why) && told.contains(&folder), "{told}");
            assert!(!told.contains("PRIVATE"), "{told}");
        }
        let open = Files::new(&cert, &key).mode(0o666).read("2026-06-01");
        assert!(
            open.expect_err("refused")
                .to_string()
                .contains("may write it")
        );
        let gone = Files::new(&cert, &key);
        fs::remove_file(gone.0.path().join("key.pem")).expect("removed");
        let told = gone.read("2026-06-01").expect_err("gone").to_string();
        assert!(told.contains("there is no such file"), "{told}");
    }
}

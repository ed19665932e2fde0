//! Certificates for tests.

use std::path::PathBuf;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tempfile::TempDir;

pub use rcgen::SanType;

/// A throw-away authority, and what it certifies.
#[derive(Debug)]
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    folder: TempDir,
}

impl Default for Authority {
    /// Makes its key and its certificate.
    fn default() -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("a certificate");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a certificate");
        let folder = tempfile::tempdir().expect("a certificate");
        let root = params.self_signed(&key).expect("a certificate");
        std::fs::write(folder.path().join("ca.pem"), root.pem()).expect("a certificate");
        Self { issuer: Issuer::new(params, key), folder }
    }
}

impl Authority {
    /// Its certificate, a PEM file.
    pub fn ca(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// PEM files with a certificate for `names` and its key.
    pub fn certify(&self, file: &str, names: &[SanType]) -> (PathBuf, PathBuf) {
        let mut params = CertificateParams::new(Vec::new()).expect("a certificate");
        params.subject_alt_names = names.to_vec();
        let key = KeyPair::generate().expect("a certificate");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        let path = |end: &str| self.folder.path().join(format!("{file}.{end}"));
        std::fs::write(path("pem"), certificate.pem()).expect("a certificate");
        std::fs::write(path("key"), key.serialize_pem()).expect("a certificate");
        (path("pem"), path("key"))
    }
}

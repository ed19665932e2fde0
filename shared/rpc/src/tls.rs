//! TLS on both sides. Certificates are read again when they change, so that renewing them needs no restart.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio::net::TcpStream;
use tokio_rustls::{TlsAcceptor, TlsConnector};

/// Files from which a port takes its certificate. All are PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerTlsFiles {
    /// The certificate, then those between it and the root.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
    /// Roots of the clients' certificates; without them no client is asked for one.
    pub client_ca: Option<PathBuf>,
    /// Whether a client without a certificate is turned away; else it shows a token.
    pub client_required: bool,
}

/// Files by which a caller trusts its peers, and shows who it is. All are PEM.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClientTlsFiles {
    /// Roots of the peers' certificates; those of the system without them.
    pub ca: Option<PathBuf>,
    /// Its own certificate with its private key, where it has one.
    pub identity: Option<(PathBuf, PathBuf)>,
}

/// Certificates or keys that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read, or holds nothing of the kind.
    #[error("{}: {message}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        message: String,
    },
    /// Certificate and key do not fit, or are of a kind that is not supported.
    #[error("the certificate cannot be used: {0}")]
    Unusable(#[from] rustls::Error),
    /// The roots of clients' certificates cannot be used.
    #[error("the clients' roots cannot be used: {0}")]
    ClientRoots(#[from] rustls::server::VerifierBuilderError),
    /// Peers are to be trusted as the system does, and it trusts nobody.
    #[error("the system has no certificates to trust others by: {0}")]
    System(String),
    /// The peer's name is no name.
    #[error("{0:?} is no name of a server")]
    Name(String),
}

/// The names in a client's certificate, which the roots vouch for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct CertificateNames(pub(crate) Vec<String>);

/// The TLS of a port.
#[derive(Debug)]
pub struct ServerTls {
    files: ServerTlsFiles,
    current: Mutex<Current>,
}

#[derive(Debug)]
struct Current {
    config: Arc<ServerConfig>,
    seen: Vec<Option<(SystemTime, u64)>>,
}

impl ServerTls {
    /// # Errors
    /// When a file cannot be read, or what it holds cannot be used.
    pub fn new(files: ServerTlsFiles) -> Result<Self, TlsError> {
        let seen = files.seen();
        let config = Arc::new(files.load()?);
        Ok(Self { files, current: Mutex::new(Current { config, seen }) })
    }

    /// For the next connection: by the files as they are now. What cannot be used is said, and the last good one kept.
    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = self.files.seen();
        if seen != current.seen {
            current.seen = seen;
            match self.files.load() {
                Ok(config) => {
                    tracing::info!("the certificate was read anew");
                    current.config = Arc::new(config);
                }
                Err(error) => {
                    tracing::error!(%error, "the new certificate cannot be used; the last one is kept")
                }
            }
        }
        TlsAcceptor::from(Arc::clone(&current.config))
    }
}

impl ServerTlsFiles {
    fn load(&self) -> Result<ServerConfig, TlsError> {
        let builder =
            ServerConfig::builder_with_provider(provider()).with_safe_default_protocol_versions()?;
        let builder = match &self.client_ca {
            None => builder.with_no_client_auth(),
            Some(path) => {
                let verifier =
                    WebPkiClientVerifier::builder_with_provider(Arc::new(roots(path)?), provider());
                let verifier = if self.client_required { verifier } else { verifier.allow_unauthenticated() };
                builder.with_client_cert_verifier(verifier.build()?)
            }
        };
        let mut config = builder.with_single_cert(certificates(&self.certificate)?, key(&self.key)?)?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(config)
    }

    /// Looks different after a file was replaced.
    fn seen(&self) -> Vec<Option<(SystemTime, u64)>> {
        let files = [Some(&self.certificate), Some(&self.key), self.client_ca.as_ref()];
        let look = |path: &PathBuf| {
            let metadata = std::fs::metadata(path).ok()?;
            Some((metadata.modified().ok()?, metadata.len()))
        };
        files.into_iter().flatten().map(look).collect()
    }
}

impl ClientTlsFiles {
    fn load(&self) -> Result<ClientConfig, TlsError> {
        let builder = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()?
            .with_root_certificates(match &self.ca {
                Some(path) => roots(path)?,
                None => roots_of_the_system()?,
            });
        let mut config = match &self.identity {
            None => builder.with_no_client_auth(),
            Some((certificate, own)) => {
                builder.with_client_auth_cert(certificates(certificate)?, key(own)?)?
            }
        };
        config.alpn_protocols = vec![b"h2".to_vec()];
        Ok(config)
    }

    /// # Errors
    /// When a file cannot be read, or what it holds cannot be used.
    pub fn check(&self) -> Result<(), TlsError> {
        self.load().map(drop)
    }

    /// Talks to `host` in secret, by the files as they are now: whoever connects rarely need not remember them.
    pub(crate) async fn connect(
        &self,
        host: &str,
        socket: TcpStream,
    ) -> Result<tokio_rustls::client::TlsStream<TcpStream>, tower::BoxError> {
        let name = ServerName::try_from(host.to_owned()).map_err(|_| TlsError::Name(host.to_owned()))?;
        let connector = TlsConnector::from(Arc::new(self.load()?));
        Ok(connector.connect(name, socket).await?)
    }
}

/// The names in the first of `certificates`. Only of use once roots vouched for it.
pub(crate) fn names(certificates: &[CertificateDer<'_>]) -> CertificateNames {
    let certificate = certificates.first().and_then(|first| webpki::EndEntityCert::try_from(first).ok());
    let names = certificate.map(|certificate| {
        certificate.valid_uri_names().chain(certificate.valid_dns_names()).map(str::to_owned).collect()
    });
    CertificateNames(names.unwrap_or_default())
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

fn unusable(path: &Path, message: impl ToString) -> TlsError {
    TlsError::File { path: path.to_owned(), message: message.to_string() }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let read = CertificateDer::pem_file_iter(path).map_err(|error| unusable(path, error))?;
    let all: Vec<_> = read.collect::<Result<_, _>>().map_err(|error| unusable(path, error))?;
    if all.is_empty() { Err(unusable(path, "holds no certificate")) } else { Ok(all) }
}

fn key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    PrivateKeyDer::from_pem_file(path).map_err(|error| unusable(path, error))
}

fn roots(path: &Path) -> Result<RootCertStore, TlsError> {
    let mut store = RootCertStore::empty();
    for certificate in certificates(path)? {
        store.add(certificate)?;
    }
    Ok(store)
}

fn roots_of_the_system() -> Result<RootCertStore, TlsError> {
    let found = rustls_native_certs::load_native_certs();
    let mut store = RootCertStore::empty();
    // Of hundreds, some may be of a kind that is not supported.
    let (added, _) = store.add_parsable_certificates(found.certs);
    if added == 0 {
        let why: Vec<String> = found.errors.iter().map(ToString::to_string).collect();
        return Err(TlsError::System(why.join("; ")));
    }
    Ok(store)
}

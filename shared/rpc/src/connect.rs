//! Connections to a peer: spread over the addresses that its name has at the time.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tonic::transport::{Channel, Endpoint, Uri};
use tower::BoxError;

use crate::tls::{ClientTlsFiles, TlsError};
use crate::transport::TransportError;

/// Longest wait for one address to accept a connection, with its TLS.
const CONNECT_WITHIN: Duration = Duration::from_secs(3);

/// How peers are reached.
#[derive(Debug, Clone)]
pub struct PeerOptions {
    /// Connections to one peer. With several, calls go round them, and each goes to another address of the peer's name,
    /// where it has several.
    pub connections: usize,
    /// For peers at `https://`.
    pub tls: ClientTlsFiles,
}

impl Default for PeerOptions {
    fn default() -> Self {
        Self { connections: 1, tls: ClientTlsFiles::default() }
    }
}

/// Makes the channels to `address`, which connect when first used, and again whenever they broke.
pub(crate) fn channels(address: &str, options: &PeerOptions) -> Result<Vec<Channel>, TransportError> {
    let unusable = |source| TransportError::Address { address: address.to_owned(), source };
    let endpoint = Endpoint::from_shared(address.to_owned()).map_err(unusable)?;
    let uri = endpoint.uri().clone();
    let dialer = Arc::new(Dialer::new(address, &uri, options)?);
    // The dialer does TLS itself; what is asked for stays `https`.
    let plain = address.replacen("https://", "http://", 1);
    let endpoint = Endpoint::from_shared(plain)
        .map_err(unusable)?
        .origin(uri)
        .tcp_nodelay(true)
        .http2_keep_alive_interval(Duration::from_secs(10))
        .keep_alive_timeout(Duration::from_secs(5))
        .keep_alive_while_idle(true);
    let channel = |_| {
        let dialer = Arc::clone(&dialer);
        let dial = move |_: Uri| {
            let dialer = Arc::clone(&dialer);
            async move { dialer.dial().await.map(TokioIo::new) }
        };
        endpoint.connect_with_connector_lazy(tower::service_fn(dial))
    };
    Ok((0..options.connections.max(1)).map(channel).collect())
}

/// A connection, whatever it is made of.
pub(crate) trait Wire: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Wire for T {}

struct Dialer {
    host: String,
    port: u16,
    tls: Option<ClientTlsFiles>,
    turn: AtomicUsize,
}

impl Dialer {
    fn new(address: &str, uri: &Uri, options: &PeerOptions) -> Result<Self, TransportError> {
        let secure = uri.scheme_str() == Some("https");
        let host = uri.host().unwrap_or_default().trim_matches(['[', ']']).to_owned();
        if host.is_empty() || !(secure || uri.scheme_str() == Some("http")) {
            return Err(TransportError::Form(address.to_owned()));
        }
        let tls = secure.then(|| options.tls.clone());
        let port = uri.port_u16().unwrap_or(if secure { 443 } else { 80 });
        Ok(Self { host, port, tls, turn: AtomicUsize::new(0) })
    }

    /// Looks the name up and tries its addresses, beginning with another one each time.
    async fn dial(&self) -> Result<Box<dyn Wire>, BoxError> {
        let found = tokio::net::lookup_host((self.host.as_str(), self.port)).await?;
        let mut addresses: Vec<SocketAddr> = found.collect();
        addresses.sort_unstable();
        addresses.dedup();
        if addresses.is_empty() {
            return Err(format!("{} has no address", self.host).into());
        }
        let first = self.turn.fetch_add(1, Ordering::Relaxed) % addresses.len();
        addresses.rotate_left(first);
        let mut failure: BoxError = "no address was tried".into();
        for address in addresses {
            match tokio::time::timeout(CONNECT_WITHIN, self.connect(address)).await {
                Ok(Ok(wire)) => return Ok(wire),
                Ok(Err(error)) => failure = error,
                Err(_) => failure = format!("{address} does not accept the connection in time").into(),
            }
        }
        Err(failure)
    }

    async fn connect(&self, address: SocketAddr) -> Result<Box<dyn Wire>, BoxError> {
        let socket = TcpStream::connect(address).await?;
        socket.set_nodelay(true)?;
        match &self.tls {
            None => Ok(Box::new(socket)),
            Some(files) => Ok(Box::new(files.connect(&self.host, socket).await?)),
        }
    }
}

impl From<TlsError> for TransportError {
    fn from(error: TlsError) -> Self {
        Self::Tls(error)
    }
}

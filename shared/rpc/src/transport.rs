//! How a service reaches another: over connections, or in the same process without a socket. Both go through
//! serialisation, the peer's door and its status mapping, so that nothing differs but the distance.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

use assent_core::{Actor, ContextSource};
use http::header::{AUTHORIZATION, HeaderValue};
use http::{Request, Response};
use tonic::body::Body;
use tower::{BoxError, Service, ServiceExt as _};

use crate::connect::PeerOptions;
use crate::door::InProcess;
use crate::peer::Peer;
use crate::tls::TlsError;

/// A transport that cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum TransportError {
    /// The address is no URL.
    #[error("{address} is not a usable address")]
    Address {
        /// The address.
        address: String,
        /// Why.
        #[source]
        source: tonic::transport::Error,
    },
    /// The address names no host, or another protocol.
    #[error("{0} is not of the form http://host:port or https://host:port")]
    Form(String),
    /// The certificates cannot be used.
    #[error(transparent)]
    Tls(TlsError),
    /// The token holds bytes that no header may hold.
    #[error("the service token is not printable ASCII")]
    Token,
}

/// A way to a peer for callers who show a credential of their own: it adds none, so the peer's door judges them as if
/// they had called it themselves. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Passage(Way);

#[derive(Clone, Debug)]
enum Way {
    /// The peer lives in this process; its routes are set once all services are built.
    Local(Arc<OnceLock<axum::Router>>),
    /// The peer lives elsewhere.
    Remote(Arc<Peer>),
}

/// A way to a peer with the credential of this service. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Transport {
    way: Way,
    credential: Credential,
}

#[derive(Clone, Debug)]
enum Credential {
    /// Nothing that comes over a socket can carry it.
    InProcess(Arc<Actor>),
    Bearer(HeaderValue),
    /// The connection's own: a client certificate.
    Connection,
}

impl Passage {
    /// A passage to a peer in this process.
    pub fn local(routes: Arc<OnceLock<axum::Router>>) -> Self {
        Self(Way::Local(routes))
    }

    /// A passage to a peer elsewhere. Does not connect yet.
    ///
    /// # Errors
    /// When the address or the certificates cannot be used.
    pub fn remote(
        address: &str,
        options: &PeerOptions,
        source: ContextSource,
    ) -> Result<Self, TransportError> {
        Ok(Self(Way::Remote(Arc::new(Peer::new(address, options, source)?))))
    }
}

impl Transport {
    /// A transport to a peer in this process, which sees this service as `caller`.
    pub fn local(routes: Arc<OnceLock<axum::Router>>, caller: Actor) -> Self {
        Self { way: Way::Local(routes), credential: Credential::InProcess(Arc::new(caller)) }
    }

    /// A transport to a peer elsewhere over one connection. Does not connect yet, so that services may start in any order.
    /// An empty token is not shown.
    ///
    /// # Errors
    /// When address or token cannot be used.
    pub fn remote(address: &str, token: &str) -> Result<Self, TransportError> {
        Self::remote_with(address, token, &PeerOptions::default(), ContextSource::system())
    }

    /// The same, reached as `options` say.
    ///
    /// # Errors
    /// When address, token or certificates cannot be used.
    pub fn remote_with(
        address: &str,
        token: &str,
        options: &PeerOptions,
        source: ContextSource,
    ) -> Result<Self, TransportError> {
        let Passage(way) = Passage::remote(address, options, source)?;
        if token.is_empty() {
            return Ok(Self { way, credential: Credential::Connection });
        }
        let mut bearer =
            HeaderValue::from_str(&format!("Bearer {token}")).map_err(|_| TransportError::Token)?;
        bearer.set_sensitive(true);
        Ok(Self { way, credential: Credential::Bearer(bearer) })
    }
}

type Answer = Pin<Box<dyn Future<Output = Result<Response<Body>, BoxError>> + Send>>;

fn in_process(routes: &OnceLock<axum::Router>, request: Request<Body>) -> Answer {
    let routes = routes.get().cloned();
    Box::pin(async move {
        let routes = routes.ok_or("a peer is called before it is served")?;
        let response = routes.oneshot(request.map(axum::body::Body::new)).await?;
        Ok(response.map(Body::new))
    })
}

impl Service<Request<Body>> for Passage {
    type Response = Response<Body>;
    type Error = BoxError;
    type Future = Answer;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        // Each call takes its own clone and waits for that to be ready.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        // Whatever came with the request to this port is not for the peer.
        request.extensions_mut().remove::<InProcess>();
        // Whoever shows nothing shall not pass by the certificate of this process.
        request.headers_mut().entry(AUTHORIZATION).or_insert(HeaderValue::from_static("Bearer"));
        match &self.0 {
            Way::Local(routes) => in_process(routes, request),
            Way::Remote(peer) => {
                let channel = peer.channel();
                Box::pin(async move { Ok(channel.oneshot(request).await?) })
            }
        }
    }
}

impl Service<Request<Body>> for Transport {
    type Response = Response<Body>;
    type Error = BoxError;
    type Future = Answer;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        debug_assert!(!assent_store::in_transaction(), "a peer is called while a transaction is open");
        match &self.credential {
            Credential::InProcess(caller) => {
                request.extensions_mut().insert(InProcess(caller.as_ref().clone()));
            }
            Credential::Bearer(bearer) => {
                request.headers_mut().insert(AUTHORIZATION, bearer.clone());
            }
            Credential::Connection => {}
        }
        match &self.way {
            Way::Local(routes) => in_process(routes, request),
            Way::Remote(peer) => Box::pin(Arc::clone(peer).call(request)),
        }
    }
}

//! How a service reaches another: over a channel, or in the same process without a socket. Both go through
//! serialisation, the peer's door and its status mapping, so that nothing differs but the distance.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

use assent_core::Actor;
use http::header::{AUTHORIZATION, HeaderValue};
use http::{Request, Response};
use tonic::body::Body;
use tonic::transport::{Channel, Endpoint};
use tower::{BoxError, Service, ServiceExt as _};

use crate::door::InProcess;

/// A connection to a peer. Cheap to clone.
#[derive(Clone, Debug)]
pub enum Transport {
    /// The peer lives in this process; its routes are set once all services are built.
    Local {
        /// Where the routes will be.
        routes: Arc<OnceLock<axum::Router>>,
        /// As whom the peer sees this service.
        caller: Arc<Actor>,
    },
    /// The peer lives elsewhere.
    Remote {
        /// Connects when first used and again whenever it broke.
        channel: Channel,
        /// The `authorization` metadata of this service.
        authorization: HeaderValue,
    },
}

/// A transport that cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum TransportError {
    /// The address is no `http://host:port`.
    #[error("{address} is not a usable address")]
    Address {
        /// The address.
        address: String,
        /// Why.
        #[source]
        source: tonic::transport::Error,
    },
    /// The token holds bytes that no header may hold.
    #[error("the service token is not printable ASCII")]
    Token,
}

impl Transport {
    /// A transport to a peer elsewhere. Does not connect yet, so that services may start in any order.
    ///
    /// # Errors
    /// When address or token cannot be used.
    pub fn remote(address: &str, token: &str) -> Result<Self, TransportError> {
        let channel = channel(address)?;
        let mut authorization =
            HeaderValue::from_str(&format!("Bearer {token}")).map_err(|_| TransportError::Token)?;
        authorization.set_sensitive(true);
        Ok(Self::Remote { channel, authorization })
    }
}

fn channel(address: &str) -> Result<Channel, TransportError> {
    let endpoint = Endpoint::from_shared(address.to_owned())
        .map_err(|source| TransportError::Address { address: address.to_owned(), source })?
        .connect_timeout(Duration::from_secs(5))
        .tcp_nodelay(true)
        .http2_keep_alive_interval(Duration::from_secs(20))
        .keep_alive_timeout(Duration::from_secs(10))
        .keep_alive_while_idle(true);
    Ok(endpoint.connect_lazy())
}

/// A way to a peer for callers who show a credential of their own: it adds none, so the peer's door judges them as if
/// they had called it themselves. Cheap to clone.
#[derive(Clone, Debug)]
pub enum Passage {
    /// The peer lives in this process; its routes are set once all services are built.
    Local(Arc<OnceLock<axum::Router>>),
    /// The peer lives elsewhere.
    Remote(Channel),
}

impl Passage {
    /// A passage to a peer elsewhere. Does not connect yet.
    ///
    /// # Errors
    /// When the address cannot be used.
    pub fn remote(address: &str) -> Result<Self, TransportError> {
        Ok(Self::Remote(channel(address)?))
    }
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
        match self {
            Self::Local(routes) => {
                let routes = routes.get().cloned();
                Box::pin(async move {
                    let routes = routes.ok_or("a peer is called before it is served")?;
                    let response = routes.oneshot(request.map(axum::body::Body::new)).await?;
                    Ok(response.map(Body::new))
                })
            }
            Self::Remote(channel) => {
                let channel = channel.clone();
                Box::pin(async move { Ok(channel.oneshot(request).await?) })
            }
        }
    }
}

type Answer = Pin<Box<dyn Future<Output = Result<Response<Body>, BoxError>> + Send>>;

impl Service<Request<Body>> for Transport {
    type Response = Response<Body>;
    type Error = BoxError;
    type Future = Answer;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        // Each call takes its own clone and waits for that to be ready.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        debug_assert!(!assent_store::in_transaction(), "a peer is called while a transaction is open");
        match self {
            Self::Local { routes, caller } => {
                let routes = routes.get().cloned();
                request.extensions_mut().insert(InProcess(caller.as_ref().clone()));
                Box::pin(async move {
                    let routes = routes.ok_or("a peer is called before it is served")?;
                    let response = routes.oneshot(request.map(axum::body::Body::new)).await?;
                    Ok(response.map(Body::new))
                })
            }
            Self::Remote { channel, authorization } => {
                request.headers_mut().insert(AUTHORIZATION, authorization.clone());
                let channel = channel.clone();
                Box::pin(async move { Ok(channel.oneshot(request).await?) })
            }
        }
    }
}

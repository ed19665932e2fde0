//! Taking connections in: each for a time, and never cut off in the middle of a call that it may finish.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use assent_core::ContextSource;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use crate::tls::{self, CertificateNames, ServerTls};

/// How long to rest when no connection can be taken, as when the process has no file descriptor left.
const REST: Duration = Duration::from_millis(50);
/// Longest wait for the head of an HTTP/1.1 request.
const HEAD_WITHIN: Duration = Duration::from_secs(30);

/// Longest wait for a client's part of TLS.
const HANDSHAKE_WITHIN: Duration = Duration::from_secs(10);
/// Longest head of a call, in bytes as HTTP/2 counts them: long enough to tell whoever sends a token of a megabyte what is
/// wrong with it. A connection carries one head at a time.
const LONGEST_HEAD: u32 = 2 * 1024 * 1024;

/// How a port treats its connections.
#[derive(Debug, Clone)]
pub struct Connections {
    /// Without a sign of life for so long, the other side is asked for one.
    pub keepalive: Duration,
    /// How long it then has.
    pub keepalive_timeout: Duration,
    /// Longest age, a little random; then the other side is told to connect anew, so that balancers get to choose again.
    pub max_age: Option<Duration>,
    /// How long the calls of such a connection may go on.
    pub max_age_grace: Duration,
    /// Calls at once on a connection, at most.
    pub max_streams: u32,
    /// Secret, and by which certificate; plain when none.
    pub tls: Option<Arc<ServerTls>>,
}

impl Default for Connections {
    fn default() -> Self {
        Self {
            keepalive: Duration::from_secs(20),
            keepalive_timeout: Duration::from_secs(10),
            max_age: None,
            max_age_grace: Duration::from_secs(30),
            max_streams: 4096,
            tls: None,
        }
    }
}

impl Connections {
    fn builder(&self) -> Builder<TokioExecutor> {
        let mut builder = Builder::new(TokioExecutor::new());
        builder.http1().timer(TokioTimer::new()).header_read_timeout(HEAD_WITHIN);
        builder
            .http2()
            .timer(TokioTimer::new())
            .keep_alive_interval(self.keepalive)
            .keep_alive_timeout(self.keepalive_timeout)
            .max_concurrent_streams(self.max_streams)
            .max_header_list_size(LONGEST_HEAD);
        builder
    }
}

/// Serves `router` until `stop`, then lets running calls finish. Whoever drops it cuts them off.
pub async fn serve(
    listener: TcpListener,
    router: axum::Router,
    connections: Connections,
    source: ContextSource,
    stop: CancellationToken,
) {
    let port = Port { router, builder: connections.builder(), connections, source, stop: stop.clone() };
    let mut open = JoinSet::new();
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => match accepted {
                Ok((socket, _)) => {
                    open.spawn(port.clone().connection(socket));
                }
                Err(error) => {
                    tracing::warn!(%error, "no connection can be taken");
                    tokio::time::sleep(REST).await;
                }
            },
            Some(_) = open.join_next(), if !open.is_empty() => {}
        }
    }
    // Nobody may wait in its queue for an answer that does not come.
    drop(listener);
    while open.join_next().await.is_some() {}
}

#[derive(Clone)]
struct Port {
    router: axum::Router,
    builder: Builder<TokioExecutor>,
    connections: Connections,
    source: ContextSource,
    stop: CancellationToken,
}

impl Port {
    async fn connection(self, socket: TcpStream) {
        // Only saves time, so a socket that refuses serves all the same.
        let _ = socket.set_nodelay(true);
        let Some(tls) = &self.connections.tls else { return self.converse(socket, None).await };
        let handshake = tokio::time::timeout(HANDSHAKE_WITHIN, tls.acceptor().accept(socket)).await;
        match handshake {
            Ok(Ok(stream)) => {
                let certificates = stream.get_ref().1.peer_certificates().map(tls::names);
                self.converse(stream, certificates).await;
            }
            Ok(Err(error)) => tracing::debug!(%error, "no TLS with a client"),
            Err(_) => tracing::debug!("a client did not finish its part of TLS in time"),
        }
    }

    async fn converse<I>(self, io: I, names: Option<CertificateNames>)
    where
        I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let router = self.router;
        let service = tower::service_fn(move |mut request: http::Request<Incoming>| {
            if let Some(names) = &names {
                request.extensions_mut().insert(names.clone());
            }
            router.clone().oneshot(request)
        });
        let mut conversation =
            pin!(self.builder.serve_connection(TokioIo::new(io), TowerToHyperService::new(service)));
        let aged = async {
            match self.connections.max_age {
                Some(age) => tokio::time::sleep(self.source.jitter(age)).await,
                None => std::future::pending().await,
            }
        };
        let grace = tokio::select! {
            // An error is the other side's end of it.
            _ = conversation.as_mut() => return,
            // The runtime cuts off what does not end in time.
            () = self.stop.cancelled() => None,
            () = aged => Some(self.connections.max_age_grace),
        };
        conversation.as_mut().graceful_shutdown();
        match grace {
            Some(grace) => drop(tokio::time::timeout(grace, conversation).await),
            None => drop(conversation.await),
        }
    }
}

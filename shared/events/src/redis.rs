//! The bus between processes: Redis publish/subscribe, one channel per service.

use std::time::Duration;

use assent_core::ContextSource;
use assent_core::id::SessionId;
use futures_util::StreamExt as _;
use redis::aio::{MultiplexedConnection, PubSubSink, PubSubStream};
use redis::{AsyncConnectionConfig, Client, RedisError, RedisResult};
use serde::Deserialize;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout};
use tokio_util::sync::CancellationToken;

use crate::backoff::Backoff;
use crate::bus::{Bus, Hub, Notice};

const CHANNEL: &str = "assent.events.";
/// Notices that wait for Redis at most. What does not fit is dropped: it could only be late.
const QUEUE: usize = 1024;
const PIPELINE: usize = 256;
/// Within this time Redis answers or is taken for dead.
const PATIENCE: Duration = Duration::from_secs(3);
const PING_EVERY: Duration = Duration::from_secs(10);

/// The url of Redis makes no sense.
#[derive(Debug, thiserror::Error)]
#[error("redis url: {0}")]
pub struct BusError(#[source] RedisError);

/// Carries doorbells between this process and Redis for as long as it runs.
pub struct RedisDriver {
    client: Client,
    hub: Hub,
    outgoing: mpsc::Receiver<Notice>,
    source: ContextSource,
}

impl Bus {
    /// For services in many processes. The bus works between them while the driver runs; no
    /// connection is made before. `url`: `redis://…`, or `rediss://…` for TLS.
    pub fn redis(url: &str, source: ContextSource) -> Result<(Self, RedisDriver), BusError> {
        let client = Client::open(url).map_err(BusError)?;
        let hub = Hub::default();
        let (sender, outgoing) = mpsc::channel(QUEUE);
        Ok((Self::over(hub.clone(), sender), RedisDriver { client, hub, outgoing, source }))
    }
}

/// What matters of a notice to those who are woken by it.
#[derive(Deserialize)]
struct Heard {
    session_id: Option<SessionId>,
}

struct Connections {
    publisher: MultiplexedConnection,
    sink: PubSubSink,
    stream: PubSubStream,
}

impl RedisDriver {
    /// Runs until `shutdown`. Connects again for ever, and wakes every reader after each connect,
    /// because rings may have been missed in between.
    pub async fn run(mut self, shutdown: CancellationToken) {
        let mut backoff = Backoff::new(self.source.clone());
        loop {
            let outcome = tokio::select! {
                () = shutdown.cancelled() => return,
                outcome = self.session(&mut backoff) => outcome,
            };
            if let Err(error) = outcome {
                if backoff.is_fresh() {
                    tracing::warn!(%error, "redis is away; events arrive later");
                }
                tokio::select! {
                    () = shutdown.cancelled() => return,
                    () = tokio::time::sleep(backoff.next_delay()) => {}
                }
            }
        }
    }

    /// One connection's life; always ends in an error unless the bus is gone.
    async fn session(&mut self, backoff: &mut Backoff) -> RedisResult<()> {
        let Connections { mut publisher, mut sink, mut stream } = within(self.connect()).await?;
        if backoff.reset() {
            tracing::info!("redis is back");
        }
        self.hub.ring_all();
        let mut ping = interval_at(Instant::now() + PING_EVERY, PING_EVERY);
        ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut batch = Vec::with_capacity(PIPELINE);
        loop {
            tokio::select! {
                message = stream.next() => {
                    let message = message.ok_or_else(disconnected)?;
                    if let Some(service) = message.get_channel_name().strip_prefix(CHANNEL) {
                        match serde_json::from_slice::<Heard>(message.get_payload_bytes()) {
                            Ok(heard) => self.hub.ring_about(service, &heard.session_id.into_iter().collect()),
                            // What cannot be understood may be about anything.
                            Err(_) => self.hub.ring(service),
                        }
                    }
                }
                taken = self.outgoing.recv_many(&mut batch, PIPELINE) => {
                    if taken == 0 {
                        // Every bus is dropped: nothing will be published any more.
                        std::future::pending::<()>().await;
                    }
                    publish(&mut publisher, &mut batch).await?;
                }
                _ = ping.tick() => within(sink.ping::<redis::Value>()).await.map(drop)?,
            }
        }
    }

    async fn connect(&self) -> RedisResult<Connections> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(PATIENCE))
            .set_response_timeout(Some(PATIENCE));
        let publisher = self.client.get_multiplexed_async_connection_with_config(&config).await?;
        let (mut sink, stream) = self.client.get_async_pubsub().await?.split();
        sink.psubscribe(format!("{CHANNEL}*")).await?;
        Ok(Connections { publisher, sink, stream })
    }
}

async fn publish(connection: &mut MultiplexedConnection, batch: &mut Vec<Notice>) -> RedisResult<()> {
    let mut pipe = redis::pipe();
    for notice in batch.drain(..) {
        let channel = format!("{CHANNEL}{}", notice.service);
        let text = serde_json::json!(notice).to_string();
        pipe.publish(channel, text).ignore();
    }
    pipe.query_async::<()>(connection).await
}

async fn within<T>(step: impl Future<Output = RedisResult<T>>) -> RedisResult<T> {
    timeout(PATIENCE, step).await.unwrap_or_else(|_| Err(disconnected()))
}

fn disconnected() -> RedisError {
    std::io::Error::from(std::io::ErrorKind::ConnectionAborted).into()
}

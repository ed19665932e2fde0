//! One publishing service with its log, relay and server, and what it takes to follow it.

use std::convert::Infallible;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use assent_core::id::{EventId, SessionId};
use assent_core::{Actor, ActorKind, Clock, ContextSource, Timestamp};
use assent_events::{
    Bus, Consumer, Cursor, EventMetrics, EventServer, Handled, Log, MIGRATIONS, Pace, Relay, Watching, append,
};
use assent_metrics::Metrics;
use assent_proto::event::v1::event::Payload;
use assent_proto::event::v1::event_service_client::EventServiceClient;
use assent_proto::event::v1::{Event, ExecutionRefused};
use assent_rpc::{AccessTable, Credentials, Door, Transport};
use assent_store::{Db, StoreError};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tonic::service::RoutesBuilder;

use assent_testkit::Storage;

pub(crate) const SERVICE: &str = "approval-gate";
/// Longer than anything here takes, so that a test that hangs says where.
pub(crate) const LONG: Duration = Duration::from_secs(30);
const KEEP: Duration = Duration::from_hours(1);
/// Ids of two rigs on one database must differ.
static SEED: AtomicU64 = AtomicU64::new(7);

pub(crate) struct Rig {
    pub(crate) db: Db,
    pub(crate) log: Log,
    pub(crate) bus: Bus,
    pub(crate) context: ContextSource,
    pub(crate) shutdown: CancellationToken,
    routes: Arc<OnceLock<axum::Router>>,
}

impl Rig {
    pub(crate) async fn new(test: &Storage) -> Self {
        Self::on(test, Bus::local()).await
    }

    pub(crate) async fn on(test: &Storage, bus: Bus) -> Self {
        let db = test.open("test").await;
        db.migrate(&MIGRATIONS).await.unwrap();
        let start = Timestamp::from_micros(1_700_000_000_000_000).unwrap();
        let context = ContextSource::seeded(Clock::manual(start), SEED.fetch_add(1, Ordering::Relaxed));
        let shutdown = CancellationToken::new();
        let log = Log::new(db.clone(), SERVICE);
        let watching = Watching { bus: bus.clone(), source: context.clone(), shutdown: shutdown.clone() };
        let server = EventServer::new(vec![log.clone()], watching);
        let mut routes = RoutesBuilder::default();
        routes.add_service(server.into_service());
        let mut access = AccessTable::default();
        access.extend(EventServer::ACCESS);
        let door = Door::new(Credentials::default(), access, context.clone());
        let router = assent_rpc::router(routes, door);
        let routes = Arc::new(OnceLock::from(router));
        Self { db, log, bus, context, shutdown, routes }
    }

    /// The same service as another of its processes sees it: its own connections and its own bus.
    pub(crate) async fn replica(&self, test: &Storage, bus: Bus) -> Self {
        Self { context: self.context.clone(), ..Self::on(test, bus).await }
    }

    pub(crate) fn relay(&self) -> Relay {
        Relay::new(self.log.clone(), self.bus.clone(), self.context.clone(), KEEP)
    }

    pub(crate) fn client(&self, caller: Actor) -> EventServiceClient<Transport> {
        let transport = Transport::local(Arc::clone(&self.routes), caller);
        EventServiceClient::new(transport)
    }

    pub(crate) fn consumer(&self, name: &str) -> Consumer {
        Consumer {
            name: name.to_owned(),
            service: SERVICE,
            db: self.db.clone(),
            source: self.client(Actor::system("executor")),
            doorbell: self.bus.subscribe(SERVICE),
            pace: Pace::Prompt,
            context: self.context.clone(),
            metrics: EventMetrics::new(&Metrics::default()),
        }
    }

    /// Appends a fact in a transaction of its own.
    pub(crate) async fn say(&self, text: &str, session: Option<SessionId>) -> EventId {
        let ctx = self.context.operation(Actor::system(SERVICE));
        let mut tx = self.db.begin().await.unwrap();
        let id = append(&mut tx, &ctx, session, fact(text)).await.unwrap();
        tx.commit().await.unwrap();
        id
    }

    /// Starts a relay and a consumer that passes on what it has handled.
    pub(crate) fn follow(&self, tasks: &mut JoinSet<()>, name: &str) -> mpsc::UnboundedReceiver<Event> {
        tasks.spawn(self.relay().run(self.shutdown.clone()));
        self.consume(tasks, name)
    }

    /// Starts a consumer that passes on what it has handled.
    pub(crate) fn consume(&self, tasks: &mut JoinSet<()>, name: &str) -> mpsc::UnboundedReceiver<Event> {
        let (sender, receiver) = mpsc::unbounded_channel();
        let db = self.db.clone();
        let handler = move |event: Arc<Event>, cursor: Cursor| {
            let (db, sender) = (db.clone(), sender.clone());
            async move {
                let mut tx = db.begin().await?;
                cursor.advance(&mut tx).await?;
                tx.commit().await?;
                sender.send(Event::clone(&event)).unwrap();
                Ok::<_, StoreError>(Handled::Done)
            }
        };
        tasks.spawn(self.consumer(name).run(handler, self.shutdown.clone()));
        receiver
    }

    pub(crate) async fn stop(&self, mut tasks: JoinSet<()>) {
        self.shutdown.cancel();
        while let Some(ended) = tokio::time::timeout(LONG, tasks.join_next()).await.unwrap() {
            ended.unwrap();
        }
    }
}

pub(crate) fn fact(text: &str) -> Payload {
    Payload::ExecutionRefused(ExecutionRefused { message: text.to_owned(), ..Default::default() })
}

pub(crate) fn text(event: &Event) -> &str {
    match &event.payload {
        Some(Payload::ExecutionRefused(refused)) => &refused.message,
        other => panic!("unexpected {other:?}"),
    }
}

pub(crate) fn person(roles: &[&str]) -> Actor {
    Actor {
        id: "ada@example.com".to_owned(),
        kind: ActorKind::User,
        name: "Ada".to_owned(),
        roles: roles.iter().map(|role| (*role).to_owned()).collect(),
        groups: Vec::new(),
        credential: "static_token".to_owned(),
        on_behalf_of: String::new(),
    }
}

pub(crate) async fn next(events: &mut mpsc::UnboundedReceiver<Event>) -> Event {
    tokio::time::timeout(LONG, events.recv()).await.expect("no event came").unwrap()
}

/// A handler that is interested in nothing.
pub(crate) async fn skip(_: Arc<Event>, _: Cursor) -> Result<Handled, Infallible> {
    Ok(Handled::Skipped)
}

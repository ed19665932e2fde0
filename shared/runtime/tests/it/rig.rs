//! A service without state on a port, and callers of it.

use std::time::Duration;

use assent_core::{ActorKind, Clock, ContextSource, Digest, Timestamp};
use assent_events::Bus;
use assent_proto::event::v1::event_service_client::EventServiceClient;
use assent_proto::event::v1::event_service_server::{EventService, EventServiceServer};
use assent_proto::event::v1::{
    Event, ReadEventsRequest, ReadEventsResponse, WatchEventsRequest, WatchEventsResponse,
};
use assent_rpc::{
    Access, Connections, Credentials, Identities, Identity, LimitOptions, PeerOptions, Transport, accept,
};
use assent_runtime::{BuildError, Host, Listening, Running, Service, TaskSet, Wiring, config};
use tokio::net::TcpListener;
use tonic::service::RoutesBuilder;
use tonic::{Request, Response, Status};
use tonic_types::StatusExt as _;

/// 2026-01-05T09:00:00Z
pub(crate) const START: i64 = 1_767_603_600;

/// Says who called; a page of `n` facts takes `n` milliseconds.
pub(crate) struct Echo;

#[tonic::async_trait]
impl EventService for Echo {
    async fn read_events(
        &self,
        request: Request<ReadEventsRequest>,
    ) -> Result<Response<ReadEventsResponse>, Status> {
        let (ctx, request) = accept(request)?;
        let actor = ctx.actor();
        let said = Event {
            id: actor.id.clone(),
            r#type: actor.credential.clone(),
            session_id: actor.on_behalf_of.clone(),
            ..Event::default()
        };
        let work = u64::try_from(request.page_size).unwrap_or_default();
        tokio::time::sleep(Duration::from_millis(work)).await;
        Ok(Response::new(ReadEventsResponse { events: vec![said], head_position: 1 }))
    }

    type WatchEventsStream = tokio_stream::Pending<Result<WatchEventsResponse, Status>>;

    async fn watch_events(
        &self,
        _: Request<WatchEventsRequest>,
    ) -> Result<Response<Self::WatchEventsStream>, Status> {
        Ok(Response::new(tokio_stream::pending()))
    }
}

impl Service for Echo {
    const NAME: &'static str = "echo";
    const PORT: u16 = 0;
    const ACCESS: &'static [(&'static str, Access)] = &[
        ("/assent.event.v1.EventService/ReadEvents", Access::Authenticated),
        ("/assent.event.v1.EventService/WatchEvents", Access::Authenticated),
    ];
    type Config = ();

    async fn build((): (), _: &Wiring) -> Result<Self, BuildError> {
        Ok(Self)
    }

    fn routes(&self, routes: &mut RoutesBuilder) {
        routes.add_service(EventServiceServer::new(Self));
    }

    fn tasks(&self, _: &mut TaskSet) {}

    fn database(&self) -> Option<&assent_store::Db> {
        None
    }
}

/// Everybody: the token is the name.
pub(crate) fn identities() -> Identities {
    let identity = |id: &str, kind, role: &str, certificate: Option<&str>| Identity {
        id: id.to_owned(),
        kind,
        name: String::new(),
        roles: vec![role.to_owned()],
        groups: Vec::new(),
        token_sha256: Some(Digest::of(&[id.as_bytes()])),
        certificate: certificate.map(str::to_owned),
    };
    Identities {
        identities: vec![
            identity("ada", ActorKind::User, "lead", None),
            identity("bob", ActorKind::User, "lead", None),
            identity("system:executor", ActorKind::Service, "service", Some("spiffe://test/executor")),
        ],
    }
}

/// The service on a port, with a clock that stands still until it is moved.
pub(crate) struct Rig {
    pub(crate) running: Running,
    pub(crate) clock: Clock,
}

pub(crate) fn clock() -> Clock {
    Clock::manual(Timestamp::from_micros(START * 1_000_000).unwrap())
}

impl Rig {
    pub(crate) async fn start() -> Self {
        Self::with(clock(), credentials(), Connections::default(), LimitOptions::default()).await
    }

    pub(crate) async fn with(
        clock: Clock,
        credentials: Credentials,
        connections: Connections,
        limits: LimitOptions,
    ) -> Self {
        assent_runtime::install_tls();
        let source = ContextSource::seeded(clock.clone(), 7);
        let database = config::Database { url: "sqlite://nowhere".to_owned(), max_connections: 1 };
        let wiring = Wiring::local(database, Bus::local(), credentials, source).with_limits(limits);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let listening = Listening::open(listener, connections, &wiring).await.unwrap();
        let mut host = Host::new(wiring);
        host.add::<Echo>(()).await.unwrap();
        Self { running: host.start_on(listening).await, clock }
    }

    pub(crate) fn address(&self) -> String {
        self.running.address().to_string()
    }

    /// A caller with `token`.
    pub(crate) fn client(&self, token: &str) -> EventServiceClient<Transport> {
        client(&format!("http://{}", self.address()), token, &PeerOptions::default())
    }
}

pub(crate) fn credentials() -> Credentials {
    Credentials::new(&identities(), "static_token").unwrap()
}

pub(crate) fn client(address: &str, token: &str, options: &PeerOptions) -> EventServiceClient<Transport> {
    assent_runtime::install_tls();
    let transport = Transport::remote_with(address, token, options, ContextSource::system()).unwrap();
    EventServiceClient::new(transport)
}

/// A call that takes so long, from a caller who waits so long.
pub(crate) fn ask(work: Duration, wait: Duration) -> Request<ReadEventsRequest> {
    let page_size = i32::try_from(work.as_millis()).unwrap();
    let mut request = Request::new(ReadEventsRequest { page_size, ..ReadEventsRequest::default() });
    request.set_timeout(wait);
    request
}

/// Who the service says called: id, credential, on whose behalf.
pub(crate) async fn called(client: &EventServiceClient<Transport>) -> Result<[String; 3], Refusal> {
    let answer = client.clone().read_events(ask(Duration::ZERO, Duration::from_secs(20))).await?;
    let said = answer.into_inner().events.remove(0);
    Ok([said.id, said.r#type, said.session_id])
}

/// Code and reason of a refused call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal(pub(crate) tonic::Code, pub(crate) String, pub(crate) Option<Duration>);

impl From<Status> for Refusal {
    fn from(status: Status) -> Self {
        let details = status.get_error_details();
        let reason = details.error_info().map(|info| info.reason.clone()).unwrap_or_default();
        Self(status.code(), reason, details.retry_info().and_then(|retry| retry.retry_delay))
    }
}

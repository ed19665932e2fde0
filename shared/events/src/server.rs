//! The log over gRPC.

use std::pin::Pin;
use std::sync::Arc;

use assent_core::id::SessionId;
use assent_core::{Code, Fault, Reason, Violation, actor};
use assent_proto::event::v1::event_service_server::{EventService, EventServiceServer};
use assent_proto::event::v1::{
    ReadEventsRequest, ReadEventsResponse, WatchEventsRequest, WatchEventsResponse,
};
use assent_rpc::{Access, accept, invalid, status};
use futures_util::{Stream, TryStreamExt as _};
use tonic::{Request, Response, Status};

use crate::log::{Log, LogError, Page};
use crate::watch::{Watching, watch};

const DEFAULT_PAGE: i64 = 100;
const LARGEST_PAGE: i64 = 1000;

/// Serves the logs of the services of one port to other services and to administrators.
#[derive(Clone)]
pub struct EventServer {
    logs: Arc<[Log]>,
    watching: Watching,
}

/// The port does not serve that log.
#[derive(Debug, thiserror::Error)]
#[error("this port serves no log of the service {service:?}")]
struct NoSuchLog {
    service: String,
}

impl Fault for NoSuchLog {
    fn code(&self) -> Code {
        Code::NotFound
    }

    fn reason(&self) -> Reason {
        Reason::new("EVENT_LOG_NOT_FOUND")
    }

    fn metadata(&self) -> Vec<(String, String)> {
        vec![("service".to_owned(), self.service.clone())]
    }
}

impl EventServer {
    /// Who may call what: only services and administrators read the whole log.
    pub const ACCESS: &'static [(&'static str, Access)] = &[
        ("/assent.event.v1.EventService/ReadEvents", Access::AnyRole(&[actor::ADMIN])),
        ("/assent.event.v1.EventService/WatchEvents", Access::AnyRole(&[actor::ADMIN])),
    ];

    /// Serves `logs`; the first is the one that a request without a name means.
    pub fn new(logs: Vec<Log>, watching: Watching) -> Self {
        Self { logs: logs.into(), watching }
    }

    fn log(&self, service: &str) -> Result<&Log, NoSuchLog> {
        let found = self.logs.iter().find(|log| service.is_empty() || log.service() == service);
        found.ok_or_else(|| NoSuchLog { service: service.to_owned() })
    }

    /// The service to add to the routes.
    pub fn into_service(self) -> EventServiceServer<Self> {
        EventServiceServer::new(self)
    }
}

#[tonic::async_trait]
impl EventService for EventServer {
    async fn read_events(
        &self,
        request: Request<ReadEventsRequest>,
    ) -> Result<Response<ReadEventsResponse>, Status> {
        let (_, request) = accept(request)?;
        let session = session(&request.session_id)?;
        let limit = match i64::from(request.page_size) {
            0 => DEFAULT_PAGE,
            size => size.min(LARGEST_PAGE),
        };
        let log = self.log(&request.service).map_err(|error| status(&error))?;
        let page = log.read(request.after_position, limit, session).await;
        let Page { events, head, .. } = page.map_err(|error: LogError| status(&error))?;
        Ok(Response::new(ReadEventsResponse { events, head_position: head }))
    }

    type WatchEventsStream = Pin<Box<dyn Stream<Item = Result<WatchEventsResponse, Status>> + Send>>;

    async fn watch_events(
        &self,
        request: Request<WatchEventsRequest>,
    ) -> Result<Response<Self::WatchEventsStream>, Status> {
        let (_, request) = accept(request)?;
        let log = self.log(&request.service).map_err(|error| status(&error))?.clone();
        let session = session(&request.session_id)?;
        let messages = watch(log, self.watching.clone(), session, request.after_position);
        let responses = messages.map_ok(|message| WatchEventsResponse { message: Some(message) });
        Ok(Response::new(Box::pin(responses)))
    }
}

fn session(text: &str) -> Result<Option<SessionId>, Status> {
    if text.is_empty() {
        return Ok(None);
    }
    let malformed = |error: assent_core::id::ParseIdError| {
        invalid(vec![Violation::new("session_id", "MALFORMED_ID", error.to_string())])
    };
    text.parse().map(Some).map_err(malformed)
}

//! What stands before every handler: request id, identity, access, and one log line per call.

use std::sync::Arc;
use std::time::Duration;

use assent_core::id::RequestId;
use assent_core::{Actor, ActorKind, Code, ContextSource, Fault, OpContext, Reason, trace_id};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use tonic::Status;
use tracing::{Instrument as _, Span};

use crate::access::{Access, AccessTable};
use crate::deadline::{self, DEADLINE};
use crate::identity::Credentials;
use crate::jwt::TokenError;
use crate::limits::{LimitError, LimitOptions, Limits, Running};
use crate::status::{REQUEST, Serving, status};
use crate::tls::CertificateNames;
use crate::trace;

/// Metadata in which a service says for whom it calls; refused from anybody else.
pub(crate) const ACTOR_HEADER: &str = "assent-actor";
/// Metadata that carries the request id, from services inwards and to callers outwards.
pub(crate) const REQUEST_ID_HEADER: &str = "x-request-id";

/// What services call of themselves, again and again: beginnings of the names.
const UPKEEP: [&str; 2] =
    ["assent.event.v1.EventService/", "assent.approval.v1.ApprovalService/GetValidGrants"];

/// Set by the in-process transport; nothing that comes over a socket can carry it.
#[derive(Debug, Clone)]
pub(crate) struct InProcess(pub Actor);

/// Decides who may come in.
#[derive(Debug, Clone)]
pub struct Door {
    credentials: Credentials,
    access: Arc<AccessTable>,
    source: ContextSource,
    limits: Limits,
}

#[derive(Debug, thiserror::Error)]
enum DoorError {
    #[error("a bearer token is required: metadata \"authorization: Bearer TOKEN\"")]
    NoToken,
    #[error("the client certificate names nobody who is known")]
    UnknownCertificate,
    #[error(transparent)]
    Token(#[from] TokenError),
    #[error(transparent)]
    Limit(#[from] LimitError),
    #[error("only services may act for others")]
    ActorForbidden,
    #[error("the metadata {ACTOR_HEADER} is malformed")]
    ActorMalformed,
    #[error("requires one of the roles: {}", .needed.join(", "))]
    Role { needed: &'static [&'static str] },
    #[error("the method is not served here")]
    UnknownMethod,
}

impl Fault for DoorError {
    fn code(&self) -> Code {
        match self {
            Self::NoToken | Self::UnknownCertificate => Code::Unauthenticated,
            Self::Token(error) => error.code(),
            Self::Limit(error) => error.code(),
            Self::ActorForbidden | Self::Role { .. } => Code::PermissionDenied,
            Self::UnknownMethod => Code::Unimplemented,
            Self::ActorMalformed => Code::InvalidArgument,
        }
    }

    fn reason(&self) -> Reason {
        Reason::new(match self {
            Self::Token(error) => return error.reason(),
            Self::Limit(error) => return error.reason(),
            Self::NoToken => "CREDENTIAL_MISSING",
            Self::UnknownCertificate => "CERTIFICATE_UNKNOWN",
            Self::ActorForbidden => "ACTOR_FORBIDDEN",
            Self::ActorMalformed => "ACTOR_MALFORMED",
            Self::Role { .. } => "ROLE_REQUIRED",
            Self::UnknownMethod => "METHOD_UNKNOWN",
        })
    }

    fn metadata(&self) -> Vec<(String, String)> {
        match self {
            Self::Role { needed } => vec![("roles".to_owned(), needed.join(","))],
            Self::Token(error) => error.metadata(),
            Self::Limit(error) => error.metadata(),
            _ => Vec::new(),
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Token(error) => error.retry_after(),
            Self::Limit(error) => error.retry_after(),
            _ => None,
        }
    }
}

/// What the door looks at.
struct Call<'a> {
    path: &'a str,
    headers: &'a HeaderMap,
    in_process: Option<&'a InProcess>,
    certificate: Option<&'a CertificateNames>,
}

/// A call that may go on.
enum Admitted {
    /// One that needs no identity.
    Open,
    /// One that is made by somebody, and counted for as long as it runs.
    Known(OpContext, Running),
}

impl Door {
    /// A door that knows `credentials` and opens by `access`.
    pub fn new(credentials: Credentials, access: AccessTable, source: ContextSource) -> Self {
        let limits = Limits::new(LimitOptions::default(), source.clock().clone());
        Self { credentials, access: Arc::new(access), source, limits }
    }

    /// The same, with limits for each caller.
    #[must_use]
    pub fn with_limits(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// Full names of the services behind it.
    pub(crate) fn services(&self) -> impl Iterator<Item = &'static str> {
        self.access.services()
    }

    /// Who the caller is, by the process itself, by a token, or by a certificate. A token goes before the certificate,
    /// which may be that of somebody who only passes a call on.
    async fn credential(&self, call: &Call<'_>) -> Result<Actor, DoorError> {
        if let Some(InProcess(actor)) = call.in_process {
            return Ok(actor.clone());
        }
        let Some(header) = call.headers.get(AUTHORIZATION) else {
            let CertificateNames(names) = call.certificate.ok_or(DoorError::NoToken)?;
            return self.credentials.of_certificate(names).cloned().ok_or(DoorError::UnknownCertificate);
        };
        let header = header.to_str().ok();
        let token = header.and_then(|v| v.strip_prefix("Bearer ").or_else(|| v.strip_prefix("bearer ")));
        let token = token.map(str::trim).filter(|t| !t.is_empty()).ok_or(DoorError::NoToken)?;
        Ok(self.credentials.recognise(token, &self.source).await?)
    }

    async fn identify(&self, call: &Call<'_>) -> Result<(Actor, Actor), DoorError> {
        let credential = self.credential(call).await?;
        let Some(named) = call.headers.get(ACTOR_HEADER) else {
            return Ok((credential.clone(), credential));
        };
        if !credential.is_service() {
            return Err(DoorError::ActorForbidden);
        }
        let json = URL_SAFE_NO_PAD.decode(named.as_bytes()).map_err(|_| DoorError::ActorMalformed)?;
        let actor = serde_json::from_slice(&json).map_err(|_| DoorError::ActorMalformed)?;
        Ok((credential, actor))
    }

    async fn admit(&self, call: Call<'_>, id: RequestId) -> Result<Admitted, DoorError> {
        let access = self.access.get(call.path);
        if access == Some(Access::Open) {
            return Ok(Admitted::Open);
        }
        // Identity comes before existence: a stranger learns nothing about what is served.
        let (credential, actor) = self.identify(&call).await?;
        // Before anything else is done for the caller, and services were let in by those who were counted.
        let running = match credential.is_service() {
            true => Running::default(),
            false => self.limits.enter(&credential.id)?,
        };
        let access = access.ok_or(DoorError::UnknownMethod)?;
        access.check(&credential, &actor).map_err(|needed| DoorError::Role { needed })?;
        // One id for a call and everything that services do for it.
        let id = credential.is_service().then(|| given_id(call.headers)).flatten().unwrap_or(id);
        let traceparent = trace::traceparent(call.headers);
        let context = OpContext::new(actor, id, traceparent.as_deref(), self.source.clone());
        Ok(Admitted::Known(context, running))
    }
}

fn given_id(headers: &HeaderMap) -> Option<RequestId> {
    headers.get(REQUEST_ID_HEADER)?.to_str().ok()?.parse().ok()
}

/// The middleware. Health and reflection pass without identity and without a log line.
pub(crate) async fn door(State(door): State<Door>, mut request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    let method = path.trim_start_matches('/');
    let started = tokio::time::Instant::now();
    let id = door.source.new_id();
    let call = Call {
        path: &path,
        headers: request.headers(),
        in_process: request.extensions().get(),
        certificate: request.extensions().get(),
    };
    let (context, running) = match door.admit(call, id).await {
        Ok(Admitted::Open) => {
            let serving = Serving { id, trace_id: String::new() };
            return REQUEST.scope(serving, next.run(request)).await;
        }
        Ok(Admitted::Known(context, running)) => (context, running),
        Err(error) => {
            let given = trace::traceparent(request.headers()).unwrap_or_default();
            let serving = Serving { id, trace_id: trace_id(&given).to_owned() };
            let refusal = REQUEST.scope(serving, async { status(&error) }).await;
            tracing::warn!(rpc.method = method, request.id = %id, reason = %error.reason().0, "call refused");
            return stamp(refusal.into_http::<axum::body::Body>(), id);
        }
    };
    let id = context.request_id();
    // What services do for themselves is much and says little; what they look at all the time is not even traced.
    let quiet = context.actor().kind == ActorKind::Service;
    let span = match quiet && UPKEEP.iter().any(|name| method.starts_with(name)) {
        true => Span::none(),
        false => trace::server_span(method, id, context.actor(), request.headers()),
    };
    let context = match trace::traceparent_of(&span) {
        Some(own) => context.in_trace(Some(&own)),
        None => context,
    };
    let serving = Serving { id, trace_id: context.trace_id().to_owned() };
    request.extensions_mut().insert(context);
    let left = deadline::read(request.headers());
    let until = left.and_then(|left| started.checked_add(left));
    let answer =
        DEADLINE.scope(until, REQUEST.scope(serving.clone(), next.run(request))).instrument(span.clone());
    let response = match until {
        None => answer.await,
        Some(until) => match tokio::time::timeout_at(until, answer).await {
            Ok(response) => response,
            Err(_) => Status::deadline_exceeded("the call took longer than its caller waits").into_http(),
        },
    };
    let response = explain(response, serving).await.map(|body| running.until_sent(body));
    let code = Status::from_header_map(response.headers()).map_or(tonic::Code::Ok, |s| s.code());
    let elapsed_ms = started.elapsed().as_secs_f64() * 1000.0;
    trace::ended(&span, code);
    span.in_scope(|| {
        if quiet && code == tonic::Code::Ok {
            tracing::debug!(rpc.method = method, code = ?code, elapsed_ms, "call served");
        } else {
            tracing::info!(rpc.method = method, code = ?code, elapsed_ms, "call served");
        }
    });
    stamp(response, id)
}

fn stamp(mut response: Response, id: RequestId) -> Response {
    if let Ok(value) = http::HeaderValue::from_str(&id.to_string()) {
        response.headers_mut().insert(REQUEST_ID_HEADER, value);
    }
    response
}

#[derive(Debug, thiserror::Error)]
#[error("{message}")]
struct Transported {
    code: Code,
    reason: &'static str,
    message: String,
}

impl Fault for Transported {
    fn code(&self) -> Code {
        self.code
    }

    fn reason(&self) -> Reason {
        Reason::new(self.reason)
    }
}

/// Gives the errors that tonic makes itself (too large, undecodable, unknown method) the details that all others have.
async fn explain(response: Response, serving: Serving) -> Response {
    let Some(bare) = Status::from_header_map(response.headers()) else { return response };
    if bare.code() == tonic::Code::Ok || !bare.details().is_empty() {
        return response;
    }
    let message = bare.message().to_owned();
    let (code, reason, message) = match bare.code() {
        tonic::Code::OutOfRange | tonic::Code::ResourceExhausted => {
            (Code::ResourceExhausted, "MESSAGE_TOO_LARGE", message)
        }
        tonic::Code::Unimplemented => {
            (Code::Unimplemented, "METHOD_UNKNOWN", "the method is not served here".to_owned())
        }
        tonic::Code::Internal | tonic::Code::InvalidArgument if message.contains("decode") => {
            (Code::InvalidArgument, "MESSAGE_MALFORMED", "the message cannot be decoded".to_owned())
        }
        tonic::Code::Cancelled | tonic::Code::DeadlineExceeded => {
            (Code::DeadlineExceeded, "DEADLINE_EXCEEDED", message)
        }
        tonic::Code::Unavailable => (Code::Unavailable, "UNAVAILABLE", message),
        tonic::Code::Unauthenticated => (Code::Unauthenticated, "CREDENTIAL_MISSING", message),
        _ => (Code::Internal, "INTERNAL", message),
    };
    REQUEST.scope(serving, async { status(&Transported { code, reason, message }) }).await.into_http()
}

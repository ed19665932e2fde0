//! The services that notification asks and follows: logs, and of the gate the few methods that are called.

use std::collections::HashMap;
use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, LazyLock, Mutex};
use std::task::{Context, Poll};

use assent_core::Actor;
use assent_proto::approval::v1 as pb;
use assent_proto::plan::v1::{ApprovalRequirement, Plan, RiskAssessment, RiskLevel};
use assent_proto::review::v1::{PlanReviewSession, PlanReviewState};
use assent_proto::types::v1::Actor as PbActor;
use assent_rpc::{Access, accept};
use assent_runtime::{BuildError, Service, TaskSet, Wiring};
use assent_store::Db;
use prost::{Message, Name};
use tonic::body::Body;
use tonic::server::{Grpc, NamedService};
use tonic::service::RoutesBuilder;
use tonic::{Request, Response, Status};
use tonic_prost::ProstCodec;

/// What the gate knows. By default every session was asked for by an agent for Ada and waits for Bob and Cem.
pub(crate) struct World {
    pub(crate) review: PlanReviewSession,
    pub(crate) approvers: Vec<PbActor>,
    pub(crate) eligible: Vec<pb::EligibleApprover>,
    pub(crate) contacts: HashMap<String, pb::UserContacts>,
    /// Who voted: the actor, and the method with the version that was named.
    pub(crate) votes: Vec<(Actor, String)>,
    /// Whether it does not answer.
    pub(crate) away: bool,
}

pub(crate) type Shared = Arc<Mutex<World>>;

/// Worlds by their key, because a service is built from a configuration that can be written down.
static WORLDS: LazyLock<Mutex<HashMap<String, Shared>>> = LazyLock::new(Mutex::default);

impl World {
    pub(crate) fn new() -> Self {
        let review = PlanReviewSession {
            plan: Some(Plan { goal: "Export all users".to_owned(), ..Plan::default() }),
            state: PlanReviewState::Pending.into(),
            requester: Some(actor("agent")),
            on_behalf_of: "ada".to_owned(),
            current_version: 1,
            digest: "d".repeat(64),
            risk: Some(RiskAssessment {
                level: RiskLevel::High.into(),
                requirement: Some(ApprovalRequirement::default()),
                ..RiskAssessment::default()
            }),
            ..PlanReviewSession::default()
        };
        let approvers = vec![actor("bob"), actor("cem")];
        Self {
            review,
            approvers,
            eligible: Vec::new(),
            contacts: HashMap::new(),
            votes: Vec::new(),
            away: false,
        }
    }

    /// Says how somebody is reached.
    pub(crate) fn reach(&mut self, user: &str, addresses: pb::ContactAddresses) {
        let contacts = pb::UserContacts {
            user_id: user.to_owned(),
            name: user.to_uppercase(),
            addresses: Some(addresses),
            ..pb::UserContacts::default()
        };
        self.contacts.insert(user.to_owned(), contacts);
    }

    /// Lets somebody vote in another's place.
    pub(crate) fn delegate(&mut self, delegator: &str, user: &str) {
        let (user_id, delegator) = (user.to_owned(), delegator.to_owned());
        self.eligible.push(pb::EligibleApprover { user_id, delegator, ..Default::default() });
    }
}

/// Puts a world where a gate with this configuration finds it.
pub(crate) fn publish(key: &str, world: &Shared) {
    WORLDS.lock().unwrap().insert(key.to_owned(), Arc::clone(world));
}

pub(crate) fn actor(id: &str) -> PbActor {
    PbActor { id: id.to_owned(), roles: vec!["lead".to_owned()], ..PbActor::default() }
}

/// The gate.
pub(crate) struct Gate(Db, Shared);

impl Service for Gate {
    const NAME: &'static str = "approval-gate";
    const PORT: u16 = 0;
    const ACCESS: &'static [(&'static str, Access)] = &[
        ("/assent.approval.v1.ApprovalService/GetSession", Access::Authenticated),
        ("/assent.approval.v1.ApprovalService/Approve", Access::Authenticated),
        ("/assent.approval.v1.ApprovalService/Reject", Access::Authenticated),
        ("/assent.approval.v1.DirectoryService/ListEligibleApprovers", Access::Authenticated),
        ("/assent.approval.v1.DirectoryService/GetContacts", Access::Authenticated),
    ];
    type Config = String;

    async fn build(key: String, wiring: &Wiring) -> Result<Self, BuildError> {
        let world = WORLDS.lock().unwrap()[&key].clone();
        Ok(Self(wiring.database("approval_gate", &assent_events::MIGRATIONS).await?, world))
    }

    fn routes(&self, routes: &mut RoutesBuilder) {
        routes.add_service(Approvals(self.1.clone()));
        routes.add_service(Directory(self.1.clone()));
    }

    fn tasks(&self, _tasks: &mut TaskSet) {}

    fn database(&self) -> Option<&Db> {
        Some(&self.0)
    }
}

/// Services of which only the log is there.
macro_rules! logs {
    ($($service:ident = $name:literal, $schema:literal;)*) => {$(
        pub(crate) struct $service(Db);

        impl Service for $service {
            const NAME: &'static str = $name;
            const PORT: u16 = 0;
            const ACCESS: &'static [(&'static str, Access)] = &[];
            type Config = ();

            async fn build((): (), wiring: &Wiring) -> Result<Self, BuildError> {
                Ok(Self(wiring.database($schema, &assent_events::MIGRATIONS).await?))
            }

            fn routes(&self, _routes: &mut RoutesBuilder) {}

            fn tasks(&self, _tasks: &mut TaskSet) {}

            fn database(&self) -> Option<&Db> {
                Some(&self.0)
            }
        }
    )*};
}

logs! {
    Executor = "executor", "executor";
    Versioning = "versioning", "versioning";
}

#[derive(Clone)]
struct Approvals(Shared);

#[derive(Clone)]
struct Directory(Shared);

/// What is not played here is unknown, however many methods the contract has.
async fn play(world: Shared, request: http::Request<Body>) -> http::Response<Body> {
    if world.lock().unwrap().away {
        return Status::unavailable("away").into_http();
    }
    let method = request.uri().path().rsplit('/').next().unwrap_or_default().to_owned();
    match method.as_str() {
        "GetSession" => {
            unary(request, move |_, asked: pb::GetSessionRequest| {
                let review = world.lock().unwrap().review.clone();
                let session = PlanReviewSession { id: asked.session_id, ..review };
                Ok(pb::GetSessionResponse { session: Some(session), position: 0 })
            })
            .await
        }
        "ListEligibleApprovers" => {
            unary(request, move |_, _: pb::ListEligibleApproversRequest| {
                let world = world.lock().unwrap();
                let (approvers, eligible) = (world.approvers.clone(), world.eligible.clone());
                Ok(pb::ListEligibleApproversResponse { approvers, eligible })
            })
            .await
        }
        "GetContacts" => {
            unary(request, move |_, asked: pb::GetContactsRequest| {
                let world = world.lock().unwrap();
                let unknown =
                    |user_id: &String| pb::UserContacts { user_id: user_id.clone(), ..Default::default() };
                let of = |id: &String| world.contacts.get(id).cloned().unwrap_or_else(|| unknown(id));
                Ok(pb::GetContactsResponse { contacts: asked.user_ids.iter().map(of).collect() })
            })
            .await
        }
        "Approve" => {
            unary(request, move |actor, vote: pb::ApproveRequest| {
                world
                    .lock()
                    .unwrap()
                    .votes
                    .push((actor, format!("approve {}{}", vote.version, vote.delegator)));
                Ok(pb::ApproveResponse::default())
            })
            .await
        }
        "Reject" => {
            unary(request, move |actor, vote: pb::RejectRequest| {
                world
                    .lock()
                    .unwrap()
                    .votes
                    .push((actor, format!("reject {} for {}", vote.version, vote.delegator)));
                Ok(pb::RejectResponse::default())
            })
            .await
        }
        _ => Status::unimplemented("not played").into_http(),
    }
}

async fn unary<A, B>(
    request: http::Request<Body>,
    answer: impl Fn(Actor, A) -> Result<B, Status> + Clone + Send + 'static,
) -> http::Response<Body>
where
    A: Message + Name + Default + 'static,
    B: Message + Default + 'static,
{
    let handler = tower::service_fn(move |request: Request<A>| {
        let answer = answer.clone();
        async move {
            let (ctx, message) = accept(request)?;
            answer(ctx.actor().clone(), message).map(Response::new)
        }
    });
    Grpc::new(ProstCodec::<B, A>::default()).unary(handler, request).await
}

macro_rules! played {
    ($($service:ident = $name:literal;)*) => {$(
        impl NamedService for $service {
            const NAME: &'static str = $name;
        }

        impl tower::Service<http::Request<Body>> for $service {
            type Response = http::Response<Body>;
            type Error = Infallible;
            type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

            fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
                Poll::Ready(Ok(()))
            }

            fn call(&mut self, request: http::Request<Body>) -> Self::Future {
                let world = self.0.clone();
                Box::pin(async move { Ok(play(world, request).await) })
            }
        }
    )*};
}

played! {
    Approvals = "assent.approval.v1.ApprovalService";
    Directory = "assent.approval.v1.DirectoryService";
}

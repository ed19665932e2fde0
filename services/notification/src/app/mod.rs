//! Use cases.

mod channels;
mod deliver;
mod inbox;
mod preferences;
mod release;
mod remind;
mod retention;
mod tell;
mod vote;
mod watch;

pub(crate) use channels::ChannelState;
pub(crate) use inbox::Message;
pub(crate) use tell::{Addressed, Mail, Notice, Recipients, Telling};
pub(crate) use vote::Voted;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use assent_core::id::SessionId;
use assent_core::{Actor, ContextSource, OpContext};
use assent_events::{Log, Watching};
use assent_proto::approval::v1::approval_service_client::ApprovalServiceClient;
use assent_proto::approval::v1::directory_service_client::DirectoryServiceClient;
use assent_proto::approval::v1::{
    GetSessionRequest, ListEligibleApproversRequest, ListEligibleApproversResponse,
};
use assent_proto::review::v1::PlanReviewSession;
use assent_proto::types::v1::Actor as PbActor;
use assent_rpc::convert::Wire as _;
use assent_rpc::{RemoteFault, Transport, outbound};
use assent_store::Db;
use tokio::sync::watch as signal;

use crate::channels::Couriers;
use crate::contacts::Contacts;
use crate::domain::{Breaker, Channel, Policy, Retry};
use crate::error::NotificationError;
use crate::measure::DeliveryMetrics;
use crate::templates::Templates;

/// What the use cases work with.
pub(crate) struct App {
    pub(crate) db: Db,
    pub(crate) approvals: ApprovalServiceClient<Transport>,
    pub(crate) directory: DirectoryServiceClient<Transport>,
    pub(crate) contacts: Contacts,
    pub(crate) couriers: Couriers,
    pub(crate) templates: Arc<Templates>,
    pub(crate) rules: Rules,
    pub(crate) source: ContextSource,
    /// This service's own facts, by which inboxes are followed.
    pub(crate) log: Log,
    pub(crate) watching: Watching,
    /// Changes when something is to be sent.
    pub(crate) wake: signal::Sender<u64>,
    pub(crate) breakers: HashMap<Channel, Mutex<Breaker>>,
    /// What is measured.
    pub(crate) metrics: DeliveryMetrics,
}

/// What is configured of how people are told.
pub(crate) struct Rules {
    pub(crate) policy: Policy,
    pub(crate) retry: Retry,
    /// Attempts of one channel at the same time.
    pub(crate) concurrency: usize,
    /// Longest time of one attempt.
    pub(crate) attempt_timeout: Duration,
    /// Before the end of the time to decide; zero for never.
    pub(crate) expiring_soon: Duration,
    /// For how long it is kept what people were told.
    pub(crate) keep: Duration,
    /// Who is told of alarms.
    pub(crate) alarm_recipients: Vec<String>,
}

/// Those who may vote on a session now.
pub(crate) struct Eligible {
    pub(crate) approvers: Vec<PbActor>,
    /// In whose place, for those who may not for themselves.
    pub(crate) delegators: BTreeMap<String, String>,
}

impl Eligible {
    /// Their ids.
    pub(crate) fn ids(&self) -> Recipients {
        self.approvers.iter().map(|actor| actor.id.clone()).collect()
    }
}

impl App {
    /// The context of what this service does by itself.
    pub(crate) fn operation(&self) -> OpContext {
        self.source.operation(Actor::system(crate::NAME))
    }

    /// Wakes those who send.
    pub(crate) fn ring(&self) {
        self.wake.send_modify(|count| *count = count.wrapping_add(1));
    }

    /// Works on the breaker of a channel that is configured.
    pub(crate) fn with_breaker<T>(
        &self,
        channel: Channel,
        work: impl FnOnce(&mut Breaker) -> T,
    ) -> Option<T> {
        let breaker = self.breakers.get(&channel)?;
        Some(work(&mut breaker.lock().unwrap_or_else(PoisonError::into_inner)))
    }

    /// Those who may vote on `session` now; nobody when it is decided or gone.
    pub(crate) async fn eligible(
        &self,
        ctx: &OpContext,
        session: SessionId,
    ) -> Result<Eligible, NotificationError> {
        let request = ListEligibleApproversRequest { session_id: session.to_pb() };
        let answer = match self.directory.clone().list_eligible_approvers(outbound(ctx, request)).await {
            Ok(answer) => answer.into_inner(),
            Err(status) => absent(status.into()).map(|()| ListEligibleApproversResponse::default())?,
        };
        // Whoever may vote for themselves needs nobody's place.
        let own: Recipients = answer
            .eligible
            .iter()
            .filter(|way| way.delegator.is_empty())
            .map(|way| way.user_id.clone())
            .collect();
        let places = answer.eligible.into_iter().filter(|way| !own.contains(&way.user_id));
        let delegators = places.map(|way| (way.user_id, way.delegator)).collect();
        Ok(Eligible { approvers: answer.approvers, delegators })
    }

    /// Ids of those who may vote on `session` now.
    pub(crate) async fn approvers(
        &self,
        ctx: &OpContext,
        session: SessionId,
    ) -> Result<Recipients, NotificationError> {
        Ok(self.eligible(ctx, session).await?.ids())
    }

    /// A session; none when it is gone.
    pub(crate) async fn session(
        &self,
        ctx: &OpContext,
        session: SessionId,
    ) -> Result<Option<PlanReviewSession>, NotificationError> {
        let request = GetSessionRequest { session_id: session.to_pb(), brief_versions: true };
        match self.approvals.clone().get_session(outbound(ctx, request)).await {
            Ok(answer) => Ok(answer.into_inner().session),
            Err(status) => absent(status.into()).map(|()| None),
        }
    }
}

/// Whether a peer only says that the session does not exist.
fn absent(fault: RemoteFault) -> Result<(), NotificationError> {
    if fault.is("SESSION_NOT_FOUND") { Ok(()) } else { Err(fault.into()) }
}

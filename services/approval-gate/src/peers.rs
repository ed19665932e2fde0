//! The services that the gate asks. Never while a transaction is open.

use std::collections::BTreeMap;
use std::time::Duration;

use assent_core::id::SessionId;
use assent_core::{Digest, OpContext, Violation};
use assent_plan::{ItemId, Map, Money, RiskAssessment};
use assent_proto::plan::v1 as pb;
use assent_proto::planner::v1::planner_service_client::PlannerServiceClient;
use assent_proto::planner::v1::{CreatePlanRequest, RevisePlanRequest, RevisePlanResponse};
use assent_proto::review::v1::PlanComment;
use assent_proto::risk::v1::risk_service_client::RiskServiceClient;
use assent_proto::risk::v1::{AssessPlanRequest, GetPolicyRequest};
use assent_proto::versioning::v1 as versions;
use assent_proto::versioning::v1::versioning_service_client::VersioningServiceClient;
use assent_rpc::convert::Wire;
use assent_rpc::{MAX_MESSAGE_BYTES, RemoteFault, Transport, outbound, outbound_within};

use crate::domain::eligibility::Author;
use crate::domain::vote::Subject;
use crate::error::GateError;

/// Longest time that a plan is waited for: a language model may have to mend it twice.
const PLANNING: Duration = Duration::from_secs(300);

/// Planner, risk and versioning.
#[derive(Clone)]
pub(crate) struct Peers {
    risk: RiskServiceClient<Transport>,
    planner: PlannerServiceClient<Transport>,
    versioning: VersioningServiceClient<Transport>,
}

/// A seal on a version.
pub(crate) struct Seal {
    subject: Subject,
    ends: Option<prost_types::Timestamp>,
    /// Whether nobody else counts on it.
    own: bool,
}

/// A version, with the parts read that the gate goes by.
pub(crate) struct Version {
    /// As it came.
    pub(crate) message: pb::PlanVersion,
    pub(crate) subject: Subject,
    pub(crate) risk: RiskAssessment,
    /// Upper end of the estimate; none without one.
    pub(crate) cost_high: Option<Money>,
    /// Leaf of each item.
    pub(crate) leaves: BTreeMap<ItemId, Digest>,
}

/// A plan that becomes a version.
pub(crate) struct NewVersion {
    pub(crate) plan: pb::Plan,
    /// The version that it follows; 0 for the first.
    pub(crate) base: i32,
    /// Why.
    pub(crate) description: String,
    /// UUID under which it is made once; may be empty.
    pub(crate) request_id: String,
    /// Whether only to tell what it would be.
    pub(crate) validate_only: bool,
}

impl NewVersion {
    /// The first version of a session.
    pub(crate) fn first(plan: pb::Plan) -> Self {
        Self {
            plan,
            base: 0,
            description: "submitted for approval".to_owned(),
            request_id: String::new(),
            validate_only: false,
        }
    }
}

impl Peers {
    pub(crate) fn new(planner: Transport, risk: Transport, versioning: Transport) -> Self {
        // What they answer may hold a plan of the largest size and more.
        let planner = PlannerServiceClient::new(planner)
            .max_decoding_message_size(2 * MAX_MESSAGE_BYTES)
            .max_encoding_message_size(MAX_MESSAGE_BYTES);
        let versioning = VersioningServiceClient::new(versioning)
            .max_decoding_message_size(2 * MAX_MESSAGE_BYTES)
            .max_encoding_message_size(MAX_MESSAGE_BYTES);
        let risk = RiskServiceClient::new(risk)
            .max_decoding_message_size(MAX_MESSAGE_BYTES)
            .max_encoding_message_size(2 * MAX_MESSAGE_BYTES);
        Self { risk, planner, versioning }
    }

    /// A plan for `goal`.
    pub(crate) async fn create_plan(
        &self,
        ctx: &OpContext,
        goal: &str,
        context: &Map,
    ) -> Result<pb::Plan, GateError> {
        let request = CreatePlanRequest {
            goal: goal.to_owned(),
            context: Some(context.to_pb()),
            ..CreatePlanRequest::default()
        };
        let request = outbound_within(ctx, request, Some(PLANNING));
        let answer = self.planner.clone().create_plan(request).await.map_err(RemoteFault::from)?;
        answer.into_inner().plan.ok_or_else(|| unusable("planner", "there is no plan"))
    }

    /// Stores a plan as the next version of `session`, or tells what that would be.
    pub(crate) async fn create_version(
        &self,
        ctx: &OpContext,
        session: SessionId,
        wanted: NewVersion,
    ) -> Result<Version, GateError> {
        let request = versions::CreateVersionRequest {
            session_id: session.to_string(),
            plan: Some(wanted.plan),
            base_version: wanted.base,
            change_description: wanted.description,
            request_id: wanted.request_id,
            validate_only: wanted.validate_only,
        };
        let answer = self
            .versioning
            .clone()
            .create_version(outbound(ctx, request))
            .await
            .map_err(RemoteFault::from)?;
        read_version(answer.into_inner().version)
    }

    /// The plan as the planner changes it for `feedback` and `comments`.
    pub(crate) async fn revise_plan(
        &self,
        ctx: &OpContext,
        plan: pb::Plan,
        feedback: &str,
        comments: Vec<PlanComment>,
    ) -> Result<RevisePlanResponse, GateError> {
        let request = RevisePlanRequest {
            plan: Some(plan),
            feedback: feedback.to_owned(),
            comments,
            constraints: None,
        };
        let request = outbound_within(ctx, request, Some(PLANNING));
        let answer = self.planner.clone().revise_plan(request).await.map_err(RemoteFault::from)?;
        Ok(answer.into_inner())
    }

    /// What the version would be without some of its items, named so that dependents come first.
    pub(crate) async fn without(
        &self,
        ctx: &OpContext,
        session: SessionId,
        number: i32,
        items: Vec<String>,
    ) -> Result<pb::PlanVersion, GateError> {
        let remove = |item_id| {
            // Whoever needs it is gone before; the others wait for it no longer.
            let dependents = pb::DependentsChoice::Remove.into();
            let edit = pb::edit::Edit::RemoveWorkItem(pb::RemoveWorkItem { item_id, dependents });
            pb::Edit { edit: Some(edit) }
        };
        let request = versions::PreviewEditsRequest {
            session_id: session.to_string(),
            base_version: number,
            edits: items.into_iter().map(remove).collect(),
        };
        let answer = self.versioning.clone().preview_edits(outbound(ctx, request)).await;
        let version = answer.map_err(RemoteFault::from)?.into_inner().version;
        version.ok_or_else(|| unusable("versioning", "there is no version"))
    }

    /// Reads version `number` of a session.
    pub(crate) async fn version(
        &self,
        ctx: &OpContext,
        session: SessionId,
        number: i32,
    ) -> Result<pb::PlanVersion, GateError> {
        let request =
            versions::GetVersionRequest { session_id: session.to_string(), version_number: Some(number) };
        let answer =
            self.versioning.clone().get_version(outbound(ctx, request)).await.map_err(RemoteFault::from)?;
        answer.into_inner().version.ok_or_else(|| unusable("versioning", "there is no version"))
    }

    /// Every version of a session without its plan, newest first; in brief without changes, estimates and factors.
    pub(crate) async fn versions(
        &self,
        ctx: &OpContext,
        session: SessionId,
        brief: bool,
    ) -> Result<Vec<pb::PlanVersion>, GateError> {
        let mut all = Vec::new();
        let mut page_token = String::new();
        loop {
            let session_id = session.to_string();
            let request = versions::ListVersionsRequest { session_id, page_size: 0, page_token, brief };
            let answer = self.versioning.clone().list_versions(outbound(ctx, request)).await;
            let page = answer.map_err(RemoteFault::from)?.into_inner();
            all.extend(page.versions);
            if page.next_page_token.is_empty() {
                return Ok(all);
            }
            page_token = page.next_page_token;
        }
    }

    /// Who made the versions of a session.
    pub(crate) async fn authors(
        &self,
        ctx: &OpContext,
        session: SessionId,
    ) -> Result<Vec<Author>, GateError> {
        let versions = self.versions(ctx, session, true).await?;
        // A version without an author would let its author approve it.
        let authors = versions.into_iter().map(|made| {
            let author = made.modified_by?;
            Some(Author { version: made.version_number, id: author.id })
        });
        authors.collect::<Option<_>>().ok_or_else(|| unusable("versioning", "a version has no author"))
    }

    /// Digest of the policy in force.
    pub(crate) async fn policy_digest(&self, ctx: &OpContext) -> Result<Digest, GateError> {
        let answer =
            self.risk.clone().get_policy(outbound(ctx, GetPolicyRequest { digest_only: true })).await;
        let digest = answer.map_err(RemoteFault::from)?.into_inner().digest;
        Digest::from_pb(digest, "digest").map_err(|_| unusable("risk", "the policy has no digest"))
    }

    /// The risk of a plan under the policy in force.
    pub(crate) async fn assess(&self, ctx: &OpContext, plan: pb::Plan) -> Result<RiskAssessment, GateError> {
        let request = AssessPlanRequest { plan: Some(plan) };
        let answer =
            self.risk.clone().assess_plan(outbound(ctx, request)).await.map_err(RemoteFault::from)?;
        let risk = answer.into_inner().risk.ok_or_else(|| unusable("risk", "there is no assessment"))?;
        RiskAssessment::from_pb(risk, "risk").map_err(|_| unusable("risk", "the assessment cannot be read"))
    }

    /// Keeps the version from being superseded while a decision on it is made.
    pub(crate) async fn seal(
        &self,
        ctx: &OpContext,
        session: SessionId,
        subject: Subject,
    ) -> Result<Seal, GateError> {
        let request = versions::SealVersionRequest {
            session_id: session.to_string(),
            version_number: subject.version,
            digest: subject.digest.to_string(),
            lease: None,
        };
        let answer = self.versioning.clone().seal_version(outbound(ctx, request)).await;
        let answer = answer.map_err(RemoteFault::from)?.into_inner();
        Ok(Seal { subject, ends: answer.seal_expire_time, own: !answer.prolonged })
    }

    /// Lets the plan be edited again at once after a decision that came to nothing. Where that fails, or others count
    /// on the seal, it runs out by itself.
    pub(crate) async fn release(&self, ctx: &OpContext, session: SessionId, seal: Seal) {
        if !seal.own {
            return;
        }
        let request = versions::ReleaseSealRequest {
            session_id: session.to_string(),
            version_number: seal.subject.version,
            digest: seal.subject.digest.to_string(),
            seal_expire_time: seal.ends,
        };
        if let Err(error) = self.versioning.clone().release_seal(outbound(ctx, request)).await {
            tracing::warn!(session.id = %session, error = error.message(), "a seal is not released");
        }
    }
}

pub(crate) fn unusable(peer: &'static str, problem: &str) -> GateError {
    GateError::Answer { peer, problem: problem.to_owned() }
}

/// The most that a plan may cost; none where nobody can say, which counts as more than any amount.
pub(crate) fn cost_high(estimate: Option<&pb::PlanEstimate>) -> Option<Money> {
    let cost = estimate?.cost_high.clone()?;
    Money::from_pb(cost, "cost_high").ok()
}

fn read_version(message: Option<pb::PlanVersion>) -> Result<Version, GateError> {
    let message = message.ok_or_else(|| unusable("versioning", "there is no version"))?;
    let malformed = |violations: Vec<Violation>| {
        let texts: Vec<_> = violations.iter().map(|v| format!("{}: {}", v.field, v.description)).collect();
        unusable("versioning", &texts.join("; "))
    };
    let risk = message.risk.clone().ok_or_else(|| unusable("versioning", "the version has no risk"))?;
    Ok(Version {
        cost_high: cost_high(message.estimate.as_ref()),
        subject: Subject {
            version: message.version_number,
            digest: Digest::from_pb(message.digest.clone(), "digest").map_err(malformed)?,
        },
        risk: RiskAssessment::from_pb(risk, "risk").map_err(malformed)?,
        leaves: Wire::from_pb(message.item_digests.clone(), "item_digests").map_err(malformed)?,
        message,
    })
}

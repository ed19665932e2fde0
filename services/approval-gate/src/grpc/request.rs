//! Reading what is submitted, voted and filtered.

use std::collections::BTreeSet;
use std::time::Duration;

use assent_core::grant::Amends;
use assent_core::id::SessionId;
use assent_core::{Digest, OpContext, Violation};
use assent_plan::{Channel, Map, RiskLevel, Span, TimeoutAction};
use assent_proto::approval::v1 as pb;
use assent_proto::review::v1 as review;
use assent_rpc::convert::{Field, Refused, read_message};
use prost::Message as _;

use crate::app::{Plan, Submission};
use crate::domain::options::{LONGEST_TIMEOUT, Mode, Options, SHORTEST_TIMEOUT, Urgency};
use crate::domain::state::State;
use crate::domain::vote::{Ballot, Choice, Subject};
use crate::error::GateError;
use crate::store::session_list::{Filter, Order};

/// Time that a waiting call takes when it names none.
const DEFAULT_WAIT: Duration = Duration::from_secs(60);
/// Longest time that one call waits.
const LONGEST_WAIT: Duration = Duration::from_secs(600);

pub(super) fn submission(
    ctx: &OpContext,
    request: pb::SubmitForApprovalRequest,
) -> Result<Submission, GateError> {
    let hash = Digest::of(&[&request.encode_to_vec()]);
    let (on_behalf_of, request_id) = (request.on_behalf_of, request.request_id);
    let (amended, amended_item) = (request.amends_session_id.clone(), request.amends_item_id.clone());
    let read = read_message("", |at| {
        let amends = amends(ctx, amended, amended_item, at);
        let plan = plan(request.goal, request.plan, request.context, at);
        let mode = at.field("mode").optional_choice::<Mode>(request.mode);
        let options = options(request.options.unwrap_or_default(), &at.field("options"));
        let on_behalf_of = for_whom(ctx, on_behalf_of, &at.field("on_behalf_of"));
        Ok((plan?, mode?, Options { amends: amends?, ..options? }, on_behalf_of?))
    });
    let (plan, mode, options, on_behalf_of) = read.map_err(GateError::invalid)?;
    Ok(Submission {
        plan,
        options,
        mode,
        on_behalf_of,
        validate_only: request.validate_only,
        request_id,
        hash,
    })
}

/// The person for whom it is asked: the one whom the credential proves, where it proves one, and then nobody else.
fn for_whom(ctx: &OpContext, said: String, field: &Field<'_>) -> Result<String, Refused> {
    let proven = &ctx.actor().on_behalf_of;
    if proven.is_empty() || said == *proven {
        return Ok(said);
    }
    if said.is_empty() {
        Ok(proven.clone())
    } else {
        Err(field.refuse("NOT_PROVEN", "is not whom the credential names"))
    }
}

/// Which running execution the plan is a part of.
fn amends(ctx: &OpContext, session: String, item: String, at: &Field<'_>) -> Result<Option<Amends>, Refused> {
    if session.is_empty() && item.is_empty() {
        return Ok(None);
    }
    let field = at.field("amends_session_id");
    if !ctx.actor().is_service() {
        return Err(field.refuse("SERVICE_ONLY", "is for Assent's services"));
    }
    Ok(Some(Amends { session: field.read(session)?, item }))
}

fn plan(
    goal: String,
    plan: Option<assent_proto::plan::v1::Plan>,
    context: Option<prost_types::Struct>,
    at: &Field<'_>,
) -> Result<Plan, Refused> {
    match (goal.trim().is_empty(), plan) {
        (true, None) => Err(at.field("goal").refuse("REQUIRED", "give a goal, or a plan")),
        (false, Some(_)) => {
            Err(at.field("goal").refuse("CONFLICT", "give either a goal or a plan, not both"))
        }
        (true, Some(_)) if context.is_some() => {
            Err(at.field("context").refuse("CONFLICT", "goes with a goal; a plan has a context of its own"))
        }
        (true, Some(plan)) => Ok(Plan::Ready(Box::new(plan))),
        (false, None) => {
            let context: Option<Map> = at.field("context").optional(context)?;
            Ok(Plan::Goal { goal, context: context.unwrap_or_default() })
        }
    }
}

fn options(pb: review::ApprovalRequestOptions, at: &Field<'_>) -> Result<Options, Refused> {
    let defaults = Options::default();
    let timeout = timeout(pb.approval_timeout, &at.field("approval_timeout"));
    let action = at.field("timeout_action").optional_choice::<TimeoutAction>(pb.timeout_action);
    let authorized = named(pb.authorized_approvers, &at.field("authorized_approvers"));
    let priority = at.field("priority").optional_choice::<Urgency>(pb.priority);
    let channels = at.field("notify_on");
    let notify_on: Vec<_> = pb
        .notify_on
        .iter()
        .enumerate()
        .map(|(i, number)| channels.index(i).choice::<Channel>(*number))
        .collect();
    Ok(Options {
        require_explicit_approval: pb.require_explicit_approval,
        approval_timeout: timeout?,
        timeout_action: action?,
        authorized_approvers: authorized?,
        reviewer_message: pb.reviewer_message,
        priority: priority?.unwrap_or(defaults.priority),
        allow_partial_approval: pb.allow_partial_approval.unwrap_or(defaults.allow_partial_approval),
        show_estimates: pb.show_estimates.unwrap_or(defaults.show_estimates),
        allow_work_item_comments: pb.allow_work_item_comments.unwrap_or(defaults.allow_work_item_comments),
        notify_on: notify_on.into_iter().collect::<Result<_, _>>()?,
        amends: None,
    })
}

fn timeout(pb: Option<prost_types::Duration>, at: &Field<'_>) -> Result<Option<Span>, Refused> {
    let given: Option<Duration> = at.optional(pb)?;
    match given {
        Some(time) if !(SHORTEST_TIMEOUT..=LONGEST_TIMEOUT).contains(&time) => {
            Err(at.refuse("OUT_OF_RANGE", "must be between 1 second and 90 days"))
        }
        given => Ok(given.map(Span::from)),
    }
}

fn named(users: Vec<String>, at: &Field<'_>) -> Result<Vec<String>, Refused> {
    match users.iter().position(String::is_empty) {
        Some(index) => Err(at.index(index).refuse("REQUIRED", "must be the id of a user")),
        None => Ok(users),
    }
}

pub(super) fn approval(request: pb::ApproveRequest) -> Result<(SessionId, Ballot), GateError> {
    let read = read_message("", |at| {
        let session = at.field("session_id").read(request.session_id);
        let subject = subject(request.version, request.digest, at);
        let conditions = at.field("conditions").list(request.conditions);
        let items: BTreeSet<String> = request.items.into_iter().collect();
        let ballot = Ballot {
            subject: subject?,
            choice: Choice::Approve,
            reason: request.reason,
            items: (!items.is_empty()).then_some(items),
            conditions: conditions?,
        };
        Ok((session?, ballot))
    });
    read.map_err(GateError::invalid)
}

pub(super) fn rejection(request: pb::RejectRequest) -> Result<(SessionId, Ballot), GateError> {
    let read = read_message("", |at| {
        let session = at.field("session_id").read(request.session_id);
        let ballot = Ballot {
            subject: subject(request.version, request.digest, at)?,
            choice: Choice::Reject,
            reason: request.reason,
            items: None,
            conditions: Vec::new(),
        };
        Ok((session?, ballot))
    });
    read.map_err(GateError::invalid)
}

pub(super) fn emergency(request: pb::BreakGlassRequest) -> Result<(SessionId, Subject), GateError> {
    let read = read_message("", |at| {
        let session = at.field("session_id").read(request.session_id);
        let subject = subject(request.version, request.digest, at);
        Ok((session?, subject?))
    });
    read.map_err(GateError::invalid)
}

fn subject(version: i32, digest: String, at: &Field<'_>) -> Result<Subject, Refused> {
    Ok(Subject { version, digest: at.field("digest").read(digest)? })
}

pub(super) fn filter(request: &pb::ListSessionsRequest) -> Result<Filter, GateError> {
    let read = read_message("", |at| {
        let states = at.field("states");
        let states: Vec<_> = request
            .states
            .iter()
            .enumerate()
            .map(|(i, number)| states.index(i).choice::<State>(*number))
            .collect();
        let risk_level = at.field("risk_level").optional_choice::<RiskLevel>(request.risk_level);
        let priority = at.field("priority").optional_choice::<Urgency>(request.priority);
        let order = at.field("order").optional_choice::<Order>(request.order);
        let created_from = at.field("created_from").optional(request.created_from);
        let created_before = at.field("created_before").optional(request.created_before);
        let expires_before = at.field("expires_before").optional(request.expires_before);
        let given = |id: &String| Some(id.clone()).filter(|id| !id.is_empty());
        Ok(Filter {
            states: states.into_iter().collect::<Result<_, _>>()?,
            requester: given(&request.requester),
            risk_level: risk_level?,
            on_behalf_of: given(&request.on_behalf_of),
            assigned_reviewer: given(&request.assigned_reviewer),
            priority: priority?,
            created_from: created_from?,
            created_before: created_before?,
            expires_before: expires_before?,
            overdue: request.overdue,
            order: order?.unwrap_or(Order::Newest),
        })
    });
    read.map_err(GateError::invalid)
}

pub(super) fn wait(timeout: Option<prost_types::Duration>) -> Result<Duration, GateError> {
    let read = read_message("timeout", |at| match at.optional::<Duration>(timeout)? {
        None => Ok(DEFAULT_WAIT),
        Some(time) if time > LONGEST_WAIT => Err(at.refuse("OUT_OF_RANGE", "must be at most 10 minutes")),
        Some(time) => Ok(time),
    });
    read.map_err(GateError::invalid)
}

/// A request with this one violation.
pub(super) fn refused(violation: Violation) -> GateError {
    GateError::invalid(vec![violation])
}

#[cfg(test)]
mod tests {
    use assent_core::{Actor, Clock, ContextSource};

    use assent_core::Fault as _;

    use super::*;

    fn codes(request: pb::SubmitForApprovalRequest) -> Vec<(String, String)> {
        let error = submission(&context(), request).err().expect("must be refused");
        error.violations().into_iter().map(|v| (v.field, v.code.into_owned())).collect()
    }

    fn with(options: review::ApprovalRequestOptions) -> pb::SubmitForApprovalRequest {
        pb::SubmitForApprovalRequest { goal: "g".to_owned(), options: Some(options), ..Default::default() }
    }

    fn context() -> OpContext {
        let now = assent_core::Timestamp::from_micros(0).unwrap();
        ContextSource::seeded(Clock::manual(now), 1).operation(Actor::system("test"))
    }

    #[test]
    fn exactly_one_of_goal_and_plan() {
        assert_eq!(codes(Default::default()), [("goal".to_owned(), "REQUIRED".to_owned())]);
        let both =
            pb::SubmitForApprovalRequest { plan: Some(Default::default()), ..with(Default::default()) };
        assert_eq!(codes(both), [("goal".to_owned(), "CONFLICT".to_owned())]);
    }

    #[test]
    fn absent_options_mean_what_the_contract_says() {
        let read = submission(&context(), with(Default::default())).map_err(|e| e.to_string()).unwrap();
        assert_eq!(read.options, Options::default());
        assert_eq!(read.mode, None);
    }

    #[test]
    fn every_bad_option_is_reported_at_once() {
        let options = review::ApprovalRequestOptions {
            approval_timeout: Some(prost_types::Duration { seconds: 0, nanos: 1 }),
            timeout_action: 99,
            authorized_approvers: vec!["ada".to_owned(), String::new()],
            notify_on: vec![0],
            ..Default::default()
        };
        let expected = [
            ("options.approval_timeout", "OUT_OF_RANGE"),
            ("options.timeout_action", "UNKNOWN_ENUM"),
            ("options.authorized_approvers[1]", "REQUIRED"),
            ("options.notify_on[0]", "REQUIRED"),
        ];
        assert_eq!(codes(with(options)), expected.map(|(f, c)| (f.to_owned(), c.to_owned())));
    }

    #[test]
    fn a_wait_is_bounded() {
        let seconds = |seconds| Some(prost_types::Duration { seconds, nanos: 0 });
        assert_eq!(wait(None).map_err(|e| e.to_string()), Ok(DEFAULT_WAIT));
        assert_eq!(wait(seconds(600)).map_err(|e| e.to_string()), Ok(LONGEST_WAIT));
        assert!(wait(seconds(601)).is_err() && wait(seconds(-1)).is_err());
    }
}

//! What can go wrong here, and what it means to a caller.

use std::time::Duration;

use assent_core::id::{CommentKind, DelegationKind, GrantKind, SessionId};
use assent_core::{Code, Fault, Id, Reason, Violation};
use assent_evidence::bundle::SealError;
use assent_plan::RiskLevel;
use assent_rpc::{InvalidRequest, RemoteFault, status};
use assent_store::StoreError;
use assent_store::idempotency::IdempotencyError;

use crate::domain::comment::CommentRefusal;
use crate::domain::deadline::{BadDeadline, NewDeadline};
use crate::domain::eligibility::Ineligible;
use crate::domain::license::{Feature, Tier};
use crate::domain::session::Refusal;
use crate::domain::state::State;
use crate::domain::vote::Subject;
use crate::signer::KeyError;

/// When a call that found too many waiting may be tried again.
const WAIT_AGAIN: Duration = Duration::from_secs(5);

/// An error of the approval gate.
#[derive(Debug, thiserror::Error)]
pub enum GateError {
    /// No such session.
    #[error("there is no session {0}")]
    UnknownSession(SessionId),
    /// The session never had that grant.
    #[error("the session never had the grant {0}")]
    UnknownGrant(Id<GrantKind>),
    /// The state does not allow it.
    #[error("the session is {state}{}", allowed_text(*.state))]
    State {
        /// The session.
        session: SessionId,
        /// Its state.
        state: State,
    },
    /// The caller may not decide on the session.
    #[error("{}", .0.explanation())]
    NotEligible(Ineligible),
    /// The caller saw another version than the current one.
    #[error("the current version is {} with digest {}; look at it again", .0.version, .0.digest)]
    Outdated(Subject),
    /// The policy is another than the one that assessed the plan.
    #[error("the policy has changed; the plan was assessed anew and is {level} now: look at it again")]
    PolicyChanged {
        /// The session.
        session: SessionId,
        /// The risk under the policy in force.
        level: RiskLevel,
    },
    /// The caller voted otherwise on this version.
    #[error("you have voted otherwise on this version, and a vote stands")]
    VoteExists,
    /// Nobody of that id is known.
    #[error("there is no user {0}")]
    UnknownUser(String),
    /// No such delegation.
    #[error("there is no delegation {0}")]
    UnknownDelegation(Id<DelegationKind>),
    /// Only holders of a role may do it.
    #[error("requires one of the roles: {}", .0.join(", "))]
    RoleRequired(&'static [&'static str]),
    /// No such comment.
    #[error("there is no comment {0}")]
    UnknownComment(Id<CommentKind>),
    /// The comment does not allow it, or the caller may not.
    #[error("{}", .refusal.explanation())]
    Comment {
        /// Its session.
        session: SessionId,
        /// The comment.
        comment: Id<CommentKind>,
        /// Why.
        refusal: CommentRefusal,
    },
    /// The requester wants no comments on single items.
    #[error("the requester of session {0} wants comments on the plan and its estimate only")]
    ItemCommentsOff(SessionId),
    /// The author comments too fast.
    #[error("you may write {most} comments within a minute")]
    CommentRate {
        /// How many comments are allowed within a minute.
        most: u32,
        /// When the next one is.
        retry_after: Duration,
    },
    /// The session has as many comments as it may have.
    #[error("session {0} has as many comments as a session may have")]
    CommentLimit(SessionId),
    /// The policy wants every concern settled before the approval.
    #[error("the policy wants every concern resolved before the approval; {} are open", .open.len())]
    OpenConcerns {
        /// The session.
        session: SessionId,
        /// The concerns.
        open: Vec<Id<CommentKind>>,
    },
    /// No head of the log is signed, or none of that size.
    #[error("there is no signed tree head {}", if *.0 == 0 { "yet".to_owned() } else { format!("of size {}", .0) })]
    NoTreeHead(i64),
    /// The log over all chains lacks a part.
    #[error("the log over all audit chains is damaged")]
    LogDamaged,
    /// Items are named, and the requester wants all or nothing.
    #[error("the requester wants the whole plan approved or rejected, not some of its items")]
    PartialNotAllowed,
    /// The items alone are riskier than the whole plan.
    #[error(
        "these items alone are {subset}, and the whole plan is {whole}; approve others or ask for a change"
    )]
    RiskierSubset {
        /// Of the plan that was assessed.
        whole: RiskLevel,
        /// Of the items.
        subset: RiskLevel,
    },
    /// Too many calls wait for decisions.
    #[error("too many calls wait for decisions; ask again later")]
    TooManyWaits,
    /// There is no signing key.
    #[error("there is no key to sign grants with")]
    Key(#[source] KeyError),
    /// The license lacks a feature.
    #[error("the license {tier} does not have {feature}; {} does", .feature.tier())]
    NotLicensed {
        /// The feature.
        feature: Feature,
        /// The license.
        tier: Tier,
    },
    /// The request is not well-formed.
    #[error(transparent)]
    Invalid(#[from] InvalidRequest),
    /// The request id was used before.
    #[error(transparent)]
    Idempotency(#[from] IdempotencyError),
    /// Another service refused.
    #[error(transparent)]
    Remote(#[from] RemoteFault),
    /// Another service's answer makes no sense.
    #[error("the answer of {peer} is unusable: {problem}")]
    Answer {
        /// The service.
        peer: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// An entry of the audit cannot be written down.
    #[error("an audit entry has no canonical form")]
    Audit(#[from] serde_json::Error),
    /// A grant cannot be signed.
    #[error("a grant cannot be signed")]
    Sign(#[from] jsonwebtoken::errors::Error),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn allowed_text(state: State) -> String {
    match state.allowed().as_slice() {
        [] => "; nothing can be done with it any more".to_owned(),
        allowed => format!("; possible now: {}", allowed.join(", ")),
    }
}

impl GateError {
    /// What `refusal` means for `session`.
    pub(crate) fn refused(session: SessionId) -> impl Fn(Refusal) -> Self {
        move |refusal| match refusal {
            Refusal::State(state) => Self::State { session, state },
            Refusal::NotEligible(why) => Self::NotEligible(why),
            Refusal::Outdated(current) => Self::Outdated(current),
            Refusal::VoteExists => Self::VoteExists,
        }
    }

    /// A deadline that cannot be.
    pub(crate) fn deadline(asked: NewDeadline, bad: BadDeadline) -> Self {
        let field = match asked {
            NewDeadline::At(_) => "expire_time",
            NewDeadline::Later(_) => "extension",
        };
        Self::invalid(vec![Violation::new(field, "OUT_OF_RANGE", bad.to_string())])
    }

    /// A request with violations.
    pub(crate) fn invalid(violations: Vec<Violation>) -> Self {
        Self::Invalid(InvalidRequest(violations))
    }

    /// Whether somebody else was faster, so that reading again may help.
    pub(crate) fn is_conflict(&self) -> bool {
        matches!(
            self,
            Self::Store(StoreError::Conflict)
                | Self::Idempotency(IdempotencyError::Store(StoreError::Conflict))
        )
    }

    /// The error that knows for itself, where there is one.
    fn inner(&self) -> Option<&dyn Fault> {
        match self {
            Self::Invalid(error) => Some(error),
            Self::Idempotency(error) => Some(error),
            Self::Remote(error) => Some(error),
            Self::Store(error) => Some(error),
            _ => None,
        }
    }
}

impl Fault for GateError {
    fn code(&self) -> Code {
        match self {
            Self::UnknownSession(_)
            | Self::UnknownComment(_)
            | Self::UnknownGrant(_)
            | Self::UnknownUser(_)
            | Self::UnknownDelegation(_)
            | Self::NoTreeHead(_) => Code::NotFound,
            Self::State { .. } | Self::VoteExists | Self::PartialNotAllowed | Self::RiskierSubset { .. } => {
                Code::FailedPrecondition
            }
            Self::Comment { refusal, .. } if refusal.is_about_caller() => Code::PermissionDenied,
            Self::Comment { .. } | Self::ItemCommentsOff(_) | Self::OpenConcerns { .. } => {
                Code::FailedPrecondition
            }
            Self::CommentRate { .. } | Self::CommentLimit(_) | Self::TooManyWaits => Code::ResourceExhausted,
            Self::NotLicensed { .. } => Code::PermissionDenied,
            Self::NotEligible(_) | Self::RoleRequired(_) => Code::PermissionDenied,
            Self::Outdated(_) | Self::PolicyChanged { .. } => Code::Aborted,
            other => other.inner().map_or(Code::Internal, Fault::code),
        }
    }

    fn reason(&self) -> Reason {
        match self {
            Self::UnknownSession(_) => Reason::new("SESSION_NOT_FOUND"),
            Self::UnknownGrant(_) => Reason::new("GRANT_NOT_FOUND"),
            Self::UnknownUser(_) => Reason::new("USER_NOT_FOUND"),
            Self::UnknownDelegation(_) => Reason::new("DELEGATION_NOT_FOUND"),
            Self::RoleRequired(_) => Reason::new("ROLE_REQUIRED"),
            Self::State { .. } => Reason::new("SESSION_STATE"),
            Self::VoteExists => Reason::new("VOTE_EXISTS"),
            Self::PartialNotAllowed => Reason::new("PARTIAL_NOT_ALLOWED"),
            Self::RiskierSubset { .. } => Reason::new("SUBSET_RISK_HIGHER"),
            Self::TooManyWaits => Reason::new("TOO_MANY_WAITS"),
            Self::NotEligible(_) => Reason::new("NOT_ELIGIBLE"),
            Self::PolicyChanged { .. } => Reason::new("POLICY_CHANGED"),
            Self::UnknownComment(_) => Reason::new("COMMENT_NOT_FOUND"),
            Self::Comment { refusal, .. } if refusal.is_about_caller() => Reason::new("COMMENT_FORBIDDEN"),
            Self::Comment { .. } => Reason::new("COMMENT_STATE"),
            Self::ItemCommentsOff(_) => Reason::new("ITEM_COMMENTS_OFF"),
            Self::CommentRate { .. } => Reason::new("COMMENT_RATE_LIMITED"),
            Self::CommentLimit(_) => Reason::new("COMMENT_LIMIT_REACHED"),
            Self::OpenConcerns { .. } => Reason::new("OPEN_CONCERNS"),
            Self::NotLicensed { .. } => Reason::new("FEATURE_NOT_LICENSED"),
            Self::NoTreeHead(_) => Reason::new("TREE_HEAD_NOT_FOUND"),
            Self::LogDamaged => Reason::new("DATA_CORRUPT"),
            Self::Outdated(_) => Reason::new("VERSION_CONFLICT"),
            other => other.inner().map_or(Reason::new("INTERNAL"), Fault::reason),
        }
    }

    fn metadata(&self) -> Vec<(String, String)> {
        let named = |pairs: &[(&str, String)]| {
            pairs.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect::<Vec<_>>()
        };
        match self {
            Self::UnknownSession(session) => named(&[("session_id", session.to_string())]),
            Self::UnknownUser(user) => named(&[("user_id", user.clone())]),
            Self::UnknownDelegation(delegation) => named(&[("delegation_id", delegation.to_string())]),
            Self::RoleRequired(roles) => named(&[("roles", roles.join(","))]),
            Self::State { session, state } => named(&[
                ("session_id", session.to_string()),
                ("state", state.to_string()),
                ("allowed", state.allowed().join(",")),
            ]),
            Self::NotEligible(why) => named(&[("why", why.as_str().to_owned())]),
            Self::PolicyChanged { session, level } => {
                named(&[("session_id", session.to_string()), ("risk_level", level.to_string())])
            }
            Self::UnknownComment(comment) => named(&[("comment_id", comment.to_string())]),
            Self::Comment { session, comment, refusal } => named(&[
                ("session_id", session.to_string()),
                ("comment_id", comment.to_string()),
                (if refusal.is_about_caller() { "why" } else { "state" }, refusal.as_str().to_owned()),
            ]),
            Self::ItemCommentsOff(session) | Self::CommentLimit(session) => {
                named(&[("session_id", session.to_string())])
            }
            Self::CommentRate { most, .. } => named(&[("comments_per_minute", most.to_string())]),
            Self::OpenConcerns { session, open } => named(&[
                ("session_id", session.to_string()),
                ("comments", open.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")),
            ]),
            Self::NotLicensed { feature, tier } => named(&[
                ("feature", feature.to_string()),
                ("license", tier.to_string()),
                ("needs", feature.tier().to_string()),
            ]),
            Self::NoTreeHead(size) => named(&[("tree_size", size.to_string())]),
            Self::RiskierSubset { whole, subset } => {
                named(&[("whole", whole.to_string()), ("subset", subset.to_string())])
            }
            Self::Outdated(current) => {
                named(&[("version", current.version.to_string()), ("digest", current.digest.to_string())])
            }
            other => other.inner().map(Fault::metadata).unwrap_or_default(),
        }
    }

    fn violations(&self) -> Vec<Violation> {
        self.inner().map(Fault::violations).unwrap_or_default()
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::CommentRate { retry_after, .. } => Some(*retry_after),
            Self::TooManyWaits => Some(WAIT_AGAIN),
            other => other.inner().and_then(Fault::retry_after),
        }
    }
}

impl From<KeyError> for GateError {
    fn from(error: KeyError) -> Self {
        match error {
            KeyError::Store(error) => Self::Store(error),
            other => Self::Key(other),
        }
    }
}

impl From<SealError<jsonwebtoken::errors::Error>> for GateError {
    fn from(error: SealError<jsonwebtoken::errors::Error>) -> Self {
        match error {
            SealError::Canonical(error) => Self::Audit(error),
            SealError::Sign(error) => Self::Sign(error),
        }
    }
}

impl From<GateError> for tonic::Status {
    fn from(error: GateError) -> Self {
        status(&error)
    }
}

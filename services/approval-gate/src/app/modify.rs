//! Having the planner change a plan. What is asked is kept first; a job asks the planner, on whichever replica, until
//! there is a new version or it is given up.

use std::time::Duration;

use assent_core::id::SessionId;
use assent_core::{Actor, Fault, OpContext};
use assent_events::append;
use assent_plan::redact::redact;
use assent_proto::event::v1::event::Payload;
use assent_proto::event::v1::{PlanModificationFailed, PlanModificationRequested};
use assent_proto::review::v1::PlanComment;
use serde_json::json;

use super::adopt::Made;
use super::comment_read::{Thread, threads};
use super::measure::Before;
use super::once::retried;
use super::record::{audit, resumed};
use super::{App, Once, View};
use crate::domain::comment::Comment;
use crate::domain::modification::{Modification, ModificationState};
use crate::domain::session::Session;
use crate::domain::state::{Fact, State};
use crate::domain::vote::Subject;
use crate::error::GateError;
use crate::grpc::comment::comment_to_pb;
use crate::grpc::convert::modification_request_to_pb;
use crate::peers::NewVersion;
use crate::store;

/// In whose name a plan is changed: the reviewer who asked for it is no author.
const PLANNER: &str = "planner";
/// How long a replica has for one revision before another one tries.
const LEASE: Duration = Duration::from_secs(300);
/// Threads that the planner is shown at most.
const MOST_COMMENTS: usize = 500;
/// Longest description of a version, in bytes.
const LONGEST_DESCRIPTION: usize = 4096;

/// What the planner is to change.
pub(crate) struct Feedback {
    pub(crate) subject: Subject,
    pub(crate) feedback: String,
    pub(crate) comment_ids: Vec<String>,
}

/// What the planner made of it.
struct Revised {
    made: Made,
    explanation: String,
    answered: Vec<String>,
}

impl App {
    /// Notes what the planner is to change.
    pub(crate) async fn request_modification(
        &self,
        ctx: &OpContext,
        id: SessionId,
        wish: Feedback,
        once: &Once,
    ) -> Result<View, GateError> {
        let wish = Feedback { feedback: redact(&wish.feedback).into_owned(), ..wish };
        let session = retried(|| self.try_request(ctx, id, &wish, once)).await?;
        self.summary(session).await
    }

    async fn try_request(
        &self,
        ctx: &OpContext,
        id: SessionId,
        wish: &Feedback,
        once: &Once,
    ) -> Result<Session, GateError> {
        let caller = self.voter(ctx, "").await?;
        let mut tx = self.db.begin().await?;
        let session = store::session::lock(&mut tx, id).await?;
        let mut session = session.ok_or(GateError::UnknownSession(id))?;
        session.electorate(&[]).may_reject(&caller.actor, &caller.seat).map_err(GateError::NotEligible)?;
        if once.recall::<()>(&mut tx, ctx).await?.is_some() {
            return Ok(session);
        }
        let ctx = &resumed(ctx, &session);
        let (before, now) = (Before::of(&session), ctx.now());
        session.state = session.after(Fact::ModificationRequested, now).map_err(GateError::refused(id))?;
        if wish.subject != session.subject {
            return Err(GateError::Outdated(session.subject));
        }
        let modification = Modification {
            id: ctx.source().new_uuid().to_string(),
            subject: wish.subject,
            feedback: wish.feedback.clone(),
            comment_ids: wish.comment_ids.clone(),
            requested_by: ctx.actor().clone(),
            requested_at: now,
            state: ModificationState::Pending,
            attempts: 0,
            new_version: 0,
            explanation: String::new(),
            answered: Vec::new(),
            error: String::new(),
        };
        session.revise_at = Some(now);
        session.updated_at = now;
        let details = json!({
            "version": wish.subject.version, "digest": wish.subject.digest, "feedback": wish.feedback,
            "comments": wish.comment_ids,
        });
        audit(&mut tx, ctx, &mut session, "plan.modification_requested", details).await?;
        let told = PlanModificationRequested {
            request: Some(modification_request_to_pb(&modification)),
            requested_by: ctx.actor().id.clone(),
        };
        session.modification = Some(modification);
        append(&mut tx, ctx, Some(id), Payload::PlanModificationRequested(told)).await?;
        once.remember(&mut tx, ctx, &()).await?;
        self.commit(tx, &mut session).await?;
        self.changed(&session, before, None);
        Ok(session)
    }

    /// Has the planner change every plan that waits for it; returns how many were tried. Replicas share the work.
    ///
    /// # Errors
    /// When the database fails; what was done before stays so.
    pub async fn revise_plans(&self) -> Result<usize, GateError> {
        let mut tried = 0;
        while !self.watching.shutdown.is_cancelled() && self.revise_one().await? {
            tried += 1;
        }
        Ok(tried)
    }

    async fn revise_one(&self) -> Result<bool, GateError> {
        let ctx = self.source.operation(Actor::system(PLANNER));
        let mut tx = self.db.begin().await?;
        let Some(mut session) = store::session::claim_revision(&mut tx, ctx.now()).await? else {
            return Ok(false);
        };
        let ctx = resumed(&ctx, &session);
        session.revise_at = Some(ctx.now().after(LEASE));
        let modification = session.modification.as_mut().filter(|m| m.state == ModificationState::Pending);
        let modification = modification.map(|modification| {
            modification.attempts += 1;
            modification.clone()
        });
        let Some(modification) = modification else {
            session.revise_at = None;
            self.commit(tx, &mut session).await?;
            return Ok(true);
        };
        self.commit(tx, &mut session).await?;
        let revised = self.revise(&ctx, session.id, &modification).await;
        retried(|| self.conclude(&ctx, session.id, &modification, &revised)).await?;
        Ok(true)
    }

    /// Asks the planner, and has what it answers made a version.
    async fn revise(
        &self,
        ctx: &OpContext,
        id: SessionId,
        modification: &Modification,
    ) -> Result<Revised, GateError> {
        let number = modification.subject.version;
        let current = self.peers.version(ctx, id, number).await?;
        let before = current.plan.unwrap_or_default();
        let comments = self.comments_to_answer(id, &modification.comment_ids).await?;
        let answer = self.peers.revise_plan(ctx, before, &modification.feedback, comments).await?;
        let wanted = NewVersion {
            plan: answer.plan.unwrap_or_default(),
            base: number,
            description: shortened(&answer.explanation),
            request_id: modification.id.clone(),
            validate_only: false,
        };
        let version = self.peers.create_version(ctx, id, wanted).await?;
        let explanation = redact(&answer.explanation).into_owned();
        Ok(Revised { made: Made::of(ctx, id, &version)?, explanation, answered: answer.answered_comment_ids })
    }

    /// Writes down what came of it, unless the session went on meanwhile.
    async fn conclude(
        &self,
        ctx: &OpContext,
        id: SessionId,
        modification: &Modification,
        revised: &Result<Revised, GateError>,
    ) -> Result<(), GateError> {
        let mut tx = self.db.begin().await?;
        let Some(mut session) = store::session::lock(&mut tx, id).await? else { return Ok(()) };
        let Some(mut own) = session.modification.clone().filter(|own| own.id == modification.id) else {
            return Ok(());
        };
        let before = Before::of(&session);
        match revised {
            Ok(revised) => {
                let is_current = session.subject == revised.made.version.subject;
                // The fact of the new version may have been faster.
                if !is_current && !self.adopt_in(&mut tx, &mut session, &revised.made).await? {
                    return Ok(());
                }
                own.state = ModificationState::Done;
                own.new_version = revised.made.version.subject.version;
                own.explanation.clone_from(&revised.explanation);
                own.answered.clone_from(&revised.answered);
                let details = json!({ "version": own.new_version, "explanation": own.explanation, "answered": own.answered });
                audit(&mut tx, ctx, &mut session, "plan.modified", details).await?;
                session.revise_at = None;
            }
            // Somebody went on without the planner.
            Err(_) if session.state != State::ModificationRequested || session.subject != own.subject => {
                return Ok(());
            }
            Err(error) => {
                let retry = own.retry_at(ctx.now()).filter(|_| may_pass(error));
                session.revise_at = retry;
                own.error = error.to_string();
                tracing::warn!(workflow_id = %id, %error, again = retry.is_some(), "the planner does not change a plan");
                if retry.is_none() {
                    own.state = ModificationState::Failed;
                    let details = json!({ "version": own.subject.version, "error": own.error });
                    audit(&mut tx, ctx, &mut session, "plan.modification_failed", details).await?;
                    let told = PlanModificationFailed {
                        request: Some(modification_request_to_pb(&own)),
                        error: own.error.clone(),
                    };
                    append(&mut tx, ctx, Some(id), Payload::PlanModificationFailed(told)).await?;
                }
            }
        }
        session.modification = Some(own);
        session.updated_at = session.updated_at.max(ctx.now());
        self.commit(tx, &mut session).await?;
        self.changed(&session, before, None);
        Ok(())
    }

    /// The threads that a revision should answer: those named, else every open one.
    async fn comments_to_answer(
        &self,
        session: SessionId,
        named: &[String],
    ) -> Result<Vec<PlanComment>, GateError> {
        let threads = threads(store::comment::of_session(&self.db, session).await?);
        let is_seen = |comment: &Comment| comment.deleted_at.is_none() && comment.hidden.is_none();
        let wanted = |thread: &Thread| {
            let asked = named.contains(&thread.first.id.to_string());
            let open = named.is_empty() && thread.first.resolved.is_none();
            (asked || open) && is_seen(&thread.first)
        };
        let told = threads.iter().filter(|thread| wanted(thread)).map(|thread| PlanComment {
            replies: thread.replies.iter().filter(|reply| is_seen(reply)).map(comment_to_pb).collect(),
            ..comment_to_pb(&thread.first)
        });
        Ok(told.take(MOST_COMMENTS).collect())
    }
}

/// Whether the same call may succeed later.
fn may_pass(error: &GateError) -> bool {
    use assent_core::Code;
    matches!(
        error.code(),
        Code::Unavailable | Code::DeadlineExceeded | Code::ResourceExhausted | Code::Internal
    )
}

/// The first characters of `text`, as many as a description may have.
fn shortened(text: &str) -> String {
    let mut end = text.len().min(LONGEST_DESCRIPTION);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].to_owned()
}

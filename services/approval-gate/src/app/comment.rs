//! Saying something about a plan.

use std::time::Duration;

use assent_core::id::{CommentKind, SessionId};
use assent_core::{Digest, Id, OpContext};
use assent_events::append;
use assent_plan::redact::redact;
use assent_proto::event::v1::PlanCommentAdded;
use assent_proto::event::v1::event::Payload;
use assent_proto::review::v1::PlanComment;
use assent_store::{StoreError, Tx};
use serde_json::json;

use super::App;
use super::once::{Once, retried};
use super::record::{audit, resumed};
use crate::domain::comment::{Anchor, Comment, CommentType, MAX_COMMENTS, Target};
use crate::domain::session::Session;
use crate::error::GateError;
use crate::grpc::comment::comment_to_pb;
use crate::store;

/// Within this time an author may write so many comments as the configuration says.
const RATE_WINDOW: Duration = Duration::from_secs(60);

/// A thread that somebody begins.
pub(crate) struct NewThread {
    pub(crate) session: SessionId,
    pub(crate) content: String,
    pub(crate) target: Target,
    pub(crate) kind: CommentType,
    /// The version that the author saw; 0 for the current one.
    pub(crate) version: i32,
}

/// Where a new comment stands.
struct Place {
    parent: Option<Id<CommentKind>>,
    anchor: Anchor,
    kind: CommentType,
    is_stale: bool,
}

impl App {
    /// Begins a thread.
    pub(crate) async fn add_comment(
        &self,
        ctx: &OpContext,
        thread: &NewThread,
        once: &Once,
    ) -> Result<Comment, GateError> {
        retried(|| self.try_add_comment(ctx, thread, once)).await
    }

    async fn try_add_comment(
        &self,
        ctx: &OpContext,
        thread: &NewThread,
        once: &Once,
    ) -> Result<Comment, GateError> {
        let session = self.session(thread.session).await?;
        let about_item = matches!(thread.target, Target::WorkItem(_) | Target::Edge(..));
        if about_item && !session.options.allow_work_item_comments {
            return Err(GateError::ItemCommentsOff(session.id));
        }
        let (anchor, is_stale) = self.anchor(ctx, &session, thread.target.clone(), thread.version).await?;
        let subject = session.subject;

        let mut tx = self.db.begin().await?;
        if let Some(comment) = self.recalled(&mut tx, ctx, once).await? {
            return Ok(comment);
        }
        let session = store::session::lock(&mut tx, thread.session).await?;
        let session = session.ok_or(GateError::UnknownSession(thread.session))?;
        if session.subject != subject {
            // What it was anchored to was found in another version.
            return Err(StoreError::Conflict.into());
        }
        let place = Place { parent: None, anchor, kind: thread.kind, is_stale };
        self.write_comment(tx, ctx, session, place, &thread.content, once).await
    }

    /// Answers in the thread of a comment.
    pub(crate) async fn reply_to_comment(
        &self,
        ctx: &OpContext,
        id: Id<CommentKind>,
        content: &str,
        once: &Once,
    ) -> Result<Comment, GateError> {
        retried(|| self.try_reply(ctx, id, content, once)).await
    }

    async fn try_reply(
        &self,
        ctx: &OpContext,
        id: Id<CommentKind>,
        content: &str,
        once: &Once,
    ) -> Result<Comment, GateError> {
        let mut tx = self.db.begin().await?;
        if let Some(comment) = self.recalled(&mut tx, ctx, once).await? {
            return Ok(comment);
        }
        let (session, answered) = self.locked_comment(&mut tx, id).await?;
        let place = Place {
            parent: Some(answered.parent.unwrap_or(answered.id)),
            anchor: answered.anchor,
            // Only the first comment of a thread holds anything up.
            kind: CommentType::General,
            is_stale: answered.is_stale,
        };
        self.write_comment(tx, ctx, session, place, content, once).await
    }

    /// A comment with its session, which nobody else changes until the transaction ends.
    pub(super) async fn locked_comment(
        &self,
        tx: &mut Tx,
        id: Id<CommentKind>,
    ) -> Result<(Session, Comment), GateError> {
        let found = store::comment::load(&mut *tx, id).await?.ok_or(GateError::UnknownComment(id))?;
        let session = store::session::lock(tx, found.session_id).await?;
        let session = session.ok_or(GateError::UnknownComment(id))?;
        // Again, because it may have changed before the lock.
        let comment = store::comment::load(&mut *tx, id).await?.ok_or(GateError::UnknownComment(id))?;
        Ok((session, comment))
    }

    /// The comment that the same request made or changed before.
    pub(super) async fn recalled(
        &self,
        tx: &mut Tx,
        ctx: &OpContext,
        once: &Once,
    ) -> Result<Option<Comment>, GateError> {
        let answer: Option<PlanComment> = once.recall(tx, ctx).await?;
        match answer.and_then(|comment| comment.id.parse().ok()) {
            Some(id) => Ok(store::comment::load(tx, id).await?),
            None => Ok(None),
        }
    }

    async fn write_comment(
        &self,
        mut tx: Tx,
        ctx: &OpContext,
        mut session: Session,
        place: Place,
        content: &str,
        once: &Once,
    ) -> Result<Comment, GateError> {
        let ctx = &resumed(ctx, &session);
        self.check_comment_rate(&mut tx, ctx).await?;
        if store::comment::count(&mut tx, session.id).await? >= MAX_COMMENTS {
            return Err(GateError::CommentLimit(session.id));
        }
        let comment = Comment {
            id: ctx.new_id(),
            session_id: session.id,
            parent: place.parent,
            author: ctx.actor().clone(),
            content: redact(content).into_owned(),
            anchor: place.anchor,
            kind: place.kind,
            created_at: ctx.now(),
            modified_at: None,
            resolved: None,
            deleted_at: None,
            hidden: None,
            is_stale: place.is_stale,
        };
        store::comment::insert(&mut tx, &comment).await?;
        let target = &comment.anchor.target;
        let details = json!({
            "comment": comment.id,
            "parent": comment.parent,
            "type": comment.kind,
            "scope": target.scope(),
            "item": target.item(),
            "edge_to": target.edge_to(),
            "version": comment.anchor.version,
            "content_digest": content_digest(&comment),
        });
        let action = if comment.parent.is_some() { "comment.replied" } else { "comment.added" };
        audit(&mut tx, ctx, &mut session, action, details).await?;
        let added = PlanCommentAdded { comment: Some(comment_to_pb(&comment)) };
        append(&mut tx, ctx, Some(session.id), Payload::PlanCommentAdded(added)).await?;
        once.remember(&mut tx, ctx, &named(&comment)).await?;
        store::session::extend_audit(&mut tx, session.id, &session.audit).await?;
        tx.commit().await?;
        Ok(comment)
    }

    /// Refuses authors who write faster than people do.
    pub(super) async fn check_comment_rate(&self, tx: &mut Tx, ctx: &OpContext) -> Result<(), GateError> {
        let most = i64::from(self.config.comments_per_minute);
        let now = ctx.now();
        let recent = store::comment::recent(tx, &ctx.actor().id, now.before(RATE_WINDOW), most).await?;
        match recent.last() {
            Some(oldest) if i64::try_from(recent.len()).unwrap_or(i64::MAX) >= most => {
                let retry_after = oldest.after(RATE_WINDOW).since(now);
                Err(GateError::CommentRate { most: self.config.comments_per_minute, retry_after })
            }
            _ => Ok(()),
        }
    }
}

/// The answer as it is kept for repeated calls: without the words, which can be taken back.
pub(super) fn named(comment: &Comment) -> PlanComment {
    PlanComment { id: comment.id.to_string(), ..PlanComment::default() }
}

/// What the audit says about the words, which can be taken back.
pub(super) fn content_digest(comment: &Comment) -> Digest {
    Digest::of(&[comment.content.as_bytes()])
}

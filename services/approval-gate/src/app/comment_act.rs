//! Changing, settling and hiding what was said.

use assent_core::id::CommentKind;
use assent_core::{Id, OpContext};
use assent_events::append;
use assent_plan::redact::redact;
use assent_proto::event::v1 as events;
use assent_proto::event::v1::event::Payload;
use assent_store::Tx;
use serde_json::{Value, json};

use super::App;
use super::comment::{content_digest, named};
use super::once::{Once, retried};
use super::record::{audit, resumed};
use crate::domain::comment::{Act, Comment, CommentRefusal, Mark, Revision};
use crate::error::GateError;
use crate::grpc::comment::comment_to_pb;
use crate::store;

impl Act {
    /// The name in the audit.
    const fn action(self) -> &'static str {
        match self {
            Self::Edit => "comment.edited",
            Self::Delete => "comment.deleted",
            Self::Resolve => "comment.resolved",
            Self::Reopen => "comment.reopened",
            Self::Hide => "comment.hidden",
            Self::Unhide => "comment.unhidden",
        }
    }
}

impl App {
    /// Does `act` with a comment. `text` are the new words, the resolution or the reason, where the act has one.
    pub(crate) async fn act_on_comment(
        &self,
        ctx: &OpContext,
        id: Id<CommentKind>,
        act: Act,
        text: &str,
        once: &Once,
    ) -> Result<Comment, GateError> {
        match retried(|| self.try_act(ctx, id, act, text, once)).await {
            Err(error @ GateError::Comment { session, .. }) => {
                self.audited(ctx, session, once.method(), async { Err(error) }).await
            }
            outcome => outcome,
        }
    }

    async fn try_act(
        &self,
        ctx: &OpContext,
        id: Id<CommentKind>,
        act: Act,
        text: &str,
        once: &Once,
    ) -> Result<Comment, GateError> {
        // With the roles that the directory gives.
        let by = self.voter(ctx, "").await?;
        let mut tx = self.db.begin().await?;
        if let Some(comment) = self.recalled(&mut tx, ctx, once).await? {
            return Ok(comment);
        }
        let (mut session, mut comment) = self.locked_comment(&mut tx, id).await?;
        let ctx = &resumed(ctx, &session);
        let refused =
            |refusal: CommentRefusal| GateError::Comment { session: session.id, comment: id, refusal };
        comment.may(act, &by, &session.electorate(&[])).map_err(refused)?;
        if act == Act::Edit {
            self.check_comment_rate(&mut tx, ctx).await?;
        }
        let (details, payload) = change(&mut tx, ctx, act, &mut comment, &redact(text)).await?;
        store::comment::save(&mut tx, &comment).await?;
        audit(&mut tx, ctx, &mut session, act.action(), details).await?;
        append(&mut tx, ctx, Some(session.id), payload).await?;
        once.remember(&mut tx, ctx, &named(&comment)).await?;
        store::session::extend_audit(&mut tx, session.id, &session.audit).await?;
        tx.commit().await?;
        Ok(comment)
    }
}

/// Changes the comment; returns what the audit and what the log say about it.
async fn change(
    tx: &mut Tx,
    ctx: &OpContext,
    act: Act,
    comment: &mut Comment,
    text: &str,
) -> Result<(Value, Payload), GateError> {
    let (by, at) = (ctx.actor(), ctx.now());
    let mark = || Some(Mark { by: by.clone(), at, text: text.to_owned() });
    let (comment_id, actor) = (comment.id.to_string(), by.id.clone());
    Ok(match act {
        Act::Edit => {
            let before = std::mem::replace(&mut comment.content, text.to_owned());
            comment.modified_at = Some(at);
            store::comment::revise(tx, comment.id, &Revision { content: before, replaced_at: at }).await?;
            let edited = events::PlanCommentEdited { comment: Some(comment_to_pb(comment)) };
            let details = json!({ "comment": comment.id, "content_digest": content_digest(comment) });
            (details, Payload::PlanCommentEdited(edited))
        }
        Act::Delete => {
            comment.content.clear();
            comment.deleted_at = Some(at);
            store::comment::forget_revisions(tx, comment.id).await?;
            let deleted = events::PlanCommentDeleted { comment_id, deleted_by: actor };
            (json!({ "comment": comment.id }), Payload::PlanCommentDeleted(deleted))
        }
        Act::Resolve => {
            comment.resolved = mark();
            let resolved = events::PlanCommentResolved { comment_id, resolved_by: actor };
            let details = json!({ "comment": comment.id, "type": comment.kind, "resolution": text });
            (details, Payload::PlanCommentResolved(resolved))
        }
        Act::Reopen => {
            comment.resolved = None;
            let reopened = events::PlanCommentReopened { comment_id, reopened_by: actor };
            let details = json!({ "comment": comment.id, "type": comment.kind });
            (details, Payload::PlanCommentReopened(reopened))
        }
        Act::Hide | Act::Unhide => {
            comment.hidden = if act == Act::Hide { mark() } else { None };
            let is_hidden = comment.hidden.is_some();
            let reason = text.to_owned();
            let hidden = events::PlanCommentHidden { comment_id, is_hidden, changed_by: actor, reason };
            let details = json!({ "comment": comment.id, "author": comment.author.id, "reason": text });
            (details, Payload::PlanCommentHidden(hidden))
        }
    })
}

//! What people say about a plan.

use assent_proto::event::v1::{PlanCommentAdded, PlanCommentResolved};
use assent_proto::review::v1::{PlanComment, PlanReviewSession};

use super::Fact;
use super::people::{others, without};
use crate::app::{Addressed, Recipients, Telling};
use crate::domain::mention::{means, mentions};
use crate::domain::{Kind, quote};
use crate::error::NotificationError;

/// Whoever is named, and then everybody who has to do with the session.
pub(super) async fn added(
    fact: &Fact<'_>,
    review: &PlanReviewSession,
    added: &PlanCommentAdded,
) -> Result<Telling, NotificationError> {
    let Some(comment) = added.comment.as_ref() else { return Ok(Telling::default()) };
    let notice = |kind| {
        fact.notice(kind, review, |details| {
            details.reason = quote(&comment.content);
            details.version = comment.version;
        })
    };
    let around = others(review, fact.author());
    let mentioned = without(mentioned(fact, comment, &around).await?, fact.author());
    let notices = vec![
        Addressed { notice: notice(Kind::Mentioned), recipients: mentioned },
        Addressed { notice: notice(Kind::CommentAdded), recipients: around },
    ];
    Ok(Telling { notices, ..Telling::default() })
}

/// The people whom a comment names: by what stands before the `@` of their ids those who have to do with the session,
/// by the whole id anybody whom the directory knows.
async fn mentioned(
    fact: &Fact<'_>,
    comment: &PlanComment,
    around: &Recipients,
) -> Result<Recipients, NotificationError> {
    let names = mentions(&comment.content);
    if names.is_empty() && comment.mentions.is_empty() {
        return Ok(Recipients::new());
    }
    let mut near = fact.app.approvers(fact.ctx, fact.session).await?;
    near.extend(around.iter().cloned());
    let mut found: Recipients =
        near.into_iter().filter(|id| names.iter().any(|name| means(name, id))).collect();
    found.extend(comment.mentions.iter().cloned());
    let whole: Recipients = names.into_iter().filter(|name| !found.contains(name)).collect();
    let known = fact.app.contacts.of(fact.ctx, &whole).await?;
    found.extend(known.into_iter().filter(|(_, contact)| contact.is_known()).map(|(id, _)| id));
    Ok(found)
}

/// Whoever wrote the comment.
pub(super) fn resolved(
    fact: &Fact<'_>,
    review: &PlanReviewSession,
    resolved: &PlanCommentResolved,
) -> Telling {
    let all = review.comments.iter().flat_map(|comment| std::iter::once(comment).chain(&comment.replies));
    let comment = all.into_iter().find(|comment| comment.id == resolved.comment_id);
    let Some(author) = comment.and_then(|comment| comment.author.as_ref()) else {
        return Telling::default();
    };
    let notice = fact.notice(Kind::CommentResolved, review, |details| {
        details.reason = quote(comment.map_or("", |comment| comment.content.as_str()));
    });
    let recipients = without(Recipients::from([author.id.clone()]), &resolved.resolved_by);
    Telling { notices: vec![Addressed { notice, recipients }], ..Telling::default() }
}

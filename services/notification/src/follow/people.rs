//! Who has to do with a session.

use std::collections::BTreeMap;

use assent_core::Timestamp;
use assent_proto::event::v1::DelegationCreated;
use assent_proto::review::v1::{PlanComment, PlanReviewSession};
use assent_proto::types::v1::Actor;
use assent_rpc::convert::Wire as _;

use crate::app::{Addressed, Notice, Recipients, Telling};
use crate::domain::{Details, Kind, quote};

/// Whoever may act for another now should know.
pub(super) fn delegated(created: &DelegationCreated) -> Telling {
    let details = Details {
        delegated_by: quote(&created.delegator),
        until: created.end_time.and_then(|time| Timestamp::from_pb(time, "").ok()),
        ..Details::default()
    };
    let notice = Notice {
        kind: Kind::Delegated,
        priority: Kind::Delegated.floor(),
        session: None,
        details,
        text: None,
        delegators: BTreeMap::new(),
        named: Vec::new(),
    };
    let recipients = Recipients::from([created.delegate.clone()]);
    Telling { notices: vec![Addressed { notice, recipients }], ..Telling::default() }
}

/// A name for readers.
pub(super) fn display(actor: &Actor) -> &str {
    if actor.name.is_empty() { &actor.id } else { &actor.name }
}

/// Who asked, and for whom.
pub(super) fn askers(review: &PlanReviewSession) -> Recipients {
    let requester = review.requester.as_ref().map(|actor| actor.id.clone());
    given(requester.into_iter().chain([review.on_behalf_of.clone()]))
}

/// Those who look at it, have voted or have said something.
pub(super) fn reviewers(review: &PlanReviewSession) -> Recipients {
    let voters = review.votes.iter().filter_map(|vote| vote.voter.as_ref()).map(|voter| voter.id.clone());
    let assigned = std::iter::once(review.assigned_reviewer.clone());
    given(voters.chain(assigned).chain(review.comments.iter().flat_map(thread)))
}

/// Who wrote a comment or answered to it.
fn thread(comment: &PlanComment) -> Vec<String> {
    let all = std::iter::once(comment).chain(&comment.replies);
    all.filter_map(|comment| comment.author.as_ref()).map(|author| author.id.clone()).collect()
}

/// Everybody who has to do with it, but for `author`, who knows.
pub(super) fn others(review: &PlanReviewSession, author: &str) -> Recipients {
    let mut all = askers(review);
    all.append(&mut reviewers(review));
    without(all, author)
}

/// Everybody but `author`.
pub(super) fn without(mut people: Recipients, author: &str) -> Recipients {
    people.remove(author);
    people
}

fn given(ids: impl Iterator<Item = String>) -> Recipients {
    // Services are told by events.
    ids.filter(|id| !id.is_empty() && !id.starts_with("system:")).collect()
}

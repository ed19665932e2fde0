//! Votes on a plan that changed: kept for the new version, or dismissed, and their voters told why.

use assent_core::OpContext;
use assent_events::append;
use assent_proto::event::v1::PlanVotesReviewed;
use assent_proto::event::v1::event::Payload;
use assent_store::Tx;
use serde_json::json;

use super::App;
use super::record::audit;
use crate::domain::carry::{Dismissal, Dismissed};
use crate::domain::session::Session;
use crate::domain::vote::Vote;
use crate::error::GateError;
use crate::grpc::convert::{dismissed_to_pb, vote_to_pb};
use crate::store;

impl App {
    /// Keeps `votes` for the session's current version, which changes nothing that they cover.
    pub(super) async fn keep(
        &self,
        tx: &mut Tx,
        ctx: &OpContext,
        session: &mut Session,
        votes: Vec<Vote>,
    ) -> Result<(), GateError> {
        let mut kept = Vec::new();
        for vote in votes {
            let given_on = Some(vote.given_on.unwrap_or(vote.subject.version));
            let vote = Vote { id: ctx.new_id(), subject: session.subject, given_on, ..vote };
            tx.write(&[store::vote::insert(&[(session.id, &vote)])?]).await?;
            let details = json!({
                "vote": vote.id,
                "voter": vote.voter.id,
                "version": vote.subject.version,
                "given_on": given_on,
                "reason": "nothing that the vote covers has changed, and the risk did not rise",
            });
            audit(tx, ctx, session, "vote.kept", details).await?;
            kept.push(vote_to_pb(&vote));
        }
        if !kept.is_empty() {
            let fact = PlanVotesReviewed { version: session.subject.version, kept, dismissed: Vec::new() };
            append(tx, ctx, Some(session.id), Payload::PlanVotesReviewed(fact)).await?;
        }
        Ok(())
    }

    /// Dismisses `votes` because of the session's current version, or of its risk.
    pub(super) async fn dismiss(
        &self,
        tx: &mut Tx,
        ctx: &OpContext,
        session: &mut Session,
        votes: Vec<Vote>,
        why: &Dismissal,
    ) -> Result<(), GateError> {
        let mut dismissed = Vec::new();
        for vote in votes {
            let one = Dismissed {
                vote,
                reason: why.as_str().to_owned(),
                explanation: why.explanation(),
                version: session.subject.version,
                at: ctx.now(),
            };
            store::vote::dismiss(tx, &one).await?;
            let details = json!({
                "vote": one.vote.id,
                "voter": one.vote.voter.id,
                "version": one.version,
                "because": one.reason,
                "explanation": one.explanation,
            });
            audit(tx, ctx, session, "vote.dismissed", details).await?;
            dismissed.push(dismissed_to_pb(&one));
        }
        if !dismissed.is_empty() {
            let fact = PlanVotesReviewed { version: session.subject.version, kept: Vec::new(), dismissed };
            append(tx, ctx, Some(session.id), Payload::PlanVotesReviewed(fact)).await?;
        }
        Ok(())
    }
}

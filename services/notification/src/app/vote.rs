//! A vote from a button of Slack: of somebody whom the directory knows there, on what the message was about, and for
//! LOW and MEDIUM risk only. The gate judges it as any other vote.

use assent_core::{Actor, ActorKind, OpContext};
use assent_proto::approval::v1::{ApproveRequest, RejectRequest};
use assent_proto::plan::v1::RiskLevel;
use assent_rpc::convert::Wire as _;
use assent_rpc::{RemoteFault, outbound};

use super::{App, Recipients};
use crate::channels::{Click, Vote};
use crate::domain::{Channel, Kind};
use crate::error::NotificationError;
use crate::store::outgoing;

/// What came of a press, in words for whoever pressed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Voted {
    Counted(String),
    Refused(String),
}

const REASON: &str = "decided in Slack";

impl App {
    /// Votes as the person to whom the message went, if that is who pressed.
    pub(crate) async fn vote(&self, click: &Click) -> Result<Voted, NotificationError> {
        let refused = |text: &str| Ok(Voted::Refused(text.to_owned()));
        let Ok(id) = click.button.delivery.parse() else { return refused("This message is not known.") };
        let mut tx = self.db.begin().await?;
        let delivery = outgoing::find(&mut tx, id).await?;
        drop(tx);
        let asked = delivery.filter(|d| {
            d.channel == Channel::Slack
                && d.session == Some(click.button.session)
                && Kind::from_name(&d.kind).is_some_and(Kind::asks)
        });
        let Some(delivery) = asked else { return refused("This message is not known.") };
        let ctx = self.operation();
        let contacts = self.contacts.of(&ctx, &Recipients::from([delivery.user.clone()])).await?;
        let known = contacts.get(&delivery.user).and_then(|contact| contact.slack.as_deref());
        if known != Some(click.slack_user.as_str()) {
            return refused("This message was sent to somebody else.");
        }
        let Some(review) = self.session(&ctx, click.button.session).await? else {
            return refused("This session is gone.");
        };
        let level = review.risk.as_ref().map(|risk| risk.level());
        if !matches!(level, Some(RiskLevel::Low | RiskLevel::Medium)) {
            return refused("Plans of this risk are decided in Assent only.");
        }
        let eligible = self.eligible(&ctx, click.button.session).await?;
        let delegator = eligible.delegators.get(&delivery.user).cloned().unwrap_or_default();
        let Some(voter) = eligible.approvers.into_iter().find(|actor| actor.id == delivery.user) else {
            return refused("Your vote is not needed (any more), or you may not decide on this plan.");
        };
        let voter = Actor {
            id: voter.id,
            kind: ActorKind::User,
            name: voter.name,
            roles: voter.roles,
            groups: voter.groups,
            credential: "slack".to_owned(),
            on_behalf_of: String::new(),
        };
        match self.cast(&ctx.acting_as(voter), click, delegator).await {
            Ok(text) => Ok(Voted::Counted(text.to_owned())),
            Err(fault) if fault.is_transient() => Err(fault.into()),
            Err(fault) => Ok(Voted::Refused(format!("Assent did not take the vote: {fault}."))),
        }
    }

    async fn cast(
        &self,
        ctx: &OpContext,
        click: &Click,
        delegator: String,
    ) -> Result<&'static str, RemoteFault> {
        let button = &click.button;
        let (session_id, version, digest) = (button.session.to_pb(), button.version, button.digest.clone());
        let (mut gate, reason) = (self.approvals.clone(), REASON.to_owned());
        match click.vote {
            Vote::Approve => {
                let request =
                    ApproveRequest { session_id, version, digest, reason, delegator, ..Default::default() };
                gate.approve(outbound(ctx, request)).await?;
                Ok("You approved this plan.")
            }
            Vote::Reject => {
                let request = RejectRequest { session_id, version, digest, reason, delegator };
                gate.reject(outbound(ctx, request)).await?;
                Ok("You rejected this plan.")
            }
        }
    }
}

//! The end of the time to decide.

use std::time::Duration;

use assent_core::id::SessionId;
use assent_core::{Actor, OpContext, Timestamp};
use assent_events::append;
use assent_plan::TimeoutAction;
use assent_proto::event::v1::event::Payload;
use assent_proto::event::v1::{ApprovalReminderSent, ApprovalTimeout};
use assent_proto::plan::v1::NotificationChannel;
use assent_rpc::convert::{Wire, WireEnum};
use assent_store::Tx;
use serde_json::json;

use super::App;
use super::measure::Before;
use super::record::{Ruling, audit, resumed};
use crate::domain::deadline::{EXCEEDED, Lapse};
use crate::domain::decision::Ending;
use crate::domain::session::Session;
use crate::domain::state::Fact;
use crate::domain::vote::Choice;
use crate::error::GateError;
use crate::store;

/// Who decides when nobody did.
const CLOCK: &str = "timeout";
/// Sessions that one run handles at most, so that stopping does not wait for a long backlog.
const BATCH: usize = 500;
/// How long a replica has for what needs other services, before another one tries.
const LEASE: Duration = Duration::from_secs(30);

/// What others said about a session whose time is over.
struct Heard {
    /// The deadline that was meant.
    deadline: Option<Timestamp>,
    /// Whether the version is sealed for a decision.
    sealed: bool,
    /// Whom to remind.
    recipients: Vec<String>,
}

impl App {
    /// Does what is due for every session whose time is over, however long ago that was; returns for how many. Replicas
    /// share the work.
    ///
    /// # Errors
    /// When the database fails; what was done before stays so.
    pub async fn sweep_expired(&self) -> Result<usize, GateError> {
        let mut handled = 0;
        while handled < BATCH && self.expire_one().await? {
            handled += 1;
        }
        Ok(handled)
    }

    async fn expire_one(&self) -> Result<bool, GateError> {
        let ctx = self.source.operation(Actor::system(CLOCK));
        let mut tx = self.db.begin().await?;
        let Some(mut session) = store::session::claim_due(&mut tx, ctx.now()).await? else {
            return Ok(false);
        };
        let lapse = session.lapse(ctx.now(), self.config.default_timeout());
        if matches!(lapse, Lapse::Proceeds | Lapse::Reminds { .. }) {
            // Others must be asked, and not while the row is held: a lease keeps the other replicas away.
            session.wake_at = Some(ctx.now().after(LEASE));
            self.commit(tx, &mut session).await?;
            let ctx = resumed(&ctx, &session);
            let heard = self.hear(&ctx, &session, &lapse).await;
            let heard = match heard {
                Ok(heard) => heard,
                Err(error) => {
                    tracing::warn!(workflow_id = %session.id, %error, "a timeout waits for other services");
                    return Ok(true);
                }
            };
            return self.expire_heard(&ctx, session.id, &heard).await.map(|()| true);
        }
        self.lapse(tx, &ctx, session, lapse, None).await.map(|()| true)
    }

    async fn hear(&self, ctx: &OpContext, session: &Session, lapse: &Lapse) -> Result<Heard, GateError> {
        let (sealed, mut recipients) = (*lapse == Lapse::Proceeds, Vec::new());
        if sealed {
            let in_force = self.peers.policy_digest(ctx).await?;
            self.check_policy(ctx, session, in_force).await?;
            self.peers.seal(ctx, session.id, session.subject).await?;
        } else {
            let eligible = self.eligible(ctx, session.id).await?;
            recipients = eligible.into_iter().map(|one| one.voter.actor.id).collect();
            recipients.dedup();
        }
        Ok(Heard { deadline: session.expires_at, sealed, recipients })
    }

    async fn expire_heard(&self, ctx: &OpContext, id: SessionId, heard: &Heard) -> Result<(), GateError> {
        let mut tx = self.db.begin().await?;
        let Some(session) = store::session::lock(&mut tx, id).await? else { return Ok(()) };
        // Somebody gave more time, or decided.
        if session.expires_at != heard.deadline || session.wake_at.is_none() {
            return Ok(());
        }
        let lapse = session.lapse(ctx.now(), self.config.default_timeout());
        if lapse == Lapse::Proceeds && !heard.sealed {
            return Ok(());
        }
        self.lapse(tx, ctx, session, lapse, Some(heard)).await
    }

    /// Does what the end of the time does, and commits.
    async fn lapse(
        &self,
        mut tx: Tx,
        ctx: &OpContext,
        mut session: Session,
        lapse: Lapse,
        heard: Option<&Heard>,
    ) -> Result<(), GateError> {
        let ctx = &resumed(ctx, &session);
        let before = Before::of(&session);
        let mut ending = None;
        let tx_ref = &mut tx;
        match lapse {
            Lapse::TimesOut { reason } => {
                let ruling = Ruling::new(Ending::TimedOut, reason);
                ending = Some(self.decide(tx_ref, ctx, &mut session, ruling).await?.ending);
            }
            Lapse::Proceeds => ending = Some(self.proceed(tx_ref, ctx, &mut session).await?),
            Lapse::Reminds { until } => {
                prolong(tx_ref, ctx, &mut session, Fact::Reminded, Some(until)).await?;
                let recipients = heard.map(|heard| heard.recipients.clone()).unwrap_or_default();
                // Where they are told is each person's choice.
                let channel = NotificationChannel::Unspecified.into();
                let sent = Payload::ApprovalReminderSent(ApprovalReminderSent { recipients, channel });
                append(tx_ref, ctx, Some(session.id), sent).await?;
            }
            Lapse::Escalates { until } => {
                prolong(tx_ref, ctx, &mut session, Fact::Escalated, Some(until)).await?;
            }
            Lapse::Holds => prolong(tx_ref, ctx, &mut session, Fact::Overdue, None).await?,
        }
        self.commit(tx, &mut session).await?;
        self.changed(&session, before, ending);
        Ok(())
    }

    /// Lets a LOW plan run, unless somebody voted against it.
    async fn proceed(
        &self,
        tx: &mut Tx,
        ctx: &OpContext,
        session: &mut Session,
    ) -> Result<Ending, GateError> {
        let votes = store::vote::of_version(&mut *tx, session.id, session.subject.version).await?;
        let concerns = session.risk.requirement.no_open_concerns
            && !store::comment::open_concerns(&mut *tx, session.id).await?.is_empty();
        let objection = if session.after(Fact::Proceeded, ctx.now()).is_err() {
            Some("the planner was asked to change it")
        } else if votes.iter().any(|vote| vote.choice == Choice::Reject) {
            Some("somebody voted against the plan")
        } else {
            concerns.then_some("a concern is open")
        };
        if let Some(why) = objection {
            let reason = format!("{EXCEEDED}; {why}, so that the plan does not proceed");
            return Ok(self.decide(tx, ctx, session, Ruling::new(Ending::TimedOut, reason)).await?.ending);
        }
        let reason = format!("{EXCEEDED}; the plan proceeds, as was asked for");
        let told = ApprovalTimeout {
            action_taken: TimeoutAction::Proceed.number(),
            reason: reason.clone(),
            ..ApprovalTimeout::default()
        };
        append(tx, ctx, Some(session.id), Payload::ApprovalTimeout(told)).await?;
        Ok(self.decide(tx, ctx, session, Ruling::new(Ending::Proceeded, reason)).await?.ending)
    }
}

/// Lets the session go on: with a new deadline, or without one.
async fn prolong(
    tx: &mut Tx,
    ctx: &OpContext,
    session: &mut Session,
    fact: Fact,
    until: Option<Timestamp>,
) -> Result<(), GateError> {
    let now = ctx.now();
    session.state = session.after(fact, now).map_err(GateError::refused(session.id))?;
    let (action, taken) = match fact {
        Fact::Escalated => {
            session.escalation_step += 1;
            ("session.escalated", TimeoutAction::Escalate)
        }
        Fact::Reminded => {
            session.reminders_sent += 1;
            ("session.reminded", TimeoutAction::Remind)
        }
        _ => {
            session.overdue_since = session.overdue_since.or(session.expires_at).or(Some(now));
            ("session.overdue", TimeoutAction::Hold)
        }
    };
    session.set_deadline(until);
    session.updated_at = now;
    let details = json!({
        "version": session.subject.version,
        "escalation_step": session.escalation_step,
        "reminders_sent": session.reminders_sent,
        "expires_at": until.map(|time| time.to_string()),
    });
    audit(tx, ctx, session, action, details).await?;
    let told = ApprovalTimeout {
        action_taken: taken.number(),
        decision: None,
        reason: EXCEEDED.to_owned(),
        escalation_step: session.escalation_step,
        expire_time: until.map(|time| time.to_pb()),
    };
    append(tx, ctx, Some(session.id), Payload::ApprovalTimeout(told)).await?;
    Ok(())
}

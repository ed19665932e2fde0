//! A policy that changed after it assessed a plan: the plan is assessed anew before anybody decides on it.

use std::collections::BTreeMap;

use assent_core::{Digest, OpContext};
use assent_events::append;
use assent_proto::event::v1::PlanRiskReassessed;
use assent_proto::event::v1::event::Payload;
use assent_rpc::convert::WireEnum as _;
use serde_json::json;

use super::App;
use super::record::audit;
use crate::domain::carry::{Content, carries};
use crate::domain::session::Session;
use crate::error::GateError;
use crate::store;

impl App {
    /// Whether the policy in force is the one that assessed the session's plan: that with the digest `in_force`.
    ///
    /// # Errors
    /// [`GateError::PolicyChanged`] when it is not; the plan is then assessed anew, so that the next look shows what the
    /// policy in force asks for.
    pub(super) async fn check_policy(
        &self,
        ctx: &OpContext,
        session: &Session,
        in_force: Digest,
    ) -> Result<(), GateError> {
        if in_force == session.risk.policy_digest {
            return Ok(());
        }
        let version = self.peers.version(ctx, session.id, session.subject.version).await?;
        let risk = self.peers.assess(ctx, version.plan.unwrap_or_default()).await?;
        let changed = GateError::PolicyChanged { session: session.id, level: risk.level };

        let mut tx = self.db.begin().await?;
        let locked = store::session::lock(&mut tx, session.id).await?;
        let mut session = locked.ok_or(GateError::UnknownSession(session.id))?;
        // Somebody else was faster, or there is nothing left to decide.
        if session.subject.version != version.version_number
            || session.risk.policy_digest == risk.policy_digest
            || !session.state_at(ctx.now()).is_open()
        {
            return Err(changed);
        }
        let previous = session.risk.level;
        let items = BTreeMap::<String, Digest>::new();
        let digest = session.subject.digest;
        let before = Content { digest, level: previous, items: &items };
        let after = Content { digest, level: risk.level, items: &items };
        let votes = store::vote::of_version(&mut tx, session.id, session.subject.version).await?;
        session.risk = risk;
        session.updated_at = ctx.now();
        let details = json!({
            "version": session.subject.version,
            "previous_level": previous,
            "risk_level": session.risk.level,
            "policy_digest": session.risk.policy_digest,
        });
        audit(&mut tx, ctx, &mut session, "risk.reassessed", details).await?;
        let fact = PlanRiskReassessed {
            version: session.subject.version,
            previous_level: previous.number(),
            level: session.risk.level.number(),
            policy_digest: session.risk.policy_digest.to_string(),
        };
        append(&mut tx, ctx, Some(session.id), Payload::PlanRiskReassessed(fact)).await?;
        if let Err(dismissal) = carries(&before, &after) {
            self.dismiss(&mut tx, ctx, &mut session, votes, &dismissal).await?;
        }
        self.commit(tx, &mut session).await?;
        Err(changed)
    }
}

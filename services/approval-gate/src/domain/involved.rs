//! Who may do something about a session that is neither a vote nor reading.

use assent_core::actor::ADMIN;
use assent_core::{Actor, ActorKind};

use super::eligibility::Ineligible;
use super::session::Session;
use super::vote::Voter;

impl Session {
    /// Whether `actor` asked for the approval, or is the person for whom it was asked.
    fn is_of(&self, actor: &Actor) -> bool {
        let is = |id: &str| !id.is_empty() && actor.id.eq_ignore_ascii_case(id.trim());
        is(&self.requester.id) || is(&self.on_behalf_of)
    }

    /// Whether `voter` may take back what was asked or allowed: whoever asked, an administrator, a service.
    ///
    /// # Errors
    /// Why not.
    pub fn may_cancel(&self, voter: &Voter) -> Result<(), Ineligible> {
        let actor = &voter.actor;
        let administers = actor.kind == ActorKind::User && actor.has_role(ADMIN);
        if self.is_of(actor) || administers || actor.is_service() {
            Ok(())
        } else {
            Err(Ineligible::NotInvolved)
        }
    }

    /// Whether `voter` may take the grant back: whoever may cancel, and whoever could have said no.
    ///
    /// # Errors
    /// Why not.
    pub fn may_withdraw(&self, voter: &Voter) -> Result<(), Ineligible> {
        let rejects = self.electorate(&[]).may_reject(&voter.actor, &voter.seat).is_ok();
        if rejects { Ok(()) } else { self.may_cancel(voter) }
    }

    /// Whether `voter` may arrange the review: whoever asked, whoever may decide, an administrator, a service.
    ///
    /// # Errors
    /// Why not.
    pub fn may_arrange(&self, voter: &Voter) -> Result<(), Ineligible> {
        self.may_withdraw(voter)
    }
}

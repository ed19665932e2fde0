//! What the license of this server lets callers do.

use assent_core::{ActorKind, OpContext};
use assent_plan::ApprovalRequirement;

use super::App;
use crate::domain::license::{Feature, License};
use crate::domain::options::Options;
use crate::error::GateError;

impl App {
    /// # Errors
    /// When the license lacks `feature`.
    pub(crate) fn licensed(&self, feature: Feature) -> Result<(), GateError> {
        let tier = self.config.license_tier;
        if License(tier).has(feature) { Ok(()) } else { Err(GateError::NotLicensed { feature, tier }) }
    }

    /// Whether the caller may submit with these options.
    pub(super) fn submission_licensed(&self, ctx: &OpContext, options: &Options) -> Result<(), GateError> {
        let asked = [
            (ctx.actor().kind == ActorKind::Agent, Feature::Api),
            (!options.authorized_approvers.is_empty(), Feature::CustomWorkflows),
            (options.approval_timeout.is_some(), Feature::Slas),
            (!options.notify_on.is_empty(), Feature::Notifications),
        ];
        self.all_licensed(asked)
    }

    /// Whether what the policy asks for can be met. It is never lowered: what the license cannot meet is not reviewed.
    pub(super) fn requirement_licensed(&self, requirement: &ApprovalRequirement) -> Result<(), GateError> {
        if let Some(feature) = Feature::of_approvers(requirement.quorum) {
            self.licensed(feature)?;
        }
        self.all_licensed([(!requirement.stages.is_empty(), Feature::CustomWorkflows)])
    }

    fn all_licensed(&self, asked: impl IntoIterator<Item = (bool, Feature)>) -> Result<(), GateError> {
        asked.into_iter().filter(|(is, _)| *is).try_for_each(|(_, feature)| self.licensed(feature))
    }
}

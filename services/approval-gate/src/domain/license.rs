//! What a license lets people do.

use serde::{Deserialize, Serialize};

use super::names;

names! {
    /// The licenses, each with everything of the one before.
    Tier {
        /// Approve and reject, by one person.
        Core => "core",
        /// With comments and up to three approvers.
        WriterPro => "writer_pro",
        /// With any number of approvers, and notifications.
        Teams => "teams",
        /// With approval workflows of one's own, deadlines, audit and agents.
        Enterprise => "enterprise",
    }
}

names! {
    /// Something that not every license has.
    Feature {
        /// Talking about a plan.
        Comments => "comments",
        /// More than one approver.
        ThreeApprovers => "three_approvers",
        /// More than three approvers.
        ManyApprovers => "many_approvers",
        /// Choosing channels for a request.
        Notifications => "notifications",
        /// Stages, and approvers whom the requester names.
        CustomWorkflows => "custom_workflows",
        /// Choosing how long a request waits and what happens then.
        Slas => "slas",
        /// Reading, exporting and proving the audit.
        AuditLog => "audit_log",
        /// Submissions by agents.
        Api => "api",
    }
}

impl Feature {
    /// The smallest license that has it.
    pub const fn tier(self) -> Tier {
        match self {
            Self::Comments | Self::ThreeApprovers => Tier::WriterPro,
            Self::ManyApprovers | Self::Notifications => Tier::Teams,
            Self::CustomWorkflows | Self::Slas | Self::AuditLog | Self::Api => Tier::Enterprise,
        }
    }

    /// What so many approvers need; none for one.
    pub const fn of_approvers(quorum: u32) -> Option<Self> {
        match quorum {
            0 | 1 => None,
            2 | 3 => Some(Self::ThreeApprovers),
            _ => Some(Self::ManyApprovers),
        }
    }
}

/// The features of a license.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct License(pub Tier);

impl License {
    /// Whether it has `feature`.
    pub fn has(self, feature: Feature) -> bool {
        self.0 >= feature.tier()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_license_has_what_the_one_before_has_and_more() {
        let features = |tier: &Tier| Feature::ALL.iter().filter(|f| License(*tier).has(**f)).count();
        assert_eq!(Tier::ALL.iter().map(features).collect::<Vec<_>>(), [0, 2, 4, 8]);
    }

    #[test]
    fn approvers_are_one_three_or_any_number() {
        let needed = [0, 1, 2, 3, 4, 9].map(Feature::of_approvers);
        let (three, many) = (Some(Feature::ThreeApprovers), Some(Feature::ManyApprovers));
        assert_eq!(needed, [None, None, three, three, many, many]);
    }
}

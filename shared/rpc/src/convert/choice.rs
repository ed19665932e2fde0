//! Enums.

use assent_core::ActorKind;
use assent_plan::{
    Channel, DependencyType, ItemType, PlanChangeType, Priority, RiskLevel, Strategy, TimeoutAction,
};
use assent_proto::{plan::v1 as pb, types::v1 as types};

/// An enum that has a twin in the contract. Implement it with [`wire_enum!`](crate::wire_enum).
pub trait WireEnum: Copy {
    /// The twin.
    type Pb: TryFrom<i32> + Into<i32>;

    /// The value of the contract.
    fn to_pb(self) -> Self::Pb;

    /// None for the unspecified value.
    fn from_pb(pb: Self::Pb) -> Option<Self>;

    /// The number that travels.
    fn number(self) -> i32 {
        self.to_pb().into()
    }
}

/// Pairs an enum with that of the contract: `wire_enum!(Strategy => pb::Strategy { Sequential, Parallel })`.
/// Both sides must be listed whole, so that a value added to one does not compile until the other has it.
#[macro_export]
macro_rules! wire_enum {
    ($domain:ty => $pb:ty { $($variant:ident),+ $(,)? }) => {
        impl $crate::convert::WireEnum for $domain {
            type Pb = $pb;

            fn to_pb(self) -> $pb {
                match self { $(<$domain>::$variant => <$pb>::$variant,)+ }
            }

            fn from_pb(pb: $pb) -> Option<Self> {
                match pb {
                    <$pb>::Unspecified => None,
                    $(<$pb>::$variant => Some(<$domain>::$variant),)+
                }
            }
        }
    };
}

wire_enum!(ActorKind => types::ActorKind { User, Service, Agent });
wire_enum!(Strategy => pb::Strategy { Sequential, Parallel, Pipeline, Adaptive });
wire_enum!(ItemType => pb::WorkItemType { Research, Generation, Validation, Review, Execution });
wire_enum!(Priority => pb::WorkItemPriority { Low, Normal, High, Critical });
wire_enum!(DependencyType => pb::DependencyType { Dependency, Soft, Data });
wire_enum!(TimeoutAction => pb::TimeoutAction { Cancel, Proceed, Escalate, Remind, Hold });
wire_enum!(Channel => pb::NotificationChannel { InApp, Email, Slack, Teams, Webhook });
wire_enum!(RiskLevel => pb::RiskLevel { Low, Medium, High, Critical });
wire_enum!(PlanChangeType => pb::PlanChangeType {
    WorkItemAdded,
    WorkItemRemoved,
    WorkItemModified,
    WorkItemObjectiveChanged,
    WorkItemConstraintsChanged,
    AgentAssignmentChanged,
    DependencyAdded,
    DependencyRemoved,
    DependencyTypeChanged,
    StrategyChanged,
    EstimateUpdated,
    PriorityChanged,
});

//! The names by which conditions look at a plan.

use super::cel::Val;
use super::subject::{Call, Whole};

/// What a rule is asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    /// A call of a tool, within its plan.
    Call,
    /// The plan as a whole.
    Plan,
}

/// A call, or none, and its plan.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sight<'v> {
    pub(super) call: Option<&'v Call<'v>>,
    pub(super) whole: &'v Whole<'v>,
}

macro_rules! fields {
    (
        call { $($call:ident => $call_root:literal $call_name:literal,)+ }
        plan { $($plan:ident => $plan_name:literal,)+ }
    ) => {
        /// What a condition can look at.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub(super) enum Field { $($call,)+ $($plan,)+ }

        impl Field {
            /// The field `root.name`, if a rule over `scope` may look at it.
            pub(super) fn find(root: &str, name: &str, scope: Scope) -> Option<Self> {
                match (root, name) {
                    $(($call_root, $call_name) => (scope == Scope::Call).then_some(Self::$call),)+
                    $(("plan", $plan_name) => Some(Self::$plan),)+
                    _ => None,
                }
            }

            /// Its name, e.g. `item.tool`.
            #[cfg(test)]
            pub(super) const fn name(self) -> &'static str {
                match self {
                    $(Self::$call => concat!($call_root, ".", $call_name),)+
                    $(Self::$plan => concat!("plan.", $plan_name),)+
                }
            }

            /// Every field.
            #[cfg(test)]
            pub(super) const ALL: &'static [Self] = &[$(Self::$call,)+ $(Self::$plan,)+];
        }
    };
}

fields! {
    call {
        ItemId => "item" "id",
        ItemType => "item" "type",
        ItemPriority => "item" "priority",
        ItemTool => "item" "tool",
        ItemArguments => "item" "arguments",
        ItemFound => "item" "found",
        ItemSecrets => "item" "secrets",
        ItemHosts => "item" "hosts",
        ItemLateBound => "item" "late_bound",
        ItemBounds => "item" "bounds",
        ItemCapabilities => "item" "capabilities",
        ItemAgentType => "item" "agent_type",
        ItemIsRollback => "item" "is_rollback",
        ItemCanRollBack => "item" "can_roll_back",
        ItemCommands => "item" "commands",
        ItemPrograms => "item" "programs",
        ItemShell => "item" "shell",
        ItemSql => "item" "sql",
        ItemTables => "item" "tables",
        ItemPaths => "item" "paths",
        ItemData => "item" "data",
        ItemSends => "item" "sends",
        ItemProduction => "item" "production",
        ItemAmount => "item" "amount",
        ItemRecipients => "item" "recipients",
        ToolName => "tool" "name",
        ToolKnown => "tool" "known",
        ToolSideEffects => "tool" "side_effects",
        ToolIdempotent => "tool" "idempotent",
        ToolReversible => "tool" "reversible",
    }
    plan {
        PlanGoal => "goal",
        PlanIntent => "intent",
        PlanStrategy => "strategy",
        PlanContext => "context",
        PlanItems => "items",
        PlanTools => "tools",
        PlanSideEffects => "side_effects",
        PlanFound => "found",
        PlanSecrets => "secrets",
        PlanHosts => "hosts",
        PlanData => "data",
        PlanSends => "sends",
        PlanProduction => "production",
        PlanAmount => "amount",
    }
}

impl Field {
    /// Whether its value is what people or earlier items wrote: long, perhaps private, and not for explanations.
    pub(super) const fn is_quoted_by_nobody(self) -> bool {
        matches!(
            self,
            Self::ItemArguments | Self::ItemCommands | Self::PlanContext | Self::PlanGoal | Self::PlanIntent
        )
    }
}

impl<'v> Sight<'v> {
    /// The value of `field`; none of a call where there is no call.
    pub(super) fn look(self, field: Field) -> Val<'v> {
        let plan = self.whole.plan;
        match field {
            Field::PlanGoal => Val::text(&plan.goal),
            Field::PlanIntent => Val::text(&plan.intent),
            Field::PlanStrategy => Val::text(plan.strategy.as_str()),
            Field::PlanContext => Val::Object(&plan.context),
            Field::PlanItems => Val::count(plan.items.len()),
            Field::PlanTools => Val::Names(self.whole.tools()),
            Field::PlanSideEffects => Val::text(self.whole.side_effects().as_str()),
            Field::PlanFound => Val::Names(&self.whole.found().names),
            Field::PlanSecrets => Val::Names(self.whole.secrets()),
            Field::PlanHosts => Val::Names(self.whole.hosts()),
            Field::PlanData => Val::Names(self.whole.data()),
            Field::PlanSends => Val::Bool(self.whole.sends()),
            Field::PlanProduction => Val::Bool(self.whole.is_production()),
            Field::PlanAmount => Val::Float(self.whole.amount()),
            _ => self.call.map_or(Val::Null, |call| call.look(field)),
        }
    }
}

impl<'v> Call<'v> {
    fn look(&'v self, field: Field) -> Val<'v> {
        let item = self.item;
        match field {
            Field::ItemId => Val::text(item.id.as_str()),
            Field::ItemType => Val::text(item.item_type.as_str()),
            Field::ItemPriority => Val::text(item.priority.as_str()),
            Field::ItemTool | Field::ToolName => Val::text(self.name),
            Field::ItemArguments => Val::Object(self.arguments),
            Field::ItemFound => Val::Names(&self.found().names),
            Field::ItemSecrets => Val::Names(&self.references().secrets),
            Field::ItemHosts => Val::Names(self.hosts()),
            Field::ItemLateBound => Val::Names(&self.references().late_bound),
            Field::ItemBounds => Val::count(item.bounds.len()),
            Field::ItemCapabilities => Val::Names(&item.required_capabilities),
            Field::ItemAgentType => Val::text(&item.preferred_agent_type),
            Field::ItemIsRollback => Val::Bool(self.is_rollback),
            Field::ItemCanRollBack => Val::Bool(self.can_roll_back()),
            Field::ItemCommands => Val::Names(&self.meaning().commands),
            Field::ItemPrograms => Val::Names(&self.meaning().programs),
            Field::ItemShell => Val::Names(&self.meaning().shell),
            Field::ItemSql => Val::Names(&self.meaning().sql),
            Field::ItemTables => Val::Names(&self.meaning().tables),
            Field::ItemPaths => Val::Names(&self.meaning().paths),
            Field::ItemData => Val::Names(&self.meaning().data),
            Field::ItemSends => Val::Bool(self.meaning().sends),
            Field::ItemProduction => Val::Bool(self.meaning().is_production),
            Field::ItemAmount => Val::Float(self.amount()),
            Field::ItemRecipients => Val::count(self.meaning().recipients),
            Field::ToolKnown => Val::Bool(self.tool.is_some()),
            Field::ToolSideEffects => Val::text(self.side_effects().as_str()),
            Field::ToolIdempotent => Val::Bool(self.tool.is_some_and(|tool| tool.idempotent)),
            Field::ToolReversible => Val::Bool(self.tool.is_some_and(|tool| tool.reversible)),
            Field::PlanGoal
            | Field::PlanIntent
            | Field::PlanStrategy
            | Field::PlanContext
            | Field::PlanItems
            | Field::PlanTools
            | Field::PlanSideEffects
            | Field::PlanFound
            | Field::PlanSecrets
            | Field::PlanHosts
            | Field::PlanData
            | Field::PlanSends
            | Field::PlanProduction
            | Field::PlanAmount => Val::Null,
        }
    }
}

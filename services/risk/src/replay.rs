//! What another policy would change for plans.

use assent_plan::{ItemId, Plan, RiskAssessment, RiskFactor, RiskLevel};

use crate::domain::Policy;
use crate::rulebook::Rulebook;

/// What would change for one plan.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// Index of the plan.
    pub plan: usize,
    /// Under the policy in force.
    pub from: RiskAssessment,
    /// Under the other.
    pub to: RiskAssessment,
}

/// What would change, in numbers of plans.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Summary {
    /// All plans.
    pub plans: usize,
    /// Plans of a higher level.
    pub raised: usize,
    /// Plans of a lower level.
    pub lowered: usize,
    /// Plans of the same level for other reasons, or with other levels of items.
    pub reasons_changed: usize,
    /// Plans that could then run without a person.
    pub newly_auto_approvable: usize,
    /// Plans that could then no longer run without a person.
    pub no_longer_auto_approvable: usize,
    /// Plans on which other people would have to agree, or in another way.
    pub requirement_changed: usize,
}

/// Assesses `plans` by the policy in force and by `policy`; what is judged alike is left out.
pub fn replay(rulebook: &Rulebook, policy: &Policy, plans: &[Plan]) -> (Vec<Change>, Summary) {
    let mut summary = Summary { plans: plans.len(), ..Summary::default() };
    let mut changes = Vec::new();
    for (plan, of) in plans.iter().enumerate() {
        let change = Change { plan, from: rulebook.assess(of), to: rulebook.assess_under(of, policy) };
        let (from, to) = (&change.from, &change.to);
        let reasons = from.factors != to.factors || from.items != to.items;
        let could = (from.requirement.auto_approvable, to.requirement.auto_approvable);
        summary.raised += usize::from(to.level > from.level);
        summary.lowered += usize::from(to.level < from.level);
        summary.reasons_changed += usize::from(to.level == from.level && reasons);
        summary.newly_auto_approvable += usize::from(could == (false, true));
        summary.no_longer_auto_approvable += usize::from(could == (true, false));
        summary.requirement_changed += usize::from(change.requirement_changed());
        if to.level != from.level || reasons || change.requirement_changed() {
            changes.push(change);
        }
    }
    (changes, summary)
}

impl Change {
    /// Whether other people would have to agree, or in another way.
    pub fn requirement_changed(&self) -> bool {
        self.from.requirement != self.to.requirement
    }

    /// Items whose level would change.
    pub fn items(&self) -> impl Iterator<Item = (&ItemId, RiskLevel, RiskLevel)> {
        let to = |id| self.to.items.get(id).copied();
        self.from
            .items
            .iter()
            .filter_map(move |(id, from)| to(id).map(|to| (id, *from, to)))
            .filter(|(_, from, to)| from != to)
    }

    /// Factors that would come.
    pub fn factors_added(&self) -> impl Iterator<Item = &RiskFactor> {
        self.to.factors.iter().filter(|factor| !self.from.factors.contains(factor))
    }

    /// Factors that would go.
    pub fn factors_removed(&self) -> impl Iterator<Item = &RiskFactor> {
        self.from.factors.iter().filter(|factor| !self.to.factors.contains(factor))
    }
}

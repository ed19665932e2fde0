//! Digests of everything that is kept. The one that approvals are bound to covers only what has an effect; what
//! people read must not change unnoticed either.

use assent_core::Digest;
use assent_plan::Plan;
use assent_plan::canonical::{NotCanonical, canonical};

use super::version::VersionInfo;

/// SHA-256 of the canonical JSON of `plan`, whatever the order of its items and dependencies.
///
/// # Errors
/// When the plan holds a number that has no canonical form.
pub(crate) fn content_of(plan: &Plan) -> Result<Digest, NotCanonical> {
    let mut items: Vec<_> = plan.items.iter().collect();
    items.sort_by_key(|item| &item.id);
    let mut dependencies: Vec<_> = plan.dependencies.iter().collect();
    dependencies.sort();
    let shell = shallow(plan);
    let text = canonical(&(shell, items, dependencies))?;
    Ok(Digest::of(&[&text]))
}

/// SHA-256 of the canonical JSON of all that is known of a version but its plan.
///
/// # Errors
/// When it holds a number that has no canonical form.
pub(crate) fn record_of(info: &VersionInfo) -> Result<Digest, NotCanonical> {
    let VersionInfo { id, session, number, digest, estimate, risk, changes, .. } = info;
    let VersionInfo { change_description, author, created_at, .. } = info;
    let who = (change_description, author, created_at.to_string());
    let text = canonical(&(id, session, number, digest, estimate, risk, changes, who))?;
    Ok(Digest::of(&[&text]))
}

/// The plan's own fields.
fn shallow(plan: &Plan) -> Plan {
    Plan {
        id: plan.id,
        goal: plan.goal.clone(),
        intent: plan.intent.clone(),
        strategy: plan.strategy,
        items: Vec::new(),
        dependencies: Vec::new(),
        constraints: plan.constraints.clone(),
        context: plan.context.clone(),
        requester: plan.requester.clone(),
        on_behalf_of: plan.on_behalf_of.clone(),
        origin: plan.origin.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_does_not_count_and_every_word_does() {
        let text = "
goal: g
items:
  - { id: a, name: A, tool: shell, arguments: { command: ls } }
  - { id: b, name: B, tool: shell, arguments: { command: ls } }
";
        let plan = Plan::from_yaml(text).unwrap();
        let mut turned = plan.clone();
        turned.items.reverse();
        assert_eq!(content_of(&plan).unwrap(), content_of(&turned).unwrap());
        turned.items[0].description = "other".to_owned();
        assert_ne!(content_of(&plan).unwrap(), content_of(&turned).unwrap());
    }
}

//! Who may change the plan of a session.

use assent_core::actor::{ADMIN, DEVELOPER, LEAD};
use assent_core::{Actor, ActorKind};
use assent_plan::Plan;

/// Whether `actor` may change `plan`: who asked for it, for whom it was asked, and people who develop, lead or
/// administer. Agents and services change only what they asked for.
pub(crate) fn may_edit(actor: &Actor, plan: &Plan) -> bool {
    if actor.id == plan.requester {
        return true;
    }
    actor.kind == ActorKind::User
        && (actor.id == plan.on_behalf_of || [DEVELOPER, LEAD, ADMIN].iter().any(|role| actor.has_role(role)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn actor(id: &str, kind: ActorKind, roles: &[&str]) -> Actor {
        let roles = roles.iter().map(|role| (*role).to_owned()).collect();
        Actor { kind, roles, ..Actor { id: id.to_owned(), ..Actor::system("x") } }
    }

    #[test]
    fn agents_change_only_their_own_plans() {
        let mut plan = Plan::new("g");
        plan.requester = "robot".to_owned();
        plan.on_behalf_of = "olga".to_owned();
        assert!(may_edit(&actor("robot", ActorKind::Agent, &[]), &plan));
        assert!(may_edit(&actor("olga", ActorKind::User, &[]), &plan));
        assert!(may_edit(&actor("ada", ActorKind::User, &["developer"]), &plan));
        assert!(!may_edit(&actor("ada", ActorKind::User, &["viewer"]), &plan));
        assert!(!may_edit(&actor("other", ActorKind::Agent, &["admin"]), &plan));
        assert!(!may_edit(&actor("olga", ActorKind::Agent, &["developer"]), &plan));
        assert!(!may_edit(&Actor::system("executor"), &plan));
    }
}

use assent_plan::digest::{DigestError, item_leaf};
use assent_plan::*;
use proptest::prelude::{prop, prop_assert, prop_assert_eq, prop_assert_ne, proptest};
use serde_json::json;

use crate::generate::{any_plan, id, sound_plan};

type Edit = fn(&mut WorkItem);

fn map(name: &str, value: serde_json::Value) -> Map {
    Map::from_iter([(name.to_owned(), value)])
}

const EFFECTS: &[(&str, Edit)] = &[
    ("id", |item| item.id = "other".parse().unwrap()),
    ("tool", |item| item.tool.push('x')),
    ("arguments", |item| drop(item.arguments.insert("added".into(), json!(1)))),
    ("timeout", |item| {
        item.constraints.timeout =
            Some(Span::from_millis(item.constraints.timeout.map_or(1, |t| t.millis() ^ 1)))
    }),
    ("max_retries", |item| {
        item.constraints.max_retries = Some(item.constraints.max_retries.map_or(0, |n| n ^ 1))
    }),
    ("max_cost", |item| {
        item.constraints.max_cost = item.constraints.max_cost.map_or(Some(Money::ZERO), |_| None)
    }),
    ("priority", |item| {
        item.priority = if item.priority == Priority::Low { Priority::High } else { Priority::Low }
    }),
    ("required_capabilities", |item| item.required_capabilities.push("a new capability".into())),
    ("preferred_agent_type", |item| item.preferred_agent_type.push('x')),
    ("rollback", |item| {
        item.rollback = item
            .rollback
            .take()
            .map_or(Some(Rollback { tool: "t".into(), arguments: map("a", json!(1)) }), |_| None)
    }),
    ("rollback_possible", |item| {
        item.rollback_possible = item.rollback_possible.map_or(Some(true), |_| None)
    }),
    ("bounds", |item| {
        item.bounds.push(Bound { expression: "arguments.n == 12345".into(), description: String::new() })
    }),
];

const TEXTS: &[(&str, Edit)] = &[
    ("name", |item| item.name.push('x')),
    ("description", |item| item.description.push('x')),
    ("type", |item| {
        item.item_type =
            if item.item_type == ItemType::Review { ItemType::Research } else { ItemType::Review }
    }),
    ("objective", |item| item.objective.goal.push('x')),
    ("declared_risk", |item| item.declared_risk = item.declared_risk.map_or(Some(RiskLevel::High), |_| None)),
    ("a bound's description", |item| item.bounds.iter_mut().for_each(|b| b.description.push('x'))),
    ("a repeated capability", |item| item.required_capabilities.extend_from_within(..)),
    ("the order of capabilities", |item| item.required_capabilities.reverse()),
    ("the order of bounds", |item| item.bounds.reverse()),
];

#[test]
fn every_field_of_an_item_is_classified() {
    let item = serde_json::to_value(WorkItem::new(id(0), "n", "t")).unwrap();
    for field in item.as_object().unwrap().keys() {
        let known = |list: &[(&str, Edit)]| list.iter().any(|(name, _)| name == field);
        assert!(field == "constraints" || known(EFFECTS) ^ known(TEXTS), "{field}");
    }
}

#[test]
fn numbers_count_by_value() {
    let with = |value| WorkItem { arguments: map("n", value), ..WorkItem::new(id(0), "n", "t") };
    assert_eq!(item_leaf(&with(json!(1))), item_leaf(&with(json!(1.0))));
    assert_ne!(item_leaf(&with(json!(1))), item_leaf(&with(json!("1"))));
}

#[test]
fn what_readers_could_disagree_about_has_no_digest() {
    let item = |value| WorkItem { arguments: map("n", value), ..WorkItem::new(id(0), "n", "t") };
    let key = LeafKey::Item(id(0));
    let error = item_leaf(&item(json!(9_007_199_254_740_992_u64))).unwrap_err();
    assert_eq!(error, DigestError::InexactNumber { key: key.clone(), path: "arguments.n".into() });

    let twice = Plan { items: vec![item(json!(1)), item(json!(2))], ..Plan::new("g") };
    assert_eq!(PlanDigest::of(&twice), Err(DigestError::Duplicate(key)));
}

#[test]
fn leaf_keys_have_one_text_form() {
    for text in ["plan", "item/a", "edge/a/b.c"] {
        assert_eq!(text.parse::<LeafKey>().unwrap().to_string(), text);
    }
    for bad in ["", "plans", "item/", "item/A", "edge/a", "edge/a/b/c"] {
        assert!(bad.parse::<LeafKey>().is_err(), "{bad}");
    }
}

proptest! {
    #[test]
    fn an_effect_changes_the_root_and_its_own_leaf_only(plan in sound_plan(), at: prop::sample::Index) {
        let before = PlanDigest::of(&plan).unwrap();
        let at = at.index(plan.items.len());
        for (field, edit) in EFFECTS {
            let mut edited = plan.clone();
            edit(&mut edited.items[at]);
            let after = PlanDigest::of(&edited).unwrap();
            prop_assert_ne!(before.root, after.root, "{}", field);
            for item in plan.items.iter().enumerate().filter(|(n, _)| *n != at).map(|(_, item)| item) {
                prop_assert_eq!(before.item(&item.id), after.item(&item.id));
            }
        }
    }

    #[test]
    fn a_text_changes_nothing(plan in sound_plan(), at: prop::sample::Index) {
        let before = PlanDigest::of(&plan).unwrap();
        let at = at.index(plan.items.len());
        for (field, edit) in TEXTS {
            let mut edited = plan.clone();
            edit(&mut edited.items[at]);
            prop_assert_eq!(&before, &PlanDigest::of(&edited).unwrap(), "{}", field);
        }
        let edits: [fn(&mut Plan); 7] = [
            |plan| plan.goal.push('x'),
            |plan| plan.intent.push('x'),
            |plan| drop(plan.context.insert("k".into(), json!(1))),
            |plan| plan.requester.push('x'),
            |plan| plan.origin.push('x'),
            |plan| plan.items.reverse(),
            |plan| plan.dependencies.reverse(),
        ];
        for edit in edits {
            let mut edited = plan.clone();
            edit(&mut edited);
            prop_assert_eq!(&before, &PlanDigest::of(&edited).unwrap());
        }
    }

    #[test]
    fn the_plans_own_effects_change_the_root(plan in sound_plan()) {
        let before = PlanDigest::of(&plan).unwrap().root;
        let edits: [fn(&mut Plan); 6] = [
            |plan| plan.strategy = Strategy::Sequential,
            |plan| plan.constraints.max_cost = Some(Money::ZERO),
            |plan| plan.constraints.max_duration = Some(Span::ZERO),
            |plan| plan.constraints.allowed_tools.push("x".into()),
            |plan| plan.constraints.forbidden_tools.push("x".into()),
            |plan| drop(plan.items.pop()),
        ];
        for edit in edits {
            let mut edited = plan.clone();
            edit(&mut edited);
            prop_assert_ne!(before, PlanDigest::of(&edited).unwrap().root);
        }
        for at in 0..plan.dependencies.len() {
            let mut edited = plan.clone();
            edited.dependencies[at].kind = match edited.dependencies[at].kind {
                DependencyType::Soft => DependencyType::Data,
                _ => DependencyType::Soft,
            };
            prop_assert_ne!(before, PlanDigest::of(&edited).unwrap().root);
            edited.dependencies.remove(at);
            prop_assert_ne!(before, PlanDigest::of(&edited).unwrap().root);
        }
    }

    #[test]
    fn every_leaf_is_proved(plan in sound_plan()) {
        let digest = PlanDigest::of(&plan).unwrap();
        for (key, leaf) in &digest.leaves {
            prop_assert!(merkle::verify(&digest.root, leaf, &digest.prove(key).unwrap()));
        }
        prop_assert_eq!(digest.prove(&LeafKey::Item("nobody".parse().unwrap())), None);
    }

    #[test]
    fn arbitrary_plans_never_panic(plan in any_plan()) {
        let _ = PlanDigest::of(&plan);
    }
}

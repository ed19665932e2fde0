//! The evaluator against the interpreter of the `cel` crate, and against hostile values.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, LazyLock};

use assent_plan::{Catalog, Plan};
use cel::{Context, Env, Value};
use proptest::prelude::*;
use serde_json::Value as Json;

use super::{Budget, Condition, Judgement, Val};
use crate::domain::fields::{Field, Scope, Sight};
use crate::domain::patterns::Patterns;
use crate::domain::subject::{Whole, calls};

const PLAN: &str = r#"
goal: "Export the user table é"
context: { n: 3, nested: { deep: [1, "a", null] } }
items:
  - id: a
    name: A
    tool: http_request
    arguments:
      method: GET
      url: "https://x.dev/${items.b.output.path}"
      headers: { token: "${secret:S}" }
      body: { n: 1.5, list: [1, 2, "a", [true]], text: "export é", none: null }
  - { id: b, name: B, tool: web_search, arguments: { query: users } }
"#;

fn with_plan<T>(yaml: &str, work: impl FnOnce(Sight<'_>) -> T) -> T {
    let plan = Plan::from_yaml(yaml).unwrap();
    static CATALOG: LazyLock<Catalog> = LazyLock::new(|| Catalog::builtin().unwrap());
    let named = [("export".to_owned(), "export".to_owned()), ("user".to_owned(), r"\busers?\b".to_owned())];
    let patterns = Patterns::compile(&named.into()).unwrap();
    let calls = calls(&plan, &CATALOG, &patterns);
    let whole = Whole::new(&plan, &calls, &patterns);
    work(Sight { call: calls.first(), whole: &whole })
}

fn to_cel(value: &Val<'_>) -> Value {
    match value {
        Val::Null => Value::Null,
        Val::Bool(yes) => Value::Bool(*yes),
        Val::Int(number) => Value::Int(*number),
        Val::Float(number) => Value::Float(*number),
        Val::Text(text) => Value::from(text.as_ref()),
        Val::Object(members) => {
            let members: HashMap<String, Value> =
                members.iter().map(|(key, value)| (key.clone(), to_cel(&Val::json(value)))).collect();
            Value::Map(members.into())
        }
        Val::Names(_) | Val::Array(_) | Val::List(_) => {
            Value::List(Arc::new(value.elements().unwrap().map(|element| to_cel(&element)).collect()))
        }
    }
}

/// What the `cel` crate makes of it; a panic of its own counts as no answer.
fn reference(env: &Arc<Env>, source: &str, sight: Sight<'_>) -> Judgement {
    let mut roots: HashMap<&str, HashMap<String, Value>> = HashMap::new();
    for field in Field::ALL {
        let (root, name) = field.name().split_once('.').unwrap();
        roots.entry(root).or_default().insert(name.to_owned(), to_cel(&sight.look(*field)));
    }
    let mut context = Context::with_env(env.clone());
    for (root, members) in roots {
        context.add_variable_from_value(root, Value::Map(members.into()));
    }
    let program = env.compile(source).unwrap();
    match catch_unwind(AssertUnwindSafe(|| program.execute(&context))) {
        Ok(Ok(Value::Bool(true))) => Judgement::Yes,
        Ok(Ok(Value::Bool(false))) => Judgement::No,
        Ok(_) | Err(_) => Judgement::Unclear,
    }
}

fn boolean() -> impl Strategy<Value = String> {
    let fields: Vec<String> = Field::ALL
        .iter()
        // To the crate, a list and a map have a sum; the language knows none.
        .filter(|field| !matches!(field, Field::ItemArguments | Field::PlanContext))
        .map(|field| field.name().to_owned())
        .chain(
            ["item.arguments.body.list", "item.arguments.body.n", "item.arguments.missing"]
                .map(str::to_owned),
        )
        .collect();
    let literals = ["1", "2.5", "'a'", "'export'", "true", "null", "[1, 2]", "['GET', 'a']", "-3", "'é'"];
    let atom = prop_oneof![
        3 => prop::sample::select(fields),
        2 => prop::sample::select(literals.to_vec()).prop_map(str::to_owned),
    ];
    let value = atom.prop_recursive(2, 8, 3, |inner| {
        prop_oneof![
            (inner.clone(), prop::sample::select(vec!["+", "-", "*", "/", "%"]), inner.clone())
                .prop_map(|(a, op, b)| format!("({a} {op} {b})")),
            inner.clone().prop_map(|a| format!("size({a})")),
            inner.clone().prop_map(|a| format!("{a}.map(x, size(x))")),
            inner.clone().prop_map(|a| format!("{a}.filter(x, x == 'a')")),
            (inner.clone(), 0..3).prop_map(|(a, n)| format!("{a}[{n}]")),
            inner.prop_map(|a| format!("string({a})")),
        ]
    });
    let leaf = (value.clone(), prop::sample::select(vec!["==", "!=", "<", "<=", ">", ">=", "in"]), value)
        .prop_flat_map(|(a, op, b)| {
            prop::sample::select(vec![
                format!("({a} {op} {b})"),
                format!("{a}.exists(x, x {op} {b})"),
                format!("{a}.all(x, x {op} {b})"),
                format!("{a}.exists_one(x, x {op} {b})"),
                format!("{a}.contains({b})"),
                format!("{a}.startsWith({b})"),
                format!("{a}.matches('(?i)^e.*é$|GET')"),
                format!("{a} in item.arguments"),
                "item.arguments.exists(k, k == 'url')".to_owned(),
                "item.arguments == plan.context".to_owned(),
                "has(item.arguments.url)".to_owned(),
                "has(item.arguments.url.deep)".to_owned(),
            ])
        });
    leaf.prop_recursive(3, 12, 2, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} && {b})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} || {b})")),
            (inner.clone(), inner.clone(), inner.clone()).prop_map(|(a, b, c)| format!("({a} ? {b} : {c})")),
            inner.prop_map(|a| format!("!{a}")),
        ]
    })
}

static ENV: LazyLock<Arc<Env>> = LazyLock::new(|| Arc::new(Env::stdlib()));

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn conditions_mean_what_cel_says(source in boolean()) {
        let Ok(condition) = Condition::compile(&ENV, &source, Scope::Call) else { return Ok(()) };
        let (own, theirs) = with_plan(PLAN, |sight| {
            (condition.judge(sight, &mut Budget::default()), reference(&ENV, &source, sight))
        });
        prop_assert_eq!(own, theirs, "{}", source);
    }
}

/// What the property found once, so that it is asked each time.
#[test]
fn keys_of_any_number_are_looked_for_and_other_kinds_are_unclear() {
    for (source, expected) in [
        ("item.amount in item.arguments", Judgement::No),
        ("2.5 in item.arguments", Judgement::No),
        ("3 in item.arguments", Judgement::No),
        ("'url' in item.arguments", Judgement::Yes),
        ("null in item.arguments", Judgement::Unclear),
        ("[1, 2] in item.arguments", Judgement::Unclear),
        ("(item.found + item.arguments)[0] == 1", Judgement::Unclear),
    ] {
        let condition = Condition::compile(&ENV, source, Scope::Call).unwrap();
        let own = with_plan(PLAN, |sight| condition.judge(sight, &mut Budget::default()));
        assert_eq!(own, expected, "{source}");
    }
}

#[test]
fn work_is_bounded_however_a_condition_nests_its_loops() {
    let rows: Vec<Json> = (0..3000).map(Json::from).collect();
    let plan = format!(
        "goal: g\nitems: [{{ id: a, name: A, tool: http_request, arguments: {{ body: {} }} }}]",
        Json::from(rows)
    );
    let linear = "item.arguments.body.exists(x, x == 2999)";
    let gathered = "size(item.arguments.body.map(x, x + 1).filter(x, x > 10)) == 2990";
    let cubic =
        "item.arguments.body.all(x, item.arguments.body.all(y, item.arguments.body.all(z, x + y + z >= 0)))";
    let caught = format!("{cubic} || tool.known");
    for (source, expected) in [
        (linear, Judgement::Yes),
        (gathered, Judgement::Yes),
        (cubic, Judgement::Unclear),
        (&caught, Judgement::Unclear),
    ] {
        let condition = Condition::compile(&ENV, source, Scope::Call).unwrap();
        let mut budget = Budget::default();
        assert_eq!(with_plan(&plan, |sight| condition.judge(sight, &mut budget)), expected, "{source}");
    }
    let condition = Condition::compile(&ENV, "tool.known", Scope::Call).unwrap();
    let judged = |budget: &mut Budget| with_plan(&plan, |sight| condition.judge(sight, budget));
    assert_eq!(judged(&mut Budget::of(1)), Judgement::Yes);
    assert_eq!(judged(&mut Budget::of(0)), Judgement::Unclear);
}

#[test]
fn what_conditions_cannot_hold_is_refused_with_its_place() {
    for (source, line, column, what) in [
        ("item.tool ==", 1, 13, ""),
        ("tool.known &&\n  itm.tool == 'x'", 2, 6, "there is no `itm.tool`"),
        ("item.tool.matches('(')", 1, 19, "regex"),
        ("item.tool.matches(item.id)", 1, 23, "literal"),
        ("item.tool.reverse() == ''", 1, 18, "there is no function `reverse`"),
        ("size(item.tool, 1) == 1", 1, 5, "takes 1 values, not 2"),
        ("item.bounds == 5u", 1, 16, "unsigned"),
        ("{'a': 1} == item.arguments", 1, 1, "maps"),
        ("1 < 2", 1, 1, "no field"),
    ] {
        let flaw = Condition::compile(&ENV, source, Scope::Call).unwrap_err();
        assert_eq!((flaw.line, flaw.column), (line, column), "{source}: {flaw:?}");
        assert!(flaw.what.contains(what), "{source}: {flaw:?}");
    }
    let long = format!("tool.known{}", " ".repeat(5000));
    assert!(Condition::compile(&ENV, &long, Scope::Call).is_err());
    for deep in [
        "(".repeat(3000),
        format!("{}tool.known", "!".repeat(3000)),
        format!("{}1 > tool.known", "-".repeat(3000)),
        format!("item.arguments{} == 1", ".a".repeat(1500)),
        format!("1{} > item.bounds", " + 1".repeat(900)),
        format!("tool.known{}", " ? true : true".repeat(250)),
        format!("tool.known{}", " && tool.known".repeat(250)),
        "[".repeat(1000),
        format!("item.arguments{}", "[0".repeat(1000)),
        format!("item.id == r'\\' || {}1 > item.bounds //'", "-".repeat(2000)),
        format!("item.id == '''a'b''' || {}1 > item.bounds //'", "-".repeat(2000)),
    ] {
        assert!(Condition::compile(&ENV, &deep, Scope::Call).is_err(), "{deep}");
    }
    let wide =
        format!("'(((((((((((((((((((((((((((((((((((((((((' in item.found{}", " || tool.known".repeat(60));
    assert!(Condition::compile(&ENV, &wide, Scope::Call).is_ok());
    let tall = format!("tool.known && item.bounds < 1{}", " + 1".repeat(150));
    assert!(Condition::compile(&ENV, &tall, Scope::Call).is_ok());
    assert!(Condition::compile(&ENV, "item.id == ''", Scope::Plan).is_err());
}

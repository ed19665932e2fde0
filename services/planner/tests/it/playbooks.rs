//! Playbooks of one's own.

use assent_plan::{Catalog, Map};
use assent_planner::{Library, Playbook, PlaybookError};

const ECHO: &str = r#"
name: echo
description: Repeats a word
examples: [say hello]
match:
  - { score: 1, pattern: '^say (?P<word>\w+)$' }
parameters:
  - { name: word, value: "{{ word }}", pattern: '[a-z]+' }
plan:
  intent: Say {{ word }}
  strategy: parallel
  items:
    - { id: say, name: "Say {{ word }}", tool: code_gen, arguments: { template: t, values: { word: "{{ word }}" } } }
"#;

fn read(text: &str) -> Result<Playbook, PlaybookError> {
    Playbook::from_yaml(text, &Catalog::builtin().unwrap())
}

#[test]
fn mistakes_are_found_when_a_playbook_is_read() {
    assert!(read(ECHO).is_ok());
    for (from, to, why) in [
        ("description:", "describtion:", "line 3"),
        ("name: echo", "name: Echo!", "`Echo!` is no name"),
        ("[say hello]", "[]", "no example"),
        ("[say hello]", "[sing]", "does not fit its own example \"sing\""),
        ("[say hello]", "[say HELLO]", "does not fit its own example"),
        (r"'^say (?P<word>\w+)$'", "'('", "`(` cannot be used"),
        ("Say {{ word }}\n", "Say {{ wrod }}\n", "undefined"),
        ("strategy: parallel", "strategy: random", "`random` is no strategy"),
        ("tool: code_gen", "tool: teleport", "items[0].tool: `teleport` is no tool"),
    ] {
        let text = ECHO.replacen(from, to, 1);
        assert_ne!(text, ECHO, "{from}");
        let error = read(&text).map(|_| ()).unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
    }
}

#[test]
fn a_value_that_a_parameter_does_not_take_makes_it_unfit() {
    let echo = read(ECHO).unwrap_or_else(|error| panic!("{error}"));
    assert!(echo.fit("say hello", &Map::new()).is_some());
    assert!(echo.fit("say h3llo", &Map::new()).is_none());
    // Characters are counted, not bytes.
    let short = ECHO.replace("pattern: '[a-z]+'", r"pattern: '\w+', max_length: 5");
    let short = read(&short).unwrap_or_else(|error| panic!("{error}"));
    assert!(short.fit("say héllo", &Map::new()).is_some());
    assert!(short.fit("say hellos", &Map::new()).is_none());
}

#[test]
fn the_more_specific_playbook_is_chosen_whatever_the_order() {
    let catalog = Catalog::builtin().unwrap();
    let special = ECHO.replace("name: echo", "name: zecho").replace("score: 1", "score: 2");
    for texts in [[ECHO, &special], [&special, ECHO]] {
        let mut library = Library::default();
        texts
            .iter()
            .try_for_each(|text| library.add(text, &catalog))
            .unwrap_or_else(|error| panic!("{error}"));
        let (chosen, fit) = library.choose("say hi", &Map::new()).unwrap();
        assert_eq!((chosen.name(), fit.score()), ("zecho", 2));
        assert!(library.choose("sing", &Map::new()).is_none());
        let taken = library.add(ECHO, &catalog);
        assert!(matches!(taken, Err(PlaybookError::NameTaken(name)) if name == "echo"));
    }
}

#[test]
fn what_a_catalog_has_no_tool_for_is_left_out() {
    let catalog = Catalog::from_yaml(
        "
tools:
  - name: web_search
    description: d
    schema: {}
    side_effects: read
    idempotent: true
    reversible: true
    default_timeout: 1s
    typical_duration: 1s
",
    );
    let library = Library::shipped(&catalog.unwrap());
    assert_eq!(library.playbooks().map(Playbook::name).collect::<Vec<_>>(), ["web-search"]);
    assert_eq!(library.unusable().len(), 11);
    assert!(
        library.unusable().iter().all(|u| u.line.is_some() && u.reason.contains("tool")),
        "{:?}",
        library.unusable()
    );
}

#[test]
fn the_line_of_a_mistake_is_named() {
    for (from, to, line) in [
        ("description:", "describtion:", 3),
        ("name: echo", "name: Echo!", 2),
        ("[say hello]", "[sing]", 4),
        (r"'^say (?P<word>\w+)$'", "'('", 6),
        ("Say {{ word }}\n", "Say {{ wrod }}\n", 10),
        ("score: 1", "score: many", 6),
    ] {
        let text = ECHO.replacen(from, to, 1);
        let error = read(&text).map(|_| ()).unwrap_err();
        assert_eq!(error.line(&text), Some(line), "{from}: {error}");
    }
}

#[test]
fn an_item_may_be_left_out_and_facts_may_be_used() {
    let text = ECHO
        .replace(r#"value: "{{ word }}""#, r#"value: "{{ context.word | default(word) }}""#)
        .replace(
            "arguments: { template: t",
            "when: \"{{ 'yes' if word != 'nothing' else '' }}\", arguments: { template: t",
        )
        + "    - { id: always, name: Always, tool: code_gen, arguments: { template: t } }\n  dependencies:\n    - { from: say, to: always }\n";
    let playbook = read(&text).unwrap_or_else(|error| panic!("{error}"));
    let plan = |goal: &str, context: serde_json::Value| {
        let context = super::map(context);
        let fit = playbook.fit(goal, &context).unwrap();
        playbook.plan(goal, &fit).unwrap_or_else(|error| panic!("{error}"))
    };
    let both = plan("say hello", serde_json::json!({}));
    assert_eq!((both.items.len(), both.dependencies.len()), (2, 1));
    let one = plan("say nothing", serde_json::json!({}));
    assert_eq!((one.items[0].id.as_str(), one.items.len(), one.dependencies.len()), ("always", 1, 0));
    let fact = plan("say hello", serde_json::json!({ "word": "bye" }));
    assert_eq!(fact.items[0].name, "Say bye");
    // A fact is data, too.
    assert!(playbook.fit("say hello", &super::map(serde_json::json!({ "word": "${secret:X}" }))).is_none());
}

/// Editors check playbooks against this file.
#[test]
fn the_published_schema_is_that_of_the_code() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/playbook.schema.json");
    let schema = format!("{:#}\n", assent_planner::playbook_schema());
    if std::env::var_os("ASSENT_UPDATE").is_some() {
        std::fs::write(path, &schema).unwrap();
    }
    assert_eq!(std::fs::read_to_string(path).unwrap(), schema, "run again with ASSENT_UPDATE=1");
}

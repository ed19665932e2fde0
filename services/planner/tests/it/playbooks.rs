//! Playbooks of one's own.

use assent_plan::Catalog;
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
    assert!(echo.fit("say hello").is_some());
    assert!(echo.fit("say h3llo").is_none());
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
        let (chosen, fit) = library.choose("say hi").unwrap();
        assert_eq!((chosen.name(), fit.score()), ("zecho", 2));
        assert!(library.choose("sing").is_none());
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
    let (library, unfit) = Library::shipped(&catalog.unwrap());
    assert_eq!(library.playbooks().map(Playbook::name).collect::<Vec<_>>(), ["web-search"]);
    assert_eq!(unfit.into_iter().map(|(name, _)| name).collect::<Vec<_>>(), ["database-export"]);
}

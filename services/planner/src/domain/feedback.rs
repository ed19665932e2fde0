//! What reviewers say, as far as a planner without a language model understands it: one instruction on a line.

use std::sync::LazyLock;

use assent_plan::{Catalog, ItemId, Money, Plan, Span};
use regex::{Captures, Regex};

/// What is understood, for those who were not.
pub(crate) const FORMS: &str = "drop item ID; forbid tool NAME; cap cost at $0.05; cap cost of item ID at $0.05; \
     cap duration at 10m; add check `COMMAND` after item ID; add check that file PATH exists after item ID";

/// One thing to do to a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Instruction {
    /// The item goes.
    DropItem(ItemId),
    /// No item uses the tool.
    ForbidTool(String),
    /// The execution costs at most that much.
    CapCost(Money),
    /// The item costs at most that much.
    CapItemCost(ItemId, Money),
    /// The execution takes at most that long.
    CapDuration(Span),
    /// A program says whether it went well: after the item, else at the end.
    AddCheck {
        /// The words of the command line.
        command: String,
        /// The item that is checked.
        after: Option<ItemId>,
    },
}

/// A text that is no instruction: the first part that was not understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NotUnderstood(pub(crate) String);

const REF: &str = r#"[`"']?(?P<ref>[^`"']+?)[`"']?"#;

struct Forms {
    drop: Regex,
    drop_this: Regex,
    forbid: Regex,
    cost: Regex,
    duration: Regex,
    check: Regex,
    file: Regex,
}

static FORM: LazyLock<Option<Forms>> = LazyLock::new(|| {
    let after = format!(r"(?:\s+after\s+(?:the\s+)?(?:(?:work\s+)?item\s+|step\s+)?{REF})?");
    let compile = |pattern: &str| Regex::new(&format!(r"(?is)^(?:please\s+)?{pattern}\s*[.!]?$")).ok();
    Some(Forms {
        drop: compile(&format!(
            r"(?:drop|remove|delete|skip|omit|leave\s+out)\s+(?:the\s+)?(?:(?:work\s+)?item\s+|step\s+|task\s+)?{REF}(?:\s+(?:item|step))?"
        ))?,
        drop_this: compile(
            r"(?:(?:drop|remove|delete|skip|omit|leave\s+out)\s+(?:this|it)(?:\s+(?:(?:work\s+)?item|step|task))?|leave\s+(?:this|it)\s+out)",
        )?,
        forbid: compile(&format!(
            r"(?:forbid|ban|avoid|(?:do\s+not|don't|never)\s+use)\s+(?:the\s+)?(?:tool\s+)?{REF}(?:\s+tool)?"
        ))?,
        cost: compile(&format!(
            r"(?:cap|limit|keep)\s+(?:the\s+)?(?:total\s+)?costs?(?:\s+of\s+(?:the\s+)?(?:(?:work\s+)?item\s+|step\s+)?{REF})?\s*(?:at|to|below|under|:)\s*(?:USD\s*|\$\s*)?(?P<amount>[0-9]+(?:\.[0-9]+)?)\s*(?:USD|dollars?)?"
        ))?,
        duration: compile(
            r"(?:cap|limit|keep)\s+(?:the\s+)?(?:total\s+)?(?:duration|time)\s*(?:at|to|below|under|:)\s*(?P<span>[0-9]+[a-z0-9]*)",
        )?,
        check: compile(&format!(r"add\s+(?:a\s+|the\s+)?check:?\s+`(?P<command>[^`]+)`{after}"))?,
        file: compile(&format!(
            r#"add\s+(?:a\s+|the\s+)?check:?\s+that\s+(?:the\s+)?file\s+[`"']?(?P<path>[^\s`"']+)[`"']?\s+exists{after}"#
        ))?,
    })
});

/// Reads `text` about `plan`; `about` is the item that the text is attached to.
pub(crate) fn read(
    text: &str,
    about: Option<&ItemId>,
    plan: &Plan,
    catalog: &Catalog,
) -> Result<Vec<Instruction>, NotUnderstood> {
    parts(text)
        .map(|part| instruction(part, about, plan, catalog).ok_or_else(|| NotUnderstood(cut(part))))
        .collect()
}

/// The lines of a text, without the marks of a list.
fn parts(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(unmarked).filter(|line| !line.is_empty())
}

fn unmarked(line: &str) -> &str {
    let line = line.trim();
    let rest = line.trim_start_matches(|c: char| c.is_ascii_digit());
    let marks: [&str; 2] = if rest.len() < line.len() { [". ", ") "] } else { ["- ", "* "] };
    marks.iter().find_map(|mark| rest.strip_prefix(mark)).unwrap_or(line).trim()
}

fn cut(part: &str) -> String {
    part.chars().take(200).collect()
}

fn instruction(part: &str, about: Option<&ItemId>, plan: &Plan, catalog: &Catalog) -> Option<Instruction> {
    let forms = FORM.as_ref()?;
    let named = |found: &Captures<'_>| found.name("ref").map(|m| item(plan, m.as_str()));
    if forms.drop_this.is_match(part) {
        return about.cloned().map(Instruction::DropItem);
    }
    if let Some(found) = forms.drop.captures(part) {
        return named(&found)?.map(Instruction::DropItem);
    }
    if let Some(found) = forms.forbid.captures(part) {
        let name = found["ref"].trim().replace(' ', "_").to_lowercase();
        return catalog.get(&name).map(|_| Instruction::ForbidTool(name));
    }
    if let Some(found) = forms.cost.captures(part) {
        let amount = found["amount"].parse().ok()?;
        return match named(&found) {
            Some(item) => item.map(|item| Instruction::CapItemCost(item, amount)),
            None => {
                Some(about.map_or(Instruction::CapCost(amount), |item| {
                    Instruction::CapItemCost(item.clone(), amount)
                }))
            }
        };
    }
    if let Some(found) = forms.duration.captures(part) {
        return found["span"].to_lowercase().parse().ok().map(Instruction::CapDuration);
    }
    let command = match (forms.check.captures(part), forms.file.captures(part)) {
        (Some(found), _) => (found["command"].trim().to_owned(), named(&found)),
        (_, Some(found)) => (format!("test -f {}", &found["path"]), named(&found)),
        _ => return None,
    };
    let after = match command.1 {
        Some(item) => Some(item?),
        None => about.cloned(),
    };
    (!command.0.is_empty()).then_some(Instruction::AddCheck { command: command.0, after })
}

/// The item that is called so, by id or by name.
fn item(plan: &Plan, called: &str) -> Option<ItemId> {
    let called = called.trim();
    let by_id = plan.items.iter().find(|item| item.id.as_str() == called.to_lowercase());
    let by_name = || plan.items.iter().find(|item| item.name.to_lowercase() == called.to_lowercase());
    by_id.or_else(by_name).map(|item| item.id.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan() -> Plan {
        let text = "
goal: g
items:
  - { id: make, name: Make it, tool: code_gen, arguments: { template: x } }
  - { id: write-file, name: Write file to ./a.py, tool: file_write, arguments: { path: a.py, content: x } }
";
        Plan::from_yaml(text).unwrap()
    }

    fn one(text: &str, about: Option<&str>) -> Option<Instruction> {
        let about = about.map(|id| id.parse().unwrap());
        let read = read(text, about.as_ref(), &plan(), &Catalog::builtin().unwrap()).ok()?;
        assert!(read.len() < 2, "{text}");
        read.into_iter().next()
    }

    #[test]
    fn instructions_are_understood_however_they_are_put() {
        let id = |text: &str| text.parse::<ItemId>().unwrap();
        let check = |command: &str, after: Option<&str>| Instruction::AddCheck {
            command: command.to_owned(),
            after: after.map(id),
        };
        for (text, about, expected) in [
            ("drop item make", None, Instruction::DropItem(id("make"))),
            ("- Please remove the step `write-file`.", None, Instruction::DropItem(id("write-file"))),
            ("1. delete \"Make it\"", None, Instruction::DropItem(id("make"))),
            ("Drop Write file to ./a.py", None, Instruction::DropItem(id("write-file"))),
            ("drop this", Some("make"), Instruction::DropItem(id("make"))),
            ("leave it out", Some("make"), Instruction::DropItem(id("make"))),
            ("forbid tool file_write", None, Instruction::ForbidTool("file_write".to_owned())),
            ("Don't use the `shell` tool!", None, Instruction::ForbidTool("shell".to_owned())),
            ("never use file write", None, Instruction::ForbidTool("file_write".to_owned())),
            ("cap cost at $0.05", None, Instruction::CapCost(Money::from_micros(50_000))),
            ("Limit the total cost to 2 USD", None, Instruction::CapCost(Money::from_micros(2_000_000))),
            (
                "cap cost of item make at 0.01",
                None,
                Instruction::CapItemCost(id("make"), Money::from_micros(10_000)),
            ),
            (
                "keep the cost below $1",
                Some("make"),
                Instruction::CapItemCost(id("make"), Money::from_micros(1_000_000)),
            ),
            ("cap the duration at 1h30m", None, Instruction::CapDuration(Span::from_secs(5400))),
            (
                "add check `python3 -m py_compile a.py` after write-file",
                None,
                check("python3 -m py_compile a.py", Some("write-file")),
            ),
            ("Add a check: `true`", Some("make"), check("true", Some("make"))),
            ("add a check that the file a.py exists", None, check("test -f a.py", None)),
        ] {
            assert_eq!(one(text, about), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_is_not_understood_is_quoted() {
        for text in [
            "make it better",
            "drop",
            "drop this",
            "drop item nonesuch",
            "forbid tool telepathy",
            "cap cost at much",
            "cap duration at 10 parsecs",
            "add check",
            "add check ``",
            "add check `true` after nonesuch",
        ] {
            assert_eq!(one(text, None), None, "{text}");
        }
        let found = read("drop item make\n\nand be nice", None, &plan(), &Catalog::builtin().unwrap());
        assert_eq!(found, Err(NotUnderstood("and be nice".to_owned())));
    }

    static FIXTURE: LazyLock<(Plan, Catalog)> = LazyLock::new(|| (plan(), Catalog::builtin().unwrap()));

    proptest::proptest! {
        #[test]
        fn arbitrary_feedback_never_panics(text in "(?s).{0,80}", word in "(drop|add check|cap cost|1. |- |\\* |é|`){0,6}") {
            let (plan, catalog) = &*FIXTURE;
            let _ = read(&text, None, plan, catalog);
            let _ = read(&word, Some(&plan.items[0].id), plan, catalog);
        }
    }
}

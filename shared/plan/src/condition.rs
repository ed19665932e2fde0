//! Conditions of an approval: what an execution must keep to. A grant carries each as the proto3 JSON of
//! `assent.review.v1.ApprovalCondition`, with the names of the proto's fields:
//!
//! ```json
//! {"max_cost": {"currency": "USD", "micros": "5000000"}}
//! {"not_before": "2030-01-31T08:00:00Z"}
//! {"not_after": "2030-01-31T18:00:00Z"}
//! {"dry_run_first": true}
//! {"expression": "execution.cost < 5.0 && execution.failed == 0"}
//! ```
//!
//! Whoever reads one that it does not know runs nothing: [`Condition::of_json`] refuses everything else.

use std::collections::HashMap;
use std::sync::LazyLock;

use assent_core::Timestamp;
use cel::{Context, Env, Program, Value};
use serde::{Deserialize, Serialize};

use crate::bounds::MAX_EXPRESSION;
use crate::item::WorkItem;
use crate::money::Money;

/// Conditions that one approval may carry.
pub const MOST_CONDITIONS: usize = 32;

/// Something that an execution must keep to. With several, every one must hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Json", into = "Json")]
pub enum Condition {
    /// Most that the execution may cost, with what the next item may cost.
    MaxCost(Money),
    /// No item starts before.
    NotBefore(Timestamp),
    /// No item starts after.
    NotAfter(Timestamp),
    /// A dry run of the same version and items must have succeeded.
    DryRunFirst,
    /// CEL that must hold before each item. It sees `execution` with `cost` (dollars), `elapsed` (seconds),
    /// `completed` and `failed` (numbers of items), and `item` with `id` and `tool`.
    Expression(String),
}

/// What an execution is like at the moment before an item starts.
#[derive(Debug, Clone, Copy)]
pub struct Progress<'a> {
    /// Now.
    pub now: Timestamp,
    /// When the execution began.
    pub started_at: Timestamp,
    /// What it has cost so far.
    pub cost: Money,
    /// What the next item may cost.
    pub next_cost: Money,
    /// Items that succeeded.
    pub completed: usize,
    /// Items that failed.
    pub failed: usize,
    /// Whether a dry run of the same version and items has succeeded.
    pub dry_run: bool,
    /// The item that is about to start.
    pub item: &'a WorkItem,
}

/// Why an item must not start now.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unmet {
    /// It would cost too much.
    #[error("the execution may cost at most USD {limit}, and could come to USD {cost} with this item")]
    Cost {
        /// The limit.
        limit: Money,
        /// What it could come to.
        cost: Money,
    },
    /// Too early: waiting helps.
    #[error("nothing may start before {0}")]
    Early(Timestamp),
    /// Too late.
    #[error("nothing may start after {0}")]
    Late(Timestamp),
    /// There was no dry run.
    #[error("a dry run must succeed first")]
    NoDryRun,
    /// The expression says no.
    #[error("`{0}` does not hold")]
    Expression(String),
    /// The expression says neither yes nor no.
    #[error("`{0}` cannot be judged")]
    Undecided(String),
}

/// A condition that nobody could judge.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnusableCondition {
    /// The expression is too long.
    #[error("the expression is longer than {MAX_EXPRESSION} bytes")]
    TooLong,
    /// The expression is no CEL.
    #[error("the expression cannot be compiled: {0}")]
    Malformed(String),
    /// The expression looks at something else, or at nothing.
    #[error("the expression must look at `execution` or `item`, and at nothing else")]
    Unrelated,
    /// The expression repeats something, so that its cost cannot be bounded.
    #[error("the expression must not use all, exists, exists_one, map or filter")]
    Loop,
}

/// Declares every function anew when it is made, which takes longer than most expressions do.
static STDLIB: LazyLock<Env> = LazyLock::new(Env::stdlib);

impl Condition {
    /// Reads the JSON form that a grant carries.
    ///
    /// # Errors
    /// When it is no condition that this program knows: whoever cannot judge one must run nothing.
    pub fn of_json(json: &serde_json::Value) -> Result<Self, serde_json::Error> {
        Self::deserialize(json)
    }

    /// Checks that the condition could be judged; says nothing about when it holds.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn check(&self) -> Result<(), UnusableCondition> {
        let Self::Expression(expression) = self else { return Ok(()) };
        if expression.len() > MAX_EXPRESSION {
            return Err(UnusableCondition::TooLong);
        }
        let program = compile(expression).map_err(UnusableCondition::Malformed)?;
        // The values hold no list, so that a loop could only run over what the expression itself spells out.
        if repeats(expression) {
            return Err(UnusableCondition::Loop);
        }
        let seen = program.references();
        let known = |name: &&str| ["execution", "item"].contains(name);
        if seen.variables().is_empty() || !seen.variables().iter().all(known) {
            return Err(UnusableCondition::Unrelated);
        }
        Ok(())
    }

    /// Whether the item may start. Anything but a clear yes is an error.
    ///
    /// # Errors
    /// Why not.
    pub fn judge(&self, progress: &Progress<'_>) -> Result<(), Unmet> {
        match self {
            Self::MaxCost(limit) => {
                let (limit, cost) = (*limit, progress.cost.plus(progress.next_cost));
                if cost <= limit { Ok(()) } else { Err(Unmet::Cost { limit, cost }) }
            }
            Self::NotBefore(time) if progress.now < *time => Err(Unmet::Early(*time)),
            Self::NotAfter(time) if progress.now > *time => Err(Unmet::Late(*time)),
            Self::NotBefore(_) | Self::NotAfter(_) => Ok(()),
            Self::DryRunFirst if progress.dry_run => Ok(()),
            Self::DryRunFirst => Err(Unmet::NoDryRun),
            Self::Expression(expression) => judge(expression, progress),
        }
    }
}

fn compile(expression: &str) -> Result<Program, String> {
    STDLIB.compile(expression).map_err(|errors| errors.to_string())
}

/// Whether a macro that loops is called. Whitespace may stand anywhere, also within `x . all (…)`.
fn repeats(expression: &str) -> bool {
    let dense: String = expression.chars().filter(|c| !c.is_whitespace()).collect();
    [".all(", ".exists(", ".exists_one(", ".map(", ".filter("].iter().any(|name| dense.contains(name))
}

fn judge(expression: &str, progress: &Progress<'_>) -> Result<(), Unmet> {
    let undecided = || Unmet::Undecided(expression.to_owned());
    let whole = |number: u128| Value::Int(i64::try_from(number).unwrap_or(i64::MAX));
    let elapsed = progress.now.since(progress.started_at).as_secs();
    let execution = HashMap::from([
        ("cost".to_owned(), Value::Float(progress.cost.as_dollars())),
        ("elapsed".to_owned(), whole(elapsed.into())),
        ("completed".to_owned(), whole(progress.completed as u128)),
        ("failed".to_owned(), whole(progress.failed as u128)),
    ]);
    let item = HashMap::from([
        ("id".to_owned(), Value::from(progress.item.id.as_str())),
        ("tool".to_owned(), Value::from(progress.item.tool.as_str())),
    ]);
    let program = compile(expression).map_err(|_| undecided())?;
    let mut context = Context::default();
    context.add_variable_from_value("execution", Value::Map(execution.into()));
    context.add_variable_from_value("item", Value::Map(item.into()));
    match program.execute(&context) {
        Ok(Value::Bool(true)) => Ok(()),
        Ok(Value::Bool(false)) => Err(Unmet::Expression(expression.to_owned())),
        _ => Err(undecided()),
    }
}

/// As it is written down.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Json {
    MaxCost(Amount),
    NotBefore(Timestamp),
    NotAfter(Timestamp),
    DryRunFirst(bool),
    Expression(String),
}

/// Proto3 JSON of an amount: 64-bit numbers are texts, and what is zero is left out.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Amount {
    #[serde(default, skip_serializing_if = "String::is_empty")]
    currency: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    micros: String,
}

impl From<Condition> for Json {
    fn from(condition: Condition) -> Self {
        match condition {
            Condition::MaxCost(limit) => Self::MaxCost(Amount {
                currency: Money::CURRENCY.to_owned(),
                micros: if limit == Money::ZERO { String::new() } else { limit.micros().to_string() },
            }),
            Condition::NotBefore(time) => Self::NotBefore(time),
            Condition::NotAfter(time) => Self::NotAfter(time),
            Condition::DryRunFirst => Self::DryRunFirst(true),
            Condition::Expression(expression) => Self::Expression(expression),
        }
    }
}

impl TryFrom<Json> for Condition {
    type Error = String;

    fn try_from(json: Json) -> Result<Self, String> {
        Ok(match json {
            Json::MaxCost(Amount { currency, micros }) => {
                if !currency.is_empty() && currency != Money::CURRENCY {
                    return Err(format!("amounts are in {}", Money::CURRENCY));
                }
                let micros = if micros.is_empty() { Ok(0) } else { micros.parse::<u64>() };
                Self::MaxCost(Money::from_micros(micros.map_err(|e| e.to_string())?))
            }
            Json::NotBefore(time) => Self::NotBefore(time),
            Json::NotAfter(time) => Self::NotAfter(time),
            Json::DryRunFirst(true) => Self::DryRunFirst,
            Json::DryRunFirst(false) => return Err("a condition must ask for something".to_owned()),
            Json::Expression(expression) => Self::Expression(expression),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000).unwrap()
    }

    fn expression(text: &str) -> Condition {
        Condition::Expression(text.to_owned())
    }

    fn judged(condition: &Condition) -> Result<(), Unmet> {
        let item = WorkItem::new("a".parse().unwrap(), "A", "shell");
        condition.judge(&Progress {
            now: at(100),
            started_at: at(40),
            cost: Money::from_micros(3_000_000),
            next_cost: Money::from_micros(1_000_000),
            completed: 2,
            failed: 0,
            dry_run: false,
            item: &item,
        })
    }

    #[test]
    fn the_form_in_grants_is_kept_and_everything_else_refused() {
        let time = "2030-01-31T08:00:00.250Z";
        let forms = [
            (
                Condition::MaxCost(Money::from_micros(5)),
                json!({"max_cost": {"currency": "USD", "micros": "5"}}),
            ),
            (Condition::MaxCost(Money::ZERO), json!({"max_cost": {"currency": "USD"}})),
            (Condition::NotBefore(serde_json::from_value(time.into()).unwrap()), json!({"not_before": time})),
            (Condition::NotAfter(serde_json::from_value(time.into()).unwrap()), json!({"not_after": time})),
            (Condition::DryRunFirst, json!({"dry_run_first": true})),
            (expression("execution.failed == 0"), json!({"expression": "execution.failed == 0"})),
        ];
        for (condition, form) in forms {
            assert_eq!(serde_json::to_value(&condition).unwrap(), form);
            assert_eq!(Condition::of_json(&form).unwrap(), condition);
        }
        for stranger in [
            json!(1),
            json!({}),
            json!({"dry_run_first": false}),
            json!({"max_cost": {"currency": "EUR", "micros": "5"}}),
            json!({"max_cost": {"micros": "-5"}}),
            json!({"max_cost": {"amount": "5"}}),
            json!({"sign_off_by": "ada"}),
            json!({"dry_run_first": true, "expression": "true"}),
        ] {
            assert!(Condition::of_json(&stranger).is_err(), "{stranger}");
        }
    }

    #[test]
    fn each_condition_holds_only_when_it_does() {
        let usd = |dollars: u64| Money::from_micros(dollars * 1_000_000);
        assert_eq!(judged(&Condition::MaxCost(usd(4))), Ok(()));
        assert_eq!(judged(&Condition::MaxCost(usd(3))), Err(Unmet::Cost { limit: usd(3), cost: usd(4) }));
        assert_eq!(judged(&Condition::NotBefore(at(100))), Ok(()));
        assert_eq!(judged(&Condition::NotBefore(at(101))), Err(Unmet::Early(at(101))));
        assert_eq!(judged(&Condition::NotAfter(at(100))), Ok(()));
        assert_eq!(judged(&Condition::NotAfter(at(99))), Err(Unmet::Late(at(99))));
        assert_eq!(judged(&Condition::DryRunFirst), Err(Unmet::NoDryRun));
        for yes in [
            "execution.cost < 5.0 && execution.failed == 0",
            "execution.elapsed <= 60 && execution.completed == 2",
            "item.tool == 'shell' && item.id != 'b'",
        ] {
            assert_eq!(expression(yes).check(), Ok(()), "{yes}");
            assert_eq!(judged(&expression(yes)), Ok(()), "{yes}");
        }
        let no = "execution.elapsed < 60";
        assert_eq!(judged(&expression(no)), Err(Unmet::Expression(no.to_owned())));
        for unclear in ["execution.cost", "execution.price < 1", "item.id < 3"] {
            assert_eq!(judged(&expression(unclear)), Err(Unmet::Undecided(unclear.to_owned())));
        }
    }

    #[test]
    fn expressions_that_nobody_could_judge_are_refused_before() {
        assert!(matches!(expression("execution.cost <").check(), Err(UnusableCondition::Malformed(_))));
        assert_eq!(expression("1 < 2").check(), Err(UnusableCondition::Unrelated));
        assert_eq!(expression("execution.cost < plan.cost").check(), Err(UnusableCondition::Unrelated));
        assert_eq!(expression(&"a".repeat(MAX_EXPRESSION + 1)).check(), Err(UnusableCondition::TooLong));
        let long = "[1, 2].all(x, [1, 2] . all (y, execution.failed < x + y))";
        assert_eq!(expression(long).check(), Err(UnusableCondition::Loop));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn arbitrary_text_never_panics(text in "[a-z0-9.()\\[\\]{}<>=!&|?:'\"\\\\ +*/-]{0,60}") {
            let _ = expression(&text).check();
            let _ = judged(&expression(&text));
        }
    }
}

//! Evaluation. Total: whatever the values are, it ends, and never panics.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::rc::Rc;

use super::compile::{Comparison, Condition, Loop, Node, Operation};
use super::functions::Function;
use super::value::Val;
use crate::domain::fields::Sight;

/// What a condition says about a subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::domain) enum Judgement {
    Yes,
    No,
    /// It neither holds nor fails to hold: a missing field, a wrong type, too much to look at.
    Unclear,
}

/// There is no value: CEL's errors. Nobody asks which.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unclear;

/// Steps that one judgement may take; a simple condition takes about ten.
const STEPS_OF_ONE: u64 = 200_000;
/// Steps that all judgements of one plan may take together.
const STEPS_OF_ALL: u64 = 50_000_000;

/// Steps that are left for a plan. When there are none, every further judgement is unclear.
#[derive(Debug)]
pub(in crate::domain) struct Budget(u64);

impl Default for Budget {
    fn default() -> Self {
        Self(STEPS_OF_ALL)
    }
}

#[cfg(test)]
impl Budget {
    pub(super) const fn of(steps: u64) -> Self {
        Self(steps)
    }
}

impl Condition {
    /// Judges what `sight` shows.
    pub(in crate::domain) fn judge(&self, sight: Sight<'_>, budget: &mut Budget) -> Judgement {
        let steps = STEPS_OF_ONE.min(budget.0);
        let mut run = Run { sight, slots: Vec::new(), steps };
        let value = run.value(&self.root);
        budget.0 -= steps - run.steps;
        match value {
            Ok(Val::Bool(true)) => Judgement::Yes,
            Ok(Val::Bool(false)) => Judgement::No,
            Ok(_) | Err(Unclear) => Judgement::Unclear,
        }
    }
}

struct Run<'v> {
    sight: Sight<'v>,
    slots: Vec<Result<Val<'v>, Unclear>>,
    steps: u64,
}

impl<'v> Run<'v> {
    fn pay(&mut self, steps: usize) -> Result<(), Unclear> {
        self.steps = self.steps.checked_sub(steps as u64).ok_or_else(|| {
            // Spent for good: what was caught by `||` must not go on.
            self.steps = 0;
            Unclear
        })?;
        Ok(())
    }

    fn value(&mut self, node: &'v Node) -> Result<Val<'v>, Unclear> {
        self.pay(1)?;
        match node {
            Node::Null => Ok(Val::Null),
            Node::Bool(yes) => Ok(Val::Bool(*yes)),
            Node::Int(number) => Ok(Val::Int(*number)),
            Node::Float(number) => Ok(Val::Float(*number)),
            Node::Text(text) => Ok(Val::text(text)),
            Node::Names(names) => Ok(Val::Names(names)),
            Node::List(nodes) => {
                let values: Result<Vec<_>, _> = nodes.iter().map(|node| self.value(node)).collect();
                values.map(|values| Val::List(Rc::new(values)))
            }
            Node::Field(field) => Ok(self.sight.look(*field)),
            Node::Var(slot) | Node::Gathered(slot) => self.slots.get(*slot).cloned().ok_or(Unclear)?,
            Node::Select(of, name) => self.value(of).and_then(|of| member(&of, name)),
            Node::Has(of, name) => match self.value(of)? {
                Val::Object(members) => Ok(Val::Bool(members.contains_key(name))),
                _ => Err(Unclear),
            },
            Node::Index(pair) => self.index(pair),
            Node::Not(of) => Ok(Val::Bool(!self.truth(of)?)),
            Node::Negate(of) => match self.value(of)? {
                Val::Int(number) => number.checked_neg().map(Val::Int).ok_or(Unclear),
                Val::Float(number) => Ok(Val::Float(-number)),
                _ => Err(Unclear),
            },
            Node::And(pair) => self.both(pair, false),
            Node::Or(pair) => self.both(pair, true),
            Node::If(parts) => {
                let [question, yes, no] = parts.as_ref();
                if self.truth(question)? { self.value(yes) } else { self.value(no) }
            }
            Node::Compare(comparison, pair) => self.compare(*comparison, pair),
            Node::Calculate(operation, pair) => self.calculate(*operation, pair),
            Node::In(pair) => self.within(pair),
            Node::Matches(text, regex) => match self.value(text)? {
                Val::Text(text) => {
                    self.pay(text.len() / 16)?;
                    Ok(Val::Bool(regex.is_match(&text)))
                }
                _ => Err(Unclear),
            },
            Node::Call(Function::NotStrictlyFalse, nodes) => {
                let value = nodes.first().map_or(Err(Unclear), |node| self.value(node));
                Ok(Val::Bool(!matches!(value, Ok(Val::Bool(false)))))
            }
            Node::Call(function, nodes) => {
                let values: Vec<Val<'v>> =
                    nodes.iter().map(|node| self.value(node)).collect::<Result<_, _>>()?;
                self.pay(function.cost(&values))?;
                function.apply(&values)
            }
            Node::Loop(parts) => self.repeat(parts),
        }
    }

    fn truth(&mut self, node: &'v Node) -> Result<bool, Unclear> {
        match self.value(node)? {
            Val::Bool(yes) => Ok(yes),
            _ => Err(Unclear),
        }
    }

    /// `&&` and `||`: a side that decides makes up for one that fails, whichever comes first.
    fn both(&mut self, pair: &'v [Node; 2], decides: bool) -> Result<Val<'v>, Unclear> {
        let one = self.truth(&pair[0]);
        if one == Ok(decides) {
            return Ok(Val::Bool(decides));
        }
        let two = self.truth(&pair[1]);
        if two == Ok(decides) {
            return Ok(Val::Bool(decides));
        }
        one.and(two).map(Val::Bool)
    }

    fn compare(&mut self, comparison: Comparison, pair: &'v [Node; 2]) -> Result<Val<'v>, Unclear> {
        let (one, two) = (self.value(&pair[0])?, self.value(&pair[1])?);
        self.pay(one.weight().min(two.weight()))?;
        let ordered = |wanted: &[Ordering]| match (&one, &two) {
            // Not a number is neither less nor greater; there is an answer all the same.
            (Val::Int(_) | Val::Float(_), Val::Int(_) | Val::Float(_)) => {
                Ok(one.order(&two).is_some_and(|order| wanted.contains(&order)))
            }
            _ => one.order(&two).map(|order| wanted.contains(&order)).ok_or(Unclear),
        };
        let answer = match comparison {
            Comparison::Equal => one.equals(&two),
            Comparison::Unequal => !one.equals(&two),
            Comparison::Less => ordered(&[Ordering::Less])?,
            Comparison::LessOrEqual => ordered(&[Ordering::Less, Ordering::Equal])?,
            Comparison::Greater => ordered(&[Ordering::Greater])?,
            Comparison::GreaterOrEqual => ordered(&[Ordering::Greater, Ordering::Equal])?,
        };
        Ok(Val::Bool(answer))
    }

    fn calculate(&mut self, operation: Operation, pair: &'v [Node; 2]) -> Result<Val<'v>, Unclear> {
        let two = self.value(&pair[1])?;
        let one = match &pair[0] {
            // The step of a macro puts something else there at once, so the list need not be copied.
            Node::Gathered(slot) => {
                let gathered = self.slots.get_mut(*slot).ok_or(Unclear)?;
                std::mem::replace(gathered, Err(Unclear))?
            }
            node => self.value(node)?,
        };
        match (operation, one, two) {
            (operation, Val::Int(a), Val::Int(b)) => whole(operation, a, b).map(Val::Int).ok_or(Unclear),
            (operation, Val::Float(a), Val::Float(b)) => real(operation, a, b).map(Val::Float).ok_or(Unclear),
            (Operation::Add, Val::Text(a), Val::Text(b)) => {
                self.pay((a.len() + b.len()) / 16)?;
                Ok(Val::Text(Cow::Owned(format!("{a}{b}"))))
            }
            (Operation::Add, Val::List(mut a), b) => {
                let more = b.elements().filter(|_| !matches!(b, Val::Object(_))).ok_or(Unclear)?;
                self.pay(b.weight())?;
                if Rc::get_mut(&mut a).is_none() {
                    self.pay(a.len())?;
                }
                Rc::make_mut(&mut a).extend(more);
                Ok(Val::List(a))
            }
            (Operation::Add, a @ (Val::Names(_) | Val::Array(_)), b) => {
                let more = b.elements().filter(|_| !matches!(b, Val::Object(_))).ok_or(Unclear)?;
                self.pay(a.weight() + b.weight())?;
                let first = a.elements().ok_or(Unclear)?;
                Ok(Val::List(Rc::new(first.chain(more).collect())))
            }
            _ => Err(Unclear),
        }
    }

    fn within(&mut self, pair: &'v [Node; 2]) -> Result<Val<'v>, Unclear> {
        let (wanted, list) = (self.value(&pair[0])?, self.value(&pair[1])?);
        self.pay(list.weight())?;
        let found = match (&wanted, &list) {
            (Val::Text(text), Val::Names(names)) => names.iter().any(|name| name.as_str() == text.as_ref()),
            (Val::Text(text), Val::Object(members)) => members.contains_key(text.as_ref()),
            // These may be keys of a map in CEL, and a double stands for the whole number it equals.
            (Val::Int(_) | Val::Float(_) | Val::Bool(_), Val::Object(_)) => false,
            (_, Val::Object(_)) => return Err(Unclear),
            _ => list.elements().ok_or(Unclear)?.any(|element| element.equals(&wanted)),
        };
        Ok(Val::Bool(found))
    }

    fn index(&mut self, pair: &'v [Node; 2]) -> Result<Val<'v>, Unclear> {
        match (self.value(&pair[0])?, self.value(&pair[1])?) {
            (of @ Val::Object(_), Val::Text(name)) => member(&of, &name),
            (list, Val::Int(index)) => {
                usize::try_from(index).ok().and_then(|index| list.at(index)).ok_or(Unclear)
            }
            _ => Err(Unclear),
        }
    }

    fn repeat(&mut self, parts: &'v Loop) -> Result<Val<'v>, Unclear> {
        let range = self.value(&parts.range)?;
        let elements = range.elements().ok_or(Unclear)?;
        let first = self.value(&parts.first);
        let gathered = self.slots.len();
        self.slots.push(first);
        for element in elements {
            if self.steps == 0 {
                break;
            }
            self.slots.push(Ok(element));
            let step = match self.truth(&parts.go_on) {
                Ok(true) => Some(self.value(&parts.step)),
                _ => None,
            };
            self.slots.truncate(gathered + 1);
            let Some(step) = step else { break };
            self.slots[gathered] = step;
        }
        let result = self.value(&parts.result);
        self.slots.truncate(gathered);
        result
    }
}

fn member<'v>(of: &Val<'v>, name: &str) -> Result<Val<'v>, Unclear> {
    match of {
        Val::Object(members) => members.get(name).map(Val::json).ok_or(Unclear),
        _ => Err(Unclear),
    }
}

fn whole(operation: Operation, a: i64, b: i64) -> Option<i64> {
    match operation {
        Operation::Add => a.checked_add(b),
        Operation::Subtract => a.checked_sub(b),
        Operation::Multiply => a.checked_mul(b),
        Operation::Divide => a.checked_div(b),
        Operation::Remainder => a.checked_rem(b),
    }
}

fn real(operation: Operation, a: f64, b: f64) -> Option<f64> {
    match operation {
        Operation::Add => Some(a + b),
        Operation::Subtract => Some(a - b),
        Operation::Multiply => Some(a * b),
        Operation::Divide => Some(a / b),
        Operation::Remainder => None,
    }
}

//! A condition of a rule: CEL, what it looks at, and its judgement.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};

use cel::common::ast::{EntryExpr, Expr, LiteralValue};
use cel::{Context, Env, IdedExpr, Program, Value};

/// What a condition says about a subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Judgement {
    Yes,
    No,
    /// It neither holds nor fails to hold: a missing field, a wrong type.
    Unclear,
}

#[derive(Debug)]
pub(super) struct Condition {
    program: Program,
    /// Paths of the fields that it looks at, e.g. `item.arguments.url`.
    pub(super) fields: BTreeSet<String>,
    /// Texts that it compares with.
    pub(super) literals: BTreeSet<String>,
}

impl Condition {
    /// Compiles `source`; the error says what is wrong with it.
    pub(super) fn compile(env: &Env, source: &str, known: &[(&str, &[&str])]) -> Result<Self, String> {
        let program = env.compile(source).map_err(|errors| errors.to_string())?;
        let mut seen = Seen { known, ..Seen::default() };
        seen.walk(program.expression());
        if let Some(stranger) = seen.strangers.first() {
            return Err(format!("there is no `{stranger}` to look at"));
        }
        if seen.fields.is_empty() {
            return Err("it looks at no field".to_owned());
        }
        Ok(Self { fields: seen.fields, literals: seen.literals, program })
    }

    /// Judges the subject that `context` holds.
    pub(super) fn judge(&self, context: &Context<'_, '_>) -> Judgement {
        // The evaluator may have defects of its own; none of them may take an assessment down or let it pass.
        match catch_unwind(AssertUnwindSafe(|| self.program.execute(context))) {
            Ok(Ok(Value::Bool(true))) => Judgement::Yes,
            Ok(Ok(Value::Bool(false))) => Judgement::No,
            Ok(_) | Err(_) => Judgement::Unclear,
        }
    }
}

/// What a walk over an expression has seen.
#[derive(Default)]
struct Seen<'k> {
    known: &'k [(&'k str, &'k [&'k str])],
    bound: Vec<String>,
    fields: BTreeSet<String>,
    literals: BTreeSet<String>,
    strangers: Vec<String>,
}

impl Seen<'_> {
    fn walk(&mut self, at: &IdedExpr) {
        match &at.expr {
            Expr::Ident(_) => self.name(&at.expr),
            Expr::Select(select) => match segments(&at.expr) {
                Some(_) => self.name(&at.expr),
                None => self.walk(&select.operand),
            },
            Expr::Call(call) => {
                call.target.as_deref().into_iter().chain(&call.args).for_each(|e| self.walk(e))
            }
            Expr::List(list) => list.elements.iter().for_each(|e| self.walk(e)),
            Expr::Map(map) => map.entries.iter().for_each(|e| self.entry(&e.expr)),
            Expr::Struct(structure) => structure.entries.iter().for_each(|e| self.entry(&e.expr)),
            Expr::Comprehension(loop_) => {
                self.walk(&loop_.iter_range);
                let outer = self.bound.len();
                self.bound.extend([loop_.iter_var.clone(), loop_.accu_var.clone()]);
                self.bound.extend(loop_.iter_var2.clone());
                [&loop_.accu_init, &loop_.loop_cond, &loop_.loop_step, &loop_.result]
                    .into_iter()
                    .for_each(|e| self.walk(e));
                self.bound.truncate(outer);
            }
            Expr::Literal(LiteralValue::String(text)) => {
                self.literals.insert(text.inner().to_owned());
            }
            Expr::Literal(_) | Expr::Unspecified => {}
        }
    }

    fn entry(&mut self, entry: &EntryExpr) {
        match entry {
            EntryExpr::StructField(field) => self.walk(&field.value),
            EntryExpr::MapEntry(entry) => {
                self.walk(&entry.key);
                self.walk(&entry.value);
            }
        }
    }

    fn name(&mut self, expr: &Expr) {
        let Some(path) = segments(expr) else { return };
        let root = path.first().copied().unwrap_or_default();
        if self.bound.iter().any(|name| name == root) {
            return;
        }
        let fields = self.known.iter().find(|(name, _)| *name == root).map(|(_, fields)| *fields);
        let is_known = fields.is_some_and(|fields| path.get(1).is_some_and(|field| fields.contains(field)));
        if is_known {
            self.fields.insert(path.join("."));
        } else {
            self.strangers.push(path.join("."));
        }
    }
}

/// `a.b.c` as its parts, also within `has(…)`; none for anything but a name.
fn segments(expr: &Expr) -> Option<Vec<&str>> {
    let mut path = Vec::new();
    let mut at = expr;
    loop {
        match at {
            Expr::Ident(name) => {
                path.push(name.as_str());
                path.reverse();
                return Some(path);
            }
            Expr::Select(select) => {
                path.push(select.field.as_str());
                at = &select.operand.expr;
            }
            _ => return None,
        }
    }
}

//! From the text of a condition to the tree that is evaluated.

use std::collections::BTreeSet;

use cel::common::ast::{CallExpr, ComprehensionExpr, Expr, LiteralValue, operators};
use cel::{Env, IdedExpr, Program};
use regex::{Regex, RegexBuilder};

use super::functions::Function;
use crate::domain::fields::{Field, Scope};

/// Longest condition, in bytes: what is longer is not read by people, either.
const LONGEST: usize = 4096;
/// How deep brackets may stand in each other, and how many operators there may be: parsers call themselves.
const DEEPEST: usize = 24;
const MOST_OPERATORS: usize = 256;
/// Most memory that one regular expression may take, in bytes.
const REGEX_BYTES: usize = 1 << 20;

/// What is wrong with a condition, and where in its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::domain) struct Flaw {
    /// Line of the condition, from 1.
    pub(in crate::domain) line: usize,
    /// Column in that line in characters, from 1.
    pub(in crate::domain) column: usize,
    pub(in crate::domain) what: String,
}

/// A condition of a rule.
#[derive(Debug)]
pub(in crate::domain) struct Condition {
    pub(super) root: Node,
    /// Paths of the fields that it looks at, e.g. `item.arguments.url`.
    pub(in crate::domain) fields: BTreeSet<Path>,
    /// Texts that it compares with.
    pub(in crate::domain) literals: BTreeSet<String>,
}

/// A field, and the members of it that a condition names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::domain) struct Path {
    pub(in crate::domain) text: String,
    pub(in crate::domain) field: Field,
}

#[derive(Debug)]
pub(super) enum Node {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    /// A list of literal texts.
    Names(Vec<String>),
    List(Vec<Node>),
    Field(Field),
    /// A variable of a macro, counted from the outermost.
    Var(usize),
    /// What a macro has gathered so far; nothing else can see it.
    Gathered(usize),
    Select(Box<Node>, String),
    Has(Box<Node>, String),
    Index(Box<[Node; 2]>),
    Not(Box<Node>),
    Negate(Box<Node>),
    And(Box<[Node; 2]>),
    Or(Box<[Node; 2]>),
    If(Box<[Node; 3]>),
    Compare(Comparison, Box<[Node; 2]>),
    Calculate(Operation, Box<[Node; 2]>),
    In(Box<[Node; 2]>),
    Matches(Box<Node>, Box<Regex>),
    Call(Function, Vec<Node>),
    Loop(Box<Loop>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    Unequal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operation {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
}

/// A macro such as `exists`, taken apart.
#[derive(Debug)]
pub(super) struct Loop {
    pub(super) range: Node,
    pub(super) first: Node,
    pub(super) go_on: Node,
    pub(super) step: Node,
    pub(super) result: Node,
}

impl Condition {
    /// Compiles `source`, which may look at the fields of `scope`.
    pub(in crate::domain) fn compile(env: &Env, source: &str, scope: Scope) -> Result<Self, Flaw> {
        if source.len() > LONGEST {
            return Err(Flaw { line: 1, column: 1, what: format!("it is longer than {LONGEST} bytes") });
        }
        if is_too_deep(source) {
            return Err(Flaw { line: 1, column: 1, what: "it nests too deep to be read".to_owned() });
        }
        let program = env.compile(source).map_err(|errors| syntax(&errors))?;
        let mut compiler = Compiler {
            program: &program,
            source,
            scope,
            bound: Vec::new(),
            fields: BTreeSet::new(),
            literals: BTreeSet::new(),
        };
        let root = compiler.node(program.expression())?;
        let Compiler { fields, literals, .. } = compiler;
        if fields.is_empty() {
            return Err(Flaw { line: 1, column: 1, what: "it looks at no field".to_owned() });
        }
        Ok(Self { root, fields, literals })
    }
}

/// Whether a parser might run out of stack.
fn is_too_deep(source: &str) -> bool {
    // Where such a text ends is the parser's business: count all of it.
    let has_blocks = source.contains("\'\'\'") || source.contains("\"\"\"");
    let (mut depth, mut deepest, mut operators) = (0_usize, 0, 0);
    let (mut quote, mut is_raw, mut before) = (None, false, ' ');
    let mut characters = source.chars();
    while let Some(character) = characters.next() {
        match (quote, character) {
            (Some(_), '\\') if !is_raw => drop(characters.next()),
            (Some(open), close) if open == close => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"') if !has_blocks => {
                quote = Some(character);
                is_raw = matches!(before, 'r' | 'R');
            }
            (None, '(' | '[' | '{') => {
                depth += 1;
                deepest = depth.max(deepest);
            }
            (None, ')' | ']' | '}') => depth = depth.saturating_sub(1),
            (None, '!' | '-' | '+' | '*' | '/' | '%' | '.' | '?' | '&' | '|') => operators += 1,
            (None, _) => {}
        }
        before = character;
    }
    deepest > DEEPEST || operators > MOST_OPERATORS
}

fn syntax(errors: &cel::ParseErrors) -> Flaw {
    let whole = |number: isize| usize::try_from(number).unwrap_or(1).max(1);
    match errors.errors.first() {
        Some(error) => Flaw { line: whole(error.pos.0), column: whole(error.pos.1), what: error.msg.clone() },
        None => Flaw { line: 1, column: 1, what: "it cannot be read".to_owned() },
    }
}

struct Compiler<'c> {
    program: &'c Program,
    source: &'c str,
    scope: Scope,
    bound: Vec<&'c str>,
    fields: BTreeSet<Path>,
    literals: BTreeSet<String>,
}

impl<'c> Compiler<'c> {
    fn flaw(&self, at: &IdedExpr, what: impl Into<String>) -> Flaw {
        let start = self.program.source_info().offset_for(at.id).map_or(0, |(start, _)| start as usize);
        let start = (0..=start.min(self.source.len())).rev().find(|at| self.source.is_char_boundary(*at));
        let before = &self.source[..start.unwrap_or_default()];
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        Flaw {
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
            what: what.into(),
        }
    }

    fn node(&mut self, at: &'c IdedExpr) -> Result<Node, Flaw> {
        match &at.expr {
            Expr::Literal(literal) => self.literal(at, literal),
            Expr::Ident(name) => self.name(at, name),
            Expr::Select(select) => {
                if let Some(path) = segments(&at.expr) {
                    let root = path.first().copied().unwrap_or_default();
                    if !self.bound.contains(&root) {
                        self.note(at, &path)?;
                    }
                }
                let field = match &select.operand.expr {
                    Expr::Ident(root) if !self.bound.contains(&root.as_str()) => {
                        Some(self.field(at, root, &select.field)?)
                    }
                    _ => None,
                };
                match (field, select.test) {
                    // A field that there is, is always there.
                    (Some(_), true) => Ok(Node::Bool(true)),
                    (Some(field), false) => Ok(Node::Field(field)),
                    (None, true) => {
                        Ok(Node::Has(Box::new(self.node(&select.operand)?), select.field.clone()))
                    }
                    (None, false) => {
                        Ok(Node::Select(Box::new(self.node(&select.operand)?), select.field.clone()))
                    }
                }
            }
            Expr::Call(call) => self.call(at, call),
            Expr::List(list) => {
                let elements: Vec<Node> =
                    list.elements.iter().map(|element| self.node(element)).collect::<Result<_, _>>()?;
                if elements.iter().all(|element| matches!(element, Node::Text(_))) {
                    let text = |node| if let Node::Text(text) = node { Some(text) } else { None };
                    return Ok(Node::Names(elements.into_iter().filter_map(text).collect()));
                }
                Ok(Node::List(elements))
            }
            Expr::Comprehension(parts) => self.comprehension(at, parts),
            Expr::Map(_) | Expr::Struct(_) | Expr::Unspecified => {
                Err(self.flaw(at, "conditions make no maps and no messages"))
            }
        }
    }

    fn literal(&mut self, at: &IdedExpr, literal: &LiteralValue) -> Result<Node, Flaw> {
        match literal {
            LiteralValue::Null => Ok(Node::Null),
            LiteralValue::Boolean(yes) => Ok(Node::Bool(*yes.inner())),
            LiteralValue::Int(number) => Ok(Node::Int(*number.inner())),
            LiteralValue::Double(number) => Ok(Node::Float(*number.inner())),
            LiteralValue::String(text) => {
                self.literals.insert(text.inner().to_owned());
                Ok(Node::Text(text.inner().to_owned()))
            }
            LiteralValue::UInt(_) | LiteralValue::Bytes(_) => {
                Err(self.flaw(at, "plans hold no unsigned numbers and no bytes; write `5` and `'text'`"))
            }
        }
    }

    fn name(&self, at: &IdedExpr, name: &str) -> Result<Node, Flaw> {
        match self.bound.iter().rposition(|bound| *bound == name) {
            Some(slot) if name.starts_with('@') => Ok(Node::Gathered(slot)),
            Some(slot) => Ok(Node::Var(slot)),
            None => Err(self.flaw(at, format!("there is no `{name}` to look at"))),
        }
    }

    fn field(&self, at: &IdedExpr, root: &str, name: &str) -> Result<Field, Flaw> {
        Field::find(root, name, self.scope)
            .ok_or_else(|| self.flaw(at, format!("there is no `{root}.{name}` to look at")))
    }

    fn note(&mut self, at: &IdedExpr, path: &[&str]) -> Result<(), Flaw> {
        if let [root, name, ..] = path {
            let field = self.field(at, root, name)?;
            let text = path.join(".");
            // `a.b` is a step on the way to `a.b.c`.
            let inner = format!("{text}.");
            if !self.fields.iter().any(|known| known.text.starts_with(&inner)) {
                self.fields.insert(Path { text, field });
            }
        }
        Ok(())
    }

    fn call(&mut self, at: &'c IdedExpr, call: &'c CallExpr) -> Result<Node, Flaw> {
        let operands: Vec<&'c IdedExpr> = call.target.as_deref().into_iter().chain(&call.args).collect();
        if call.func_name == "matches" {
            return self.matches(at, &operands);
        }
        let nodes: Vec<Node> = operands.iter().map(|operand| self.node(operand)).collect::<Result<_, _>>()?;
        let count = nodes.len();
        let one = |nodes: Vec<Node>| <[Node; 1]>::try_from(nodes).ok().map(|[node]| Box::new(node));
        let two = |nodes: Vec<Node>| <[Node; 2]>::try_from(nodes).ok().map(Box::new);
        let three = |nodes: Vec<Node>| <[Node; 3]>::try_from(nodes).ok().map(Box::new);
        let compare = |comparison| move |pair| Node::Compare(comparison, pair);
        let calculate = |operation| move |pair| Node::Calculate(operation, pair);
        let node = match call.func_name.as_str() {
            operators::LOGICAL_AND => two(nodes).map(Node::And),
            operators::LOGICAL_OR => two(nodes).map(Node::Or),
            operators::LOGICAL_NOT => one(nodes).map(Node::Not),
            operators::NEGATE => one(nodes).map(Node::Negate),
            operators::CONDITIONAL => three(nodes).map(Node::If),
            operators::EQUALS => two(nodes).map(compare(Comparison::Equal)),
            operators::NOT_EQUALS => two(nodes).map(compare(Comparison::Unequal)),
            operators::LESS => two(nodes).map(compare(Comparison::Less)),
            operators::LESS_EQUALS => two(nodes).map(compare(Comparison::LessOrEqual)),
            operators::GREATER => two(nodes).map(compare(Comparison::Greater)),
            operators::GREATER_EQUALS => two(nodes).map(compare(Comparison::GreaterOrEqual)),
            operators::ADD => two(nodes).map(calculate(Operation::Add)),
            operators::SUBSTRACT => two(nodes).map(calculate(Operation::Subtract)),
            operators::MULTIPLY => two(nodes).map(calculate(Operation::Multiply)),
            operators::DIVIDE => two(nodes).map(calculate(Operation::Divide)),
            operators::MODULO => two(nodes).map(calculate(Operation::Remainder)),
            operators::IN => two(nodes).map(Node::In),
            operators::INDEX => two(nodes).map(Node::Index),
            name => {
                let function = Function::find(name, count).map_err(|what| self.flaw(at, what))?;
                Some(Node::Call(function, nodes))
            }
        };
        node.ok_or_else(|| self.flaw(at, "it cannot be read"))
    }

    /// The expression must be a literal, so that it is compiled, and refused, before any plan is judged by it.
    fn matches(&mut self, at: &'c IdedExpr, operands: &[&'c IdedExpr]) -> Result<Node, Flaw> {
        let [text, pattern] = operands else { return Err(self.flaw(at, "`matches` takes one expression")) };
        let Expr::Literal(LiteralValue::String(source)) = &pattern.expr else {
            return Err(self.flaw(pattern, "`matches` takes a literal text"));
        };
        let regex = RegexBuilder::new(source.inner()).size_limit(REGEX_BYTES).build();
        let regex = regex.map_err(|error| self.flaw(pattern, error.to_string()))?;
        Ok(Node::Matches(Box::new(self.node(text)?), Box::new(regex)))
    }

    fn comprehension(&mut self, at: &'c IdedExpr, parts: &'c ComprehensionExpr) -> Result<Node, Flaw> {
        if parts.iter_var2.is_some() {
            return Err(self.flaw(at, "macros over two variables are not available"));
        }
        let range = self.node(&parts.iter_range)?;
        let first = self.node(&parts.accu_init)?;
        self.bound.push(&parts.accu_var);
        self.bound.push(&parts.iter_var);
        let go_on = self.node(&parts.loop_cond);
        let step = self.node(&parts.loop_step);
        self.bound.pop();
        let result = self.node(&parts.result);
        self.bound.pop();
        Ok(Node::Loop(Box::new(Loop { range, first, go_on: go_on?, step: step?, result: result? })))
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

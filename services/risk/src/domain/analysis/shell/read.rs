//! From the text of a script to the commands in it.

use std::ops::ControlFlow;

use tree_sitter::{Node, ParseOptions, Parser, Tree};

use super::programs::{self, Input};
use super::word::{Variables, Word};
use super::{DEEPEST, LONGEST, Script, Trait};

/// How deep the parts of a script may stand in each other.
const DEEPEST_PART: usize = 96;
/// How often the parser reports before it must be done: far more than a script of the longest kind takes.
const MOST_REPORTS: u32 = 20_000;

/// What a pipeline hands on, or a substitution yields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Taken {
    Nothing,
    Text(String),
    /// It comes from the network.
    Remote,
    Unknown,
}

/// Adds what the shell makes of `text` to `script`, and says what that prints.
pub(super) fn script(script: &mut Script, text: &str, depth: usize) -> Taken {
    if depth > DEEPEST || text.len() > LONGEST {
        script.traits.insert(Trait::Unreadable);
        return Taken::Unknown;
    }
    let source = with_braces(&without_references(text));
    let Some(tree) = parse(&source) else {
        script.traits.insert(Trait::Unreadable);
        return Taken::Unknown;
    };
    if tree.root_node().has_error() {
        script.traits.insert(Trait::Unreadable);
    }
    let mut reader = Reader { script, source: &source, variables: Variables::new() };
    reader.visit(tree.root_node(), &Input::None, depth, 0)
}

/// Late-bound references are no syntax of the shell; they become variables that nobody knows.
fn without_references(text: &str) -> String {
    let mut source = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("${") {
        let (before, from) = rest.split_at(start);
        source.push_str(before);
        let is_reference = from[2..].starts_with("items.") || from[2..].starts_with("secret:");
        match from.find('}').filter(|_| is_reference) {
            Some(end) => {
                source.push_str("${late_bound}");
                rest = &from[end + 1..];
            }
            None => {
                source.push_str("${");
                rest = &from[2..];
            }
        }
    }
    source.push_str(rest);
    source
}

/// `$name` as `${name}`: the grammar takes some dollars in the middle of a word for text.
fn with_braces(text: &str) -> String {
    let mut source = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    let mut before = ' ';
    while let Some(character) = characters.next() {
        source.push(character);
        let begins = |next: &char| next.is_ascii_alphabetic() || *next == '_';
        if character == '$' && !matches!(before, '$' | '\\') && characters.peek().is_some_and(begins) {
            source.push('{');
            while let Some(next) = characters.next_if(|next| next.is_ascii_alphanumeric() || *next == '_') {
                source.push(next);
            }
            source.push('}');
        }
        before = character;
    }
    source
}

/// As long as `source`, with letters for what lies beyond Latin-1: the grammar looks characters up in tables of C, which end
/// there, and what it reads behind their end may be nobody's memory. Words that differ may look the same to it then, which
/// matters where a heredoc ends only; it takes none whose end is not ASCII.
fn within_tables(source: &str) -> String {
    let mut within = String::with_capacity(source.len());
    for character in source.chars() {
        match (u8::try_from(u32::from(character)), character.len_utf8()) {
            (Ok(_), _) => within.push(character),
            (Err(_), 2) => within.push('\u{ff}'),
            (Err(_), 3) => within.push_str("a\u{ff}"),
            (Err(_), _) => within.push_str("\u{ff}\u{ff}"),
        }
    }
    within
}

fn parse(source: &str) -> Option<Tree> {
    let mut parser = Parser::new();
    parser.set_language(&tree_sitter_bash::LANGUAGE.into()).ok()?;
    let mut reports = 0;
    let mut progress = |_: &tree_sitter::ParseState| {
        reports += 1;
        if reports > MOST_REPORTS { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let options = ParseOptions::new().progress_callback(&mut progress);
    let source = within_tables(source);
    let bytes = source.as_bytes();
    parser.parse_with_options(&mut |at, _| bytes.get(at..).unwrap_or_default(), None, Some(options))
}

pub(super) struct Reader<'r, 's> {
    pub(super) script: &'r mut Script,
    pub(super) source: &'s str,
    pub(super) variables: Variables,
}

impl<'s> Reader<'_, 's> {
    pub(super) fn text(&self, node: Node<'_>) -> &'s str {
        self.slice(node.start_byte(), node.end_byte())
    }

    pub(super) fn slice(&self, start: usize, end: usize) -> &'s str {
        self.source.get(start..end.max(start)).unwrap_or_default()
    }

    pub(super) fn children<'t>(&self, node: Node<'t>) -> Vec<Node<'t>> {
        let mut cursor = node.walk();
        node.children(&mut cursor).collect()
    }

    /// The commands inside a substitution, and what they yield.
    pub(super) fn inside(&mut self, node: Node<'_>, depth: usize) -> Taken {
        if self.script.is_full(depth) {
            return Taken::Unknown;
        }
        let mut taken = Taken::Nothing;
        for child in self.children(node) {
            if child.is_named() {
                taken = merged(taken, self.visit(child, &Input::None, depth, depth * 8));
            }
        }
        taken
    }

    /// Adds every command below `node`; `input` is what the first of them reads.
    fn visit(&mut self, node: Node<'_>, input: &Input, depth: usize, part: usize) -> Taken {
        if part > DEEPEST_PART {
            self.script.traits.insert(Trait::Unreadable);
            return Taken::Unknown;
        }
        match node.kind() {
            "command" => self.command(node, input, depth),
            "pipeline" => self.pipeline(node, input, depth, part),
            "redirected_statement" => self.redirected(node, input, depth, part),
            "variable_assignment" => {
                self.assignment(node, depth);
                Taken::Nothing
            }
            "function_definition" => {
                self.fork_bomb(node);
                self.visit_children(node, input, depth, part)
            }
            "for_statement" => {
                // Each value in turn: of several, nobody knows which.
                if let Some(name) = node.child_by_field_name("variable") {
                    self.variables.remove(self.text(name));
                }
                self.visit_children(node, input, depth, part)
            }
            "comment" | "word" | "number" | "heredoc_start" | "heredoc_end" => Taken::Nothing,
            "string"
            | "raw_string"
            | "concatenation"
            | "expansion"
            | "simple_expansion"
            | "ansi_c_string"
            | "command_substitution"
            | "process_substitution" => {
                self.word(node, depth);
                Taken::Nothing
            }
            _ => self.visit_children(node, input, depth, part),
        }
    }

    fn visit_children(&mut self, node: Node<'_>, input: &Input, depth: usize, part: usize) -> Taken {
        let mut taken = Taken::Nothing;
        for child in self.children(node) {
            if child.is_named() {
                taken = merged(taken, self.visit(child, input, depth, part + 1));
            }
        }
        taken
    }

    fn pipeline(&mut self, node: Node<'_>, input: &Input, depth: usize, part: usize) -> Taken {
        let mut taken = input.clone();
        let mut last = Taken::Nothing;
        for stage in self.children(node).into_iter().filter(Node::is_named) {
            last = self.visit(stage, &taken, depth, part + 1);
            taken = Input::from(last.clone());
        }
        last
    }

    fn redirected(&mut self, node: Node<'_>, input: &Input, depth: usize, part: usize) -> Taken {
        let mut taken = input.clone();
        let mut bodies = Vec::new();
        for child in self.children(node).into_iter().filter(Node::is_named) {
            match child.kind() {
                "file_redirect" => self.file_redirect(child, &mut taken, depth),
                "herestring_redirect" => {
                    if let Some(text) = self.children(child).into_iter().rfind(Node::is_named) {
                        taken = Input::from(self.word(text, depth));
                    }
                }
                "heredoc_redirect" => {
                    for inner in self.children(child).into_iter().filter(Node::is_named) {
                        match inner.kind() {
                            "heredoc_body" => taken = Input::from(self.word(inner, depth)),
                            "heredoc_start" | "heredoc_end" => {}
                            "file_redirect" => self.file_redirect(inner, &mut taken, depth),
                            // What follows on the line of the redirection belongs to the command.
                            _ => bodies.push(inner),
                        }
                    }
                }
                _ => bodies.insert(0, child),
            }
        }
        let mut last = Taken::Nothing;
        for body in bodies {
            last = self.visit(body, &taken, depth, part + 1);
            taken = Input::from(last.clone());
        }
        last
    }

    fn file_redirect(&mut self, node: Node<'_>, input: &mut Input, depth: usize) {
        let children = self.children(node);
        let writes =
            children.iter().any(|child| matches!(child.kind(), ">" | ">>" | "&>" | "&>>" | ">|" | "<>"));
        let Some(target) = node.child_by_field_name("destination") else { return };
        let word = self.word(target, depth);
        if word.text.starts_with("/dev/tcp/") || word.text.starts_with("/dev/udp/") {
            self.script.programs.insert("/dev/tcp".to_owned());
            *input = Input::Remote;
        } else if writes {
            self.script.writes.push(word.text);
        } else if *input != Input::Remote {
            *input = if word.is_remote { Input::Remote } else { Input::Unknown };
        }
    }

    fn assignment(&mut self, node: Node<'_>, depth: usize) {
        let Some(name) = node.child_by_field_name("name") else { return };
        let name = self.text(name).to_owned();
        let value = match node.child_by_field_name("value") {
            Some(value) => self.word(value, depth),
            None => Word::default(),
        };
        let is_sum = self.children(node).iter().any(|child| child.kind() == "+=");
        let known = self.variables.remove(&name).filter(|_| is_sum);
        let value = match known {
            Some(known) => Word {
                text: known.text + &value.text,
                is_dynamic: known.is_dynamic || value.is_dynamic,
                is_remote: known.is_remote || value.is_remote,
                is_glob: false,
            },
            None => value,
        };
        self.variables.insert(name, value);
    }

    fn command(&mut self, node: Node<'_>, input: &Input, depth: usize) -> Taken {
        if self.script.is_full(depth) {
            return Taken::Unknown;
        }
        let mut words = Vec::new();
        let mut input = input.clone();
        for child in self.children(node).into_iter().filter(Node::is_named) {
            match child.kind() {
                "variable_assignment" => self.assignment(child, depth),
                "file_redirect" => self.file_redirect(child, &mut input, depth),
                "herestring_redirect" => {
                    if let Some(text) = self.children(child).into_iter().rfind(Node::is_named) {
                        input = Input::from(self.word(text, depth));
                    }
                }
                _ => words.extend(self.words(child, depth)),
            }
        }
        programs::run(self.script, words, &input, depth)
    }

    /// `f() { f | f & }`.
    fn fork_bomb(&mut self, node: Node<'_>) {
        let (Some(name), Some(body)) = (node.child_by_field_name("name"), node.child_by_field_name("body"))
        else {
            return;
        };
        let name = self.text(name);
        let mut calls = 0;
        let mut open = vec![body];
        while let Some(node) = open.pop() {
            if node.kind() == "command_name" && self.text(node) == name {
                calls += 1;
            }
            open.extend(self.children(node));
        }
        if calls > 1 {
            self.script.traits.insert(Trait::ForkBomb);
        }
    }
}

fn merged(one: Taken, two: Taken) -> Taken {
    match (one, two) {
        (Taken::Nothing, other) | (other, Taken::Nothing) => other,
        (Taken::Remote, _) | (_, Taken::Remote) => Taken::Remote,
        (Taken::Text(one), Taken::Text(two)) => Taken::Text(one + &two),
        _ => Taken::Unknown,
    }
}

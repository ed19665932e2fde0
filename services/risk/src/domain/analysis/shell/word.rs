//! Words of a command, expanded as far as that can be done without running anything.

use std::collections::BTreeMap;

use tree_sitter::Node;

use super::read::{Reader, Taken};

/// One argument of a command.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Word {
    pub(super) text: String,
    /// Part of it is known only when it runs.
    pub(super) is_dynamic: bool,
    /// Part of it comes from the network.
    pub(super) is_remote: bool,
    /// It holds `*`, `?` or `[` outside of quotes.
    pub(super) is_glob: bool,
}

impl Word {
    /// An argument that no shell has seen; a reference to something late-bound is dynamic.
    pub(super) fn of_argument(text: &str) -> Self {
        let is_dynamic = text.contains("${items.") || text.contains("${secret:");
        Self { text: text.to_owned(), is_dynamic, ..Self::default() }
    }

    /// The program that it names: without a folder.
    pub(super) fn program(&self) -> &str {
        self.text.rsplit('/').next().unwrap_or_default()
    }
}

/// Values of variables, as far as they are known.
pub(super) type Variables = BTreeMap<String, Word>;

/// Gathers the words that one word of the script becomes: none, one, or several, because unquoted expansions are
/// split at spaces.
#[derive(Debug, Default)]
struct Builder {
    done: Vec<Word>,
    word: Word,
    has_started: bool,
}

impl Builder {
    fn push(&mut self, text: &str) {
        self.has_started = true;
        self.word.text.push_str(text);
    }

    fn mark(&mut self, of: &Word) {
        self.word.is_dynamic |= of.is_dynamic;
        self.word.is_remote |= of.is_remote;
    }

    /// The value of an expansion.
    fn push_value(&mut self, value: &Word, is_quoted: bool) {
        self.mark(value);
        if is_quoted {
            self.push(&value.text);
            return;
        }
        for (index, part) in value.text.split([' ', '\t', '\n']).enumerate() {
            if index > 0 {
                self.split();
            }
            if !part.is_empty() {
                self.push(part);
                self.mark(value);
            }
        }
    }

    fn split(&mut self) {
        if self.has_started {
            self.done.push(std::mem::take(&mut self.word));
        }
        self.has_started = false;
    }

    fn finish(mut self) -> Vec<Word> {
        // A quoted nothing is a word all the same, a dynamic nothing may be one.
        if self.has_started || self.word.is_dynamic {
            self.done.push(self.word);
        }
        self.done
    }
}

impl Reader<'_, '_> {
    /// The words that `node` becomes.
    pub(super) fn words(&mut self, node: Node<'_>, depth: usize) -> Vec<Word> {
        let text = self.text(node);
        let inner = text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
        if let Some(parts) =
            inner.filter(|inner| inner.contains(',') && !inner.contains(['{', '}', '\'', '"']))
        {
            return parts.split(',').map(|part| Word { text: unescaped(part), ..Word::default() }).collect();
        }
        let mut builder = Builder::default();
        self.expand(node, false, &mut builder, depth);
        builder.finish()
    }

    /// `node` as one word, as in an assignment.
    pub(super) fn word(&mut self, node: Node<'_>, depth: usize) -> Word {
        let mut builder = Builder::default();
        self.expand(node, true, &mut builder, depth);
        builder.finish().into_iter().next().unwrap_or_default()
    }

    fn expand(&mut self, node: Node<'_>, is_quoted: bool, into: &mut Builder, depth: usize) {
        let text = self.text(node);
        match node.kind() {
            "raw_string" => into.push(text.trim_start_matches('\'').trim_end_matches('\'')),
            "ansi_c_string" => into.push(&ansi_c(text)),
            "string" | "translated_string" | "heredoc_body" => {
                into.push("");
                self.expand_parts(node, into, depth);
            }
            "string_content" | "heredoc_content" => into.push(&unescaped_in_quotes(text)),
            "concatenation" | "command_name" => {
                for child in self.children(node) {
                    self.expand(child, is_quoted, into, depth);
                }
            }
            "simple_expansion" | "expansion" => {
                let value = self.variable(node, text, depth);
                into.push_value(&value, is_quoted);
            }
            "command_substitution" | "process_substitution" => {
                let value = self.substitution(node, depth);
                into.push_value(&value, is_quoted);
            }
            "arithmetic_expansion" => {
                into.push(text);
                into.word.is_dynamic = true;
            }
            _ if is_quoted => into.push(&unescaped(text)),
            _ => {
                // Braces inside a word make several words of it, which tricks nobody who is told so.
                into.word.is_dynamic |= text.contains('{') && text.contains(',');
                into.word.is_glob |= has_glob(text);
                into.push(&unescaped(text));
            }
        }
    }

    /// The inside of double quotes: what the grammar has no node for is text, too.
    fn expand_parts(&mut self, node: Node<'_>, into: &mut Builder, depth: usize) {
        let heredoc = node.kind() == "heredoc_body";
        let (start, end) = (node.start_byte(), node.end_byte());
        let mut at =
            if heredoc { start } else { start + self.source[start..].find('"').map_or(0, |n| n + 1) };
        let last = if heredoc { end } else { end.saturating_sub(1).max(at) };
        for child in self.children(node) {
            if !child.is_named() {
                continue;
            }
            into.push(&unescaped_in_quotes(self.slice(at, child.start_byte())));
            self.expand(child, true, into, depth);
            at = child.end_byte();
        }
        into.push(&unescaped_in_quotes(self.slice(at, last)));
    }

    /// The value of `$x`, `${x}` or `${x:-default}`.
    fn variable(&mut self, node: Node<'_>, text: &str, depth: usize) -> Word {
        let dynamic = || Word { text: text.to_owned(), is_dynamic: true, ..Word::default() };
        let inner =
            text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}')).or(text.strip_prefix('$'));
        let Some(inner) = inner else { return dynamic() };
        let is_name = |name: &str| name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        if is_name(inner) {
            if inner == "IFS" && !self.variables.contains_key("IFS") {
                return Word { text: " ".to_owned(), ..Word::default() };
            }
            return self.variables.get(inner).cloned().unwrap_or_else(dynamic);
        }
        // What stands in for a variable that is not set is what will be seen, if it is not.
        let default =
            inner.split_once(":-").or_else(|| inner.split_once(":=")).or_else(|| inner.split_once('-'));
        if let Some((name, _)) = default.filter(|(name, _)| is_name(name) && !name.is_empty()) {
            if let Some(known) = self.variables.get(name) {
                return known.clone();
            }
            let operands: Vec<Node<'_>> =
                self.children(node).into_iter().filter(|child| child.is_named()).skip(1).collect();
            let mut value = Word::default();
            for operand in operands {
                let part = self.word(operand, depth);
                value.text.push_str(&part.text);
                value.is_remote |= part.is_remote;
            }
            value.is_dynamic = true;
            return value;
        }
        // Substrings, replacements, indirection: a way to spell any program at all.
        for child in self.children(node) {
            if matches!(child.kind(), "command_substitution" | "process_substitution") {
                self.substitution(child, depth);
            }
        }
        dynamic()
    }

    /// What `$(…)`, backquotes or `<(…)` yield; the commands inside are added to the script.
    fn substitution(&mut self, node: Node<'_>, depth: usize) -> Word {
        let taken = self.inside(node, depth + 1);
        match taken {
            Taken::Text(text) => Word { text: text.trim_end_matches('\n').to_owned(), ..Word::default() },
            Taken::Remote => {
                Word { text: self.text(node).to_owned(), is_dynamic: true, is_remote: true, is_glob: false }
            }
            Taken::Unknown | Taken::Nothing => {
                Word { text: self.text(node).to_owned(), is_dynamic: true, ..Word::default() }
            }
        }
    }
}

fn has_glob(text: &str) -> bool {
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => drop(characters.next()),
            '*' | '?' | '[' => return true,
            _ => {}
        }
    }
    false
}

/// Takes backslashes away, as a shell does outside of quotes.
fn unescaped(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => plain.extend(characters.next().filter(|next| *next != '\n')),
            other => plain.push(other),
        }
    }
    plain
}

/// As a shell does inside double quotes, where a backslash counts only before some characters.
fn unescaped_in_quotes(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match (character, characters.peek()) {
            ('\\', Some('\n')) => drop(characters.next()),
            ('\\', Some('$' | '`' | '"' | '\\')) => plain.extend(characters.next()),
            (other, _) => plain.push(other),
        }
    }
    plain
}

/// `$'…'` with its escapes.
fn ansi_c(text: &str) -> String {
    let inner = text.strip_prefix("$'").and_then(|rest| rest.strip_suffix('\'')).unwrap_or(text);
    let mut plain = String::new();
    let mut characters = inner.chars().peekable();
    while let Some(character) = characters.next() {
        if character != '\\' {
            plain.push(character);
            continue;
        }
        let Some(kind) = characters.next() else { break };
        let mut digits = |radix: u32, most: usize, first: Option<char>| {
            let mut number: String = first.into_iter().collect();
            while number.len() < most {
                match characters.next_if(|next| next.is_digit(radix)) {
                    Some(digit) => number.push(digit),
                    None => break,
                }
            }
            u32::from_str_radix(&number, radix).ok().and_then(char::from_u32)
        };
        let decoded = match kind {
            'x' => digits(16, 2, None),
            'u' => digits(16, 4, None),
            'U' => digits(16, 8, None),
            '0'..='7' => digits(8, 3, Some(kind)),
            'n' => Some('\n'),
            't' => Some('\t'),
            'r' => Some('\r'),
            'a' | 'b' | 'e' | 'E' | 'f' | 'v' => Some(' '),
            other => Some(other),
        };
        plain.extend(decoded);
    }
    plain
}

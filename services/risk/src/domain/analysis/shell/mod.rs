//! Commands, as a shell would run them. Quotes, variables, substitutions and wrappers are taken away as far as that
//! can be done without running anything; where it cannot, the script is dynamic, and that is a finding of its own.

mod programs;
mod read;
#[cfg(test)]
mod tests;
mod word;

use std::collections::BTreeSet;

/// Longest script that is read, in bytes; a longer one is unreadable.
const LONGEST: usize = 64 << 10;
/// Most commands that are listed of one call, those inside others counted.
const MOST_COMMANDS: usize = 512;
/// How deep scripts may stand in scripts.
const DEEPEST: usize = 6;

/// A property of a script. Named as policies name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::domain) enum Trait {
    /// Nobody can say what runs: a syntax error, too long, too deep.
    Unreadable,
    /// Which program runs, or with which script, is known only when it does.
    Dynamic,
    /// What runs comes from the network.
    RemoteCode,
    /// What runs is encoded, or comes from another program.
    HiddenCode,
    /// Code of another language stands in the command.
    InlineCode,
    /// A function that starts itself twice.
    ForkBomb,
}

impl Trait {
    pub(in crate::domain) const ALL: [Self; 6] = [
        Self::Unreadable,
        Self::Dynamic,
        Self::RemoteCode,
        Self::HiddenCode,
        Self::InlineCode,
        Self::ForkBomb,
    ];

    pub(in crate::domain) const fn as_str(self) -> &'static str {
        match self {
            Self::Unreadable => "unreadable",
            Self::Dynamic => "dynamic",
            Self::RemoteCode => "remote_code",
            Self::HiddenCode => "hidden_code",
            Self::InlineCode => "inline_code",
            Self::ForkBomb => "fork_bomb",
        }
    }
}

/// What a script would do.
#[derive(Debug, Default)]
pub(in crate::domain) struct Script {
    /// Every command, with quotes and expansions taken away: `rm -rf /`.
    pub(in crate::domain) commands: Vec<String>,
    /// Every program, without its folder.
    pub(in crate::domain) programs: BTreeSet<String>,
    pub(in crate::domain) traits: BTreeSet<Trait>,
    /// Files that are written through `>` and `>>`.
    pub(in crate::domain) writes: Vec<String>,
    /// SQL that is handed to a client such as `psql -c`.
    pub(in crate::domain) statements: Vec<String>,
}

impl Script {
    /// Adds what the shell makes of `text`.
    pub(in crate::domain) fn add_text(&mut self, text: &str) {
        read::script(self, text, 0);
    }

    /// Adds a program and its arguments, which no shell has taken apart.
    pub(in crate::domain) fn add_words(&mut self, words: &[&str]) {
        let words = words.iter().map(|text| word::Word::of_argument(text)).collect();
        programs::run(self, words, &programs::Input::None, 0);
    }

    /// Whether no more may be added; the script counts as unreadable then.
    fn is_full(&mut self, depth: usize) -> bool {
        let is_full = self.commands.len() >= MOST_COMMANDS || depth > DEEPEST;
        if is_full {
            self.traits.insert(Trait::Unreadable);
        }
        is_full
    }
}

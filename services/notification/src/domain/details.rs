//! What templates and messages are made of. Everything that people wrote is one line of limited length without
//! secrets before it gets here.

use assent_core::Timestamp;
use assent_core::id::SessionId;
use assent_plan::redact::redact;
use serde::{Deserialize, Serialize};

/// Most characters of a text that somebody wrote.
const QUOTE: usize = 200;

/// What happened, in words.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Details {
    /// Of the plan.
    pub(crate) goal: String,
    /// Name of its level, e.g. `HIGH`; empty where it is not known.
    pub(crate) risk: String,
    /// Number of the version; 0 where it is not known.
    pub(crate) version: i32,
    /// Digest of the version; empty where it is not known.
    pub(crate) digest: String,
    /// Work items of the plan.
    pub(crate) items: usize,
    /// Who did it, for display.
    pub(crate) by: String,
    /// Why, or what was said.
    pub(crate) reason: String,
    /// From the requester to the reviewers.
    pub(crate) message: String,
    /// When the time to decide ends.
    pub(crate) until: Option<Timestamp>,
    /// What an execution produced.
    pub(crate) artifacts: usize,
    /// Items that will not run.
    pub(crate) skipped: usize,
    /// Whose votes no longer count.
    pub(crate) lapsed: Vec<String>,
    /// On whose behalf the reader is asked, where that is not the reader.
    pub(crate) delegated_by: String,
    /// Why several are told at once: `digest`, `quiet_hours`, `cap` or `window`.
    pub(crate) hold: String,
    /// The notifications that are told at once; the first few.
    pub(crate) entries: Vec<Entry>,
    /// How many there are.
    pub(crate) count: usize,
}

/// One notification of several.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Entry {
    pub(crate) title: String,
    pub(crate) session: Option<SessionId>,
}

/// One line of limited length without secrets.
pub(crate) fn quote(text: &str) -> String {
    shorten(text, QUOTE)
}

/// One line of at most `most` characters without secrets.
pub(crate) fn shorten(text: &str, most: usize) -> String {
    // What cannot be seen could reorder or hide what can.
    let line: String = redact(text).chars().map(|c| if is_hidden(c) { ' ' } else { c }).collect();
    let line = line.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", line.get(..end).unwrap_or_default()),
        None => line,
    }
}

fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{feff}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_people_wrote_is_one_line_without_secrets_or_tricks() {
        assert_eq!(quote("Export\n all\u{202e} password=\"hunter2\""), "Export all password=[REDACTED]");
        assert_eq!(shorten("abcdef", 3), "abc…");
    }

    proptest! {
        #[test]
        fn a_quote_is_one_line_of_bounded_length(text in "(\n|\\PC|\\pC){0,400}") {
            let quoted = quote(&text);
            prop_assert!(!quoted.chars().any(is_hidden) && quoted.chars().count() <= QUOTE + 1);
        }
    }
}

//! Lines of toned pieces, so that widths are counted without colours.

use super::text::{clean, columns};

/// How a piece of text looks where colours are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    Plain,
    Bold,
    Dim,
    Good,
    Warn,
    Bad,
}

impl Tone {
    const fn code(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Bold => "1",
            Self::Dim => "2",
            Self::Good => "32",
            Self::Warn => "33",
            Self::Bad => "1;31",
        }
    }
}

/// One line for people.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Line(Vec<(String, Tone)>);

/// A plain line; `text` is cleaned.
pub(crate) fn plain(text: impl AsRef<str>) -> Line {
    toned(text, Tone::Plain)
}

/// A line in one tone; `text` is cleaned.
pub(crate) fn toned(text: impl AsRef<str>, tone: Tone) -> Line {
    Line::default().then(text, tone)
}

impl Line {
    /// The line with the pieces of `other` after it.
    pub(crate) fn joined(mut self, other: &Self) -> Self {
        self.0.extend(other.0.iter().cloned());
        self
    }

    /// The line with another piece after it; `text` is cleaned.
    pub(crate) fn then(mut self, text: impl AsRef<str>, tone: Tone) -> Self {
        self.0.push((clean(text.as_ref()).into_owned(), tone));
        self
    }

    /// Columns that it takes.
    pub(crate) fn columns(&self) -> usize {
        self.0.iter().map(|(text, _)| columns(text)).sum()
    }

    /// The text to print.
    pub(crate) fn paint(&self, colour: bool) -> String {
        let mut painted = String::new();
        for (text, tone) in &self.0 {
            if colour && *tone != Tone::Plain {
                painted.push_str(&format!("\u{1b}[{}m{text}\u{1b}[0m", tone.code()));
            } else {
                painted.push_str(text);
            }
        }
        painted
    }
}

//! The box in which a review stands.

use super::style::{Line, Tone, plain, toned};
use super::text::wrap;

/// Columns between the borders where nothing else is known, as in the product's first sketch.
const INNER: usize = 67;
const WIDEST: usize = 96;
const NARROWEST: usize = 40;
const MARGIN: usize = 2;

/// Lines to be drawn with a double border.
#[derive(Debug, Clone)]
pub(crate) struct Frame {
    inner: usize,
    lines: Vec<Line>,
}

impl Frame {
    /// An empty frame for a terminal of so many columns.
    pub(crate) fn new(terminal: Option<usize>) -> Self {
        let inner = terminal.map_or(INNER, |columns| columns.saturating_sub(2).clamp(NARROWEST, WIDEST));
        Self { inner, lines: Vec::new() }
    }

    /// Adds a line as it is; one that is too long is wrapped and loses its tones.
    pub(crate) fn line(&mut self, line: Line) {
        if line.columns() <= self.room() {
            self.lines.push(line);
        } else {
            self.hanging("", &line.paint(false), Tone::Plain);
        }
    }

    /// Adds an empty line.
    pub(crate) fn gap(&mut self) {
        self.lines.push(Line::default());
    }

    /// Adds `text` after `head`, wrapped so that later lines start below the text.
    pub(crate) fn hanging(&mut self, head: &str, text: &str, tone: Tone) {
        self.after(plain(head), text, tone);
    }

    /// The same after a head that has tones of its own.
    pub(crate) fn after(&mut self, head: Line, text: &str, tone: Tone) {
        let indent = head.columns();
        let mut head = Some(head);
        for part in wrap(text, self.room().saturating_sub(indent)) {
            let start = head.take().unwrap_or_else(|| plain(" ".repeat(indent)));
            self.lines.push(start.then(part, tone));
        }
    }

    fn room(&self) -> usize {
        self.inner.saturating_sub(2 * MARGIN)
    }

    /// The box, line by line.
    pub(crate) fn draw(&self) -> Vec<Line> {
        let bar = "═".repeat(self.inner);
        let mut drawn = vec![toned(format!("╔{bar}╗"), Tone::Plain)];
        for line in &self.lines {
            let padding = self.inner.saturating_sub(MARGIN + line.columns());
            drawn.push(
                plain("║  ").joined(line).then(" ".repeat(padding), Tone::Plain).then("║", Tone::Plain),
            );
        }
        drawn.push(toned(format!("╚{bar}╝"), Tone::Plain));
        drawn
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_border_is_straight_whatever_stands_inside(texts in proptest::collection::vec(any::<String>(), 0..8), wide in 10_usize..200) {
            let mut frame = Frame::new(Some(wide));
            for text in &texts {
                frame.hanging("1. ", text, Tone::Bad);
                frame.line(plain(text));
            }
            let drawn = frame.draw();
            let widths: Vec<_> = drawn.iter().map(Line::columns).collect();
            prop_assert!(widths.iter().all(|w| *w == widths[0]), "{widths:?}");
        }
    }
}

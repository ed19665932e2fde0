//! Statement texts as constants.

use crate::db::Backend;

/// The text of one statement, with the number of arguments that it wants.
#[derive(Debug, Clone, Copy)]
pub struct Sql {
    postgres: &'static str,
    sqlite: &'static str,
    arity: usize,
}

impl Sql {
    /// A text that both databases understand.
    pub const fn new(text: &'static str) -> Self {
        Self { postgres: text, sqlite: text, arity: highest_placeholder(text) }
    }

    /// Two texts that do the same, for lock clauses and the few places where the dialects differ.
    /// Refused at compile time when they want different numbers of arguments.
    pub const fn split(postgres: &'static str, sqlite: &'static str) -> Self {
        let arity = highest_placeholder(postgres);
        assert!(arity == highest_placeholder(sqlite), "both texts must use the same placeholders");
        Self { postgres, sqlite, arity }
    }

    /// The text for `backend`.
    pub const fn text(&self, backend: Backend) -> &'static str {
        match backend {
            Backend::Postgres => self.postgres,
            Backend::Sqlite => self.sqlite,
        }
    }

    /// How many arguments must be bound: the highest `$n`.
    pub const fn arity(&self) -> usize {
        self.arity
    }
}

const fn highest_placeholder(text: &str) -> usize {
    let bytes = text.as_bytes();
    let mut highest = 0;
    let mut at = 0;
    while at < bytes.len() {
        let dollar = bytes[at] == b'$';
        at += 1;
        let mut number = 0;
        while dollar && at < bytes.len() && bytes[at].is_ascii_digit() {
            number = number * 10 + (bytes[at] - b'0') as usize;
            at += 1;
        }
        if number > highest {
            highest = number;
        }
    }
    highest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arity_is_the_highest_placeholder() {
        assert_eq!(Sql::new("SELECT 1").arity(), 0);
        assert_eq!(Sql::new("SELECT $1, $2 WHERE a = $1").arity(), 2);
        assert_eq!(Sql::new("VALUES ($9, $10, $11)").arity(), 11);
        assert_eq!(Sql::new("SELECT a -> '$.b' WHERE c = $1").arity(), 1);
        assert_eq!(Sql::split("SELECT $1 FOR UPDATE", "SELECT $1").arity(), 1);
    }

    #[test]
    #[should_panic(expected = "same placeholders")]
    fn texts_that_want_different_arguments_are_refused() {
        Sql::split("SELECT $1, $2", "SELECT $1");
    }
}

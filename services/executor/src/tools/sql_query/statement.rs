//! What kind of statement a text is, as far as the tool must know: the database itself judges the rest.

use sqlparser::dialect::{Dialect, PostgreSqlDialect, SQLiteDialect};
use sqlparser::tokenizer::{Token, Tokenizer};

use super::Backend;

/// One statement, without what ends it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Statement {
    pub(super) text: String,
    /// How rows come of it.
    pub(super) shape: Shape,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// A query.
    Rows,
    /// A change that gives back what it changed.
    Returning,
    /// A change.
    Change,
}

/// Why a text is not run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unusable {
    #[error("the statement cannot be read")]
    Unreadable,
    #[error("give exactly one statement")]
    NotOne,
    #[error("only queries and changes of data and tables are run, no statement of this kind")]
    Kind,
    #[error("it changes data, and `write` is not true")]
    Writes,
}

/// Statements that only read, by their first word.
const READS: [&str; 3] = ["SELECT", "WITH", "VALUES"];
/// Statements that change data or tables. Whatever reaches outside the database (COPY, ATTACH, DO, CALL) is not here.
const CHANGES: [&str; 9] =
    ["INSERT", "UPDATE", "DELETE", "REPLACE", "MERGE", "TRUNCATE", "CREATE", "ALTER", "DROP"];
/// Changes inside a WITH.
const WRITERS: [&str; 4] = ["INSERT", "UPDATE", "DELETE", "MERGE"];

/// Reads `text` for `backend`.
pub(super) fn read(text: &str, backend: Backend, write: bool) -> Result<Statement, Unusable> {
    let dialect: &dyn Dialect = match backend {
        Backend::Postgres => &PostgreSqlDialect {},
        Backend::Sqlite => &SQLiteDialect {},
    };
    let tokens = Tokenizer::new(dialect, text).tokenize().map_err(|_| Unusable::Unreadable)?;
    let mut tokens: Vec<Token> =
        tokens.into_iter().filter(|token| !matches!(token, Token::Whitespace(_))).collect();
    while matches!(tokens.last(), Some(Token::SemiColon)) {
        tokens.pop();
    }
    if tokens.is_empty() || tokens.contains(&Token::SemiColon) {
        return Err(Unusable::NotOne);
    }
    let first = word(&tokens[0]).ok_or(Unusable::Kind)?;
    let is_read = READS.contains(&first.as_str());
    if !is_read && !CHANGES.contains(&first.as_str()) {
        return Err(Unusable::Kind);
    }
    let has =
        |names: &[&str]| tokens.iter().any(|token| word(token).is_some_and(|w| names.contains(&w.as_str())));
    let changes = !is_read || (first == "WITH" && has(&WRITERS));
    if changes && !write {
        return Err(Unusable::Writes);
    }
    let shape = match changes {
        false => Shape::Rows,
        true if has(&["RETURNING"]) => Shape::Returning,
        true => Shape::Change,
    };
    // Put together again without comments, so that nothing that is added after it can be commented out.
    let text = tokens.iter().map(Token::to_string).collect::<Vec<_>>().join(" ");
    Ok(Statement { text, shape })
}

/// A word that is no quoted name, in capitals.
fn word(token: &Token) -> Option<String> {
    match token {
        Token::Word(word) if word.quote_style.is_none() => Some(word.value.to_ascii_uppercase()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(text: &str, write: bool) -> Result<Shape, Unusable> {
        read(text, Backend::Postgres, write).map(|statement| statement.shape)
    }

    #[test]
    fn reads_and_changes_are_told_apart() {
        assert_eq!(shape("select 1 -- ; drop table a", false), Ok(Shape::Rows));
        assert_eq!(shape("with t as (select 1) select * from t;", false), Ok(Shape::Rows));
        assert_eq!(shape("select 'insert; delete', \"delete\" from t", false), Ok(Shape::Rows));
        assert_eq!(
            shape("with t as (delete from a returning *) select * from t", false),
            Err(Unusable::Writes)
        );
        assert_eq!(
            shape("with t as (delete from a returning *) select * from t", true),
            Ok(Shape::Returning)
        );
        assert_eq!(shape("/* x */ Insert into a values (1)", true), Ok(Shape::Change));
        assert_eq!(shape("update a set b = 1 returning b", true), Ok(Shape::Returning));
        assert_eq!(shape("drop table a", false), Err(Unusable::Writes));
    }

    #[test]
    fn what_is_not_one_known_statement_is_refused() {
        for text in ["", " ; ", "-- nothing", "select 1; select 2"] {
            assert_eq!(shape(text, true), Err(Unusable::NotOne), "{text}");
        }
        for text in [
            "copy a to program 'sh'",
            "attach 'x' as y",
            "do $$ begin end $$",
            "pragma x",
            "(select 1)",
            "set a = b",
        ] {
            assert_eq!(shape(text, true), Err(Unusable::Kind), "{text}");
        }
        assert_eq!(shape("select 'open", true), Err(Unusable::Unreadable));
    }

    #[test]
    fn comments_go_and_texts_stay() {
        let statement = read("select 'a -- b', $1 -- c\n;", Backend::Postgres, false).unwrap();
        assert_eq!(statement.text, "select 'a -- b' , $1");
    }
}

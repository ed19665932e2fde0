//! SQL, as a database would take it.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use sqlparser::ast::{
    BinaryOperator, Expr, ObjectName, Query, SetExpr, Statement, Value, visit_expressions, visit_relations,
    visit_statements,
};
use sqlparser::ast::{Visit, Visitor};
use sqlparser::dialect::{Dialect, GenericDialect, MySqlDialect, PostgreSqlDialect};
use sqlparser::parser::Parser;
use sqlparser::tokenizer::{Token, Tokenizer};

/// Longest text that is read, in bytes.
const LONGEST: usize = 64 << 10;
/// How deep expressions may stand in each other.
const DEEPEST: usize = 24;
/// Most operators: each makes the tree of an expression one deeper.
const MOST_OPERATORS: usize = 400;

/// What a statement does. Named as policies name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::domain) enum Kind {
    /// Nobody can say what it does.
    Unreadable,
    Read,
    /// Rows come or change.
    Write,
    /// Rows go.
    Delete,
    /// A DELETE or TRUNCATE that spares no row, or an UPDATE that changes all.
    Unbounded,
    /// Tables, views, indexes and the like come, change or go.
    Ddl,
    /// They go, and what is in them.
    Drop,
    /// A whole schema or database goes.
    DropDatabase,
    /// Rights change.
    Grant,
    /// Rows leave for a file or a client.
    Export,
    /// Code of the database, the system or the server runs.
    Execute,
}

impl Kind {
    pub(in crate::domain) const fn as_str(self) -> &'static str {
        match self {
            Self::Unreadable => "unreadable",
            Self::Read => "read",
            Self::Write => "write",
            Self::Delete => "delete",
            Self::Unbounded => "unbounded",
            Self::Ddl => "ddl",
            Self::Drop => "drop",
            Self::DropDatabase => "drop_database",
            Self::Grant => "grant",
            Self::Export => "export",
            Self::Execute => "execute",
        }
    }
}

/// What SQL would do.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in crate::domain) struct Statements {
    pub(in crate::domain) kinds: BTreeSet<Kind>,
    /// Names of tables in lower case, without their schema.
    pub(in crate::domain) tables: BTreeSet<String>,
}

/// Functions through which a query reaches files, other servers or the system.
const SYSTEM_FUNCTIONS: &[&str] = &[
    "pg_read_file",
    "pg_read_binary_file",
    "pg_ls_dir",
    "pg_write_file",
    "pg_terminate_backend",
    "pg_cancel_backend",
    "pg_reload_conf",
    "pg_rotate_logfile",
    "pg_switch_wal",
    "pg_promote",
    "lo_import",
    "lo_export",
    "lo_unlink",
    "dblink",
    "dblink_exec",
    "dblink_connect",
    "load_file",
    "sys_exec",
    "sys_eval",
    "xp_cmdshell",
    "sp_executesql",
    "load_extension",
    "writefile",
    "readfile",
    "edit",
    "set_config",
    "setval",
    "nextval",
    "query_to_xml",
    "database_to_xml",
    "pg_drop_replication_slot",
    "pg_execute_server_program",
    "utl_http",
    "httpget",
    "http_get",
    "http_post",
    "url",
    "file",
    "remote",
    "s3",
    "mysql",
    "postgresql",
    "openrowset",
    "opendatasource",
];

/// Whether `text` begins as SQL does.
pub(in crate::domain) fn looks_like_sql(text: &str) -> bool {
    const VERBS: &[&str] = &[
        "select", "insert", "update", "delete", "drop", "create", "alter", "truncate", "grant", "revoke",
        "merge", "with", "copy", "call", "exec", "execute", "begin", "replace", "explain", "vacuum",
        "declare", "do", "lock",
    ];
    let mut rest = text.trim_start();
    loop {
        let after = if rest.starts_with("--") {
            rest.find('\n').map(|end| &rest[end + 1..])
        } else if rest.starts_with("/*") {
            rest.find("*/").map(|end| &rest[end + 2..])
        } else {
            rest.strip_prefix('(').or(rest.strip_prefix(';'))
        };
        match after {
            Some(after) => rest = after.trim_start(),
            None => break,
        }
    }
    let word: String = rest.chars().take_while(char::is_ascii_alphabetic).collect();
    VERBS.contains(&word.to_ascii_lowercase().as_str())
}

impl Statements {
    /// Adds what `text` would do; false when it cannot be read.
    pub(in crate::domain) fn add(&mut self, text: &str) -> bool {
        let Some(statements) = parse(text) else { return false };
        for statement in &statements {
            self.add_statement(statement);
        }
        true
    }

    /// Adds a text that is SQL for certain.
    pub(in crate::domain) fn add_certain(&mut self, text: &str) {
        if !self.add(text) {
            self.kinds.insert(Kind::Unreadable);
        }
    }

    fn add_statement(&mut self, statement: &Statement) {
        let _: ControlFlow<()> = visit_statements(statement, |inner: &Statement| {
            self.add_own(inner);
            ControlFlow::Continue(())
        });
        let _: ControlFlow<()> = visit_relations(statement, |name: &ObjectName| {
            self.tables.extend(name.0.last().map(|part| bare(&part.to_string())));
            ControlFlow::Continue(())
        });
        let _: ControlFlow<()> = visit_expressions(statement, |expression: &Expr| {
            if let Expr::Function(function) = expression {
                self.add_function(&function.name);
            }
            ControlFlow::Continue(())
        });
        // Tables that are functions, and SELECT … INTO, stand where no expression does.
        let mut queries = Queries { calls: Vec::new(), makes_table: false };
        let _ = statement.visit(&mut queries);
        queries.calls.iter().for_each(|name| self.add_function(name));
        if queries.makes_table {
            self.kinds.insert(Kind::Write);
        }
    }

    fn add_function(&mut self, name: &ObjectName) {
        let name = name.0.last().map(|part| bare(&part.to_string())).unwrap_or_default();
        if SYSTEM_FUNCTIONS.contains(&name.as_str()) {
            self.kinds.insert(Kind::Execute);
        }
    }

    fn add_own(&mut self, statement: &Statement) {
        match statement {
            Statement::Query(_) => self.add_all(&[Kind::Read]),
            Statement::Delete(delete) => {
                self.add_all(&[Kind::Delete]);
                let is_all = delete.selection.as_ref().is_none_or(|condition| !limits(condition));
                if is_all && delete.limit.is_none() {
                    self.add_all(&[Kind::Unbounded]);
                }
            }
            Statement::Update(update) => {
                self.add_all(&[Kind::Write]);
                let is_all = update.selection.as_ref().is_none_or(|condition| !limits(condition));
                if is_all && update.limit.is_none() {
                    self.add_all(&[Kind::Unbounded]);
                }
            }
            other => {
                let text = other.to_string().to_ascii_uppercase();
                let words: Vec<&str> = text.split_whitespace().take(4).collect();
                self.add_by_words(&words, &text);
            }
        }
    }

    fn add_by_words(&mut self, words: &[&str], text: &str) {
        let about_rights =
            words.iter().skip(1).any(|word| matches!(*word, "ROLE" | "USER" | "POLICY" | "AUTHORIZATION"));
        match words {
            ["INSERT" | "REPLACE" | "MERGE", ..] => self.add_all(&[Kind::Write]),
            ["TRUNCATE", ..] => self.add_all(&[Kind::Delete, Kind::Unbounded]),
            ["DROP", "DATABASE" | "SCHEMA" | "CATALOG", ..] => {
                self.add_all(&[Kind::Ddl, Kind::Drop, Kind::DropDatabase]);
            }
            ["DROP", "INDEX" | "VIEW" | "FUNCTION" | "PROCEDURE" | "TRIGGER", ..] => {
                self.add_all(&[Kind::Ddl])
            }
            ["DROP", ..] if about_rights => self.add_all(&[Kind::Grant]),
            ["DROP", ..] => self.add_all(&[Kind::Ddl, Kind::Drop]),
            ["CREATE", ..]
                if text.contains("FUNCTION") || text.contains("PROCEDURE") || text.contains("EXTENSION") =>
            {
                self.add_all(&[Kind::Ddl, Kind::Execute]);
            }
            ["CREATE" | "ALTER", ..] if about_rights => self.add_all(&[Kind::Grant]),
            ["ALTER", ..] if text.contains(" DROP ") => self.add_all(&[Kind::Ddl, Kind::Drop]),
            ["CREATE" | "ALTER" | "COMMENT" | "RENAME" | "REINDEX", ..] => self.add_all(&[Kind::Ddl]),
            ["GRANT" | "REVOKE" | "DENY", ..] => self.add_all(&[Kind::Grant]),
            ["SET", ..] if about_rights => self.add_all(&[Kind::Grant]),
            ["COPY", ..] if text.contains(" PROGRAM ") => self.add_all(&[Kind::Execute]),
            ["COPY", ..] if text.contains(" TO ") => self.add_all(&[Kind::Read, Kind::Export]),
            ["COPY", ..] => self.add_all(&[Kind::Write]),
            ["UNLOAD", ..] => self.add_all(&[Kind::Read, Kind::Export]),
            [
                "SET" | "START" | "BEGIN" | "COMMIT" | "ROLLBACK" | "SAVEPOINT" | "RELEASE" | "SHOW"
                | "DESCRIBE" | "DESC" | "EXPLAIN" | "USE" | "ANALYZE" | "FETCH" | "CLOSE" | "END" | "RESET"
                | "DEALLOCATE" | "DISCARD",
                ..,
            ] => self.add_all(&[Kind::Read]),
            // Procedures, blocks, loading of code, and whatever else there is.
            _ => self.add_all(&[Kind::Execute]),
        }
    }

    fn add_all(&mut self, kinds: &[Kind]) {
        self.kinds.extend(kinds);
    }
}

struct Queries {
    calls: Vec<ObjectName>,
    makes_table: bool,
}

impl Visitor for Queries {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        let mut open = vec![query.body.as_ref()];
        while let Some(body) = open.pop() {
            match body {
                SetExpr::Select(select) => self.makes_table |= select.into.is_some(),
                SetExpr::SetOperation { left, right, .. } => open.extend([left.as_ref(), right.as_ref()]),
                _ => {}
            }
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, table: &sqlparser::ast::TableFactor) -> ControlFlow<()> {
        match table {
            sqlparser::ast::TableFactor::Table { name, args: Some(_), .. }
            | sqlparser::ast::TableFactor::Function { name, .. } => self.calls.push(name.clone()),
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

fn bare(name: &str) -> String {
    name.trim_matches(['"', '`', '[', ']']).to_lowercase()
}

fn parse(text: &str) -> Option<Vec<Statement>> {
    // Databases run what stands in such a comment; the parser would not see it.
    if text.len() > LONGEST || text.contains("/*!") || text.contains("/*M!") {
        return None;
    }
    let dialects: [&dyn Dialect; 3] = [&GenericDialect {}, &PostgreSqlDialect {}, &MySqlDialect {}];
    let statements = dialects.into_iter().find_map(|dialect| {
        let tokens = Tokenizer::new(dialect, text).tokenize().ok()?;
        let is_operator = |token: &&Token| match token {
            Token::Word(word) => matches!(
                word.value.to_ascii_uppercase().as_str(),
                "AND" | "OR" | "NOT" | "UNION" | "EXCEPT" | "INTERSECT" | "JOIN" | "IS" | "LIKE" | "BETWEEN"
            ),
            Token::Whitespace(_) | Token::Comma | Token::SemiColon | Token::RParen | Token::EOF => false,
            Token::Number(..) | Token::SingleQuotedString(_) | Token::LParen | Token::Period => false,
            _ => true,
        };
        if tokens.iter().filter(is_operator).count() > MOST_OPERATORS {
            return None;
        }
        Parser::new(dialect).with_recursion_limit(DEEPEST).with_tokens(tokens).parse_statements().ok()
    });
    statements.filter(|statements| !statements.is_empty())
}

/// Whether a condition spares any row: not one that is always true, such as `1 = 1` or `id = id`.
fn limits(condition: &Expr) -> bool {
    match condition {
        Expr::Nested(inner) => limits(inner),
        Expr::BinaryOp { left, op: BinaryOperator::And, right } => limits(left) || limits(right),
        Expr::BinaryOp { left, op: BinaryOperator::Or, right } => limits(left) && limits(right),
        Expr::BinaryOp { left, op, right } => {
            let wide = matches!(op, BinaryOperator::Gt | BinaryOperator::GtEq | BinaryOperator::NotEq);
            has_column(condition) && left != right && !(wide && is_small(right))
        }
        Expr::Like { pattern, .. } | Expr::ILike { pattern, .. } => {
            has_column(condition) && pattern.to_string().trim_matches('\'').chars().any(|c| c != '%')
        }
        Expr::IsNotNull(column) => {
            let name = column.to_string().to_lowercase();
            has_column(column) && name != "id" && !name.ends_with(".id") && !name.ends_with("_id")
        }
        other => has_column(other),
    }
}

/// `0`, `-1`, `''`: whatever has an order is mostly beyond them.
fn is_small(expression: &Expr) -> bool {
    match expression {
        Expr::UnaryOp { expr, .. } => matches!(expr.as_ref(), Expr::Value(_)),
        Expr::Value(value) => match &value.value {
            Value::Number(number, _) => matches!(number.as_str(), "0" | "1"),
            Value::SingleQuotedString(text) => text.is_empty(),
            _ => false,
        },
        _ => false,
    }
}

fn has_column(expression: &Expr) -> bool {
    let found = visit_expressions(expression, |inner: &Expr| match inner {
        Expr::Identifier(_) | Expr::CompoundIdentifier(_) => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    });
    found.is_break()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn kinds(text: &str) -> Vec<&'static str> {
        let mut statements = Statements::default();
        statements.add_certain(text);
        statements.kinds.iter().map(|kind| kind.as_str()).collect()
    }

    #[test]
    fn statements_are_told_apart() {
        let mut wrong = Vec::new();
        for (text, expected) in [
            ("SELECT * FROM users WHERE id = 5", vec!["read"]),
            ("-- count\nselect count(*) from orders", vec!["read"]),
            ("WITH x AS (SELECT 1) SELECT * FROM x", vec!["read"]),
            ("EXPLAIN SELECT 1", vec!["read"]),
            ("INSERT INTO a (b) VALUES (1)", vec!["write"]),
            ("UPDATE a SET b = 1 WHERE c = 2", vec!["write"]),
            ("UPDATE a SET b = 1", vec!["write", "unbounded"]),
            ("UPDATE a SET b = 1 WHERE true", vec!["write", "unbounded"]),
            ("DELETE FROM a WHERE b = 1", vec!["delete"]),
            ("DELETE FROM a WHERE b = 1 AND 1 = 1", vec!["delete"]),
            ("DELETE FROM a", vec!["delete", "unbounded"]),
            ("DELETE FROM a WHERE 1=1", vec!["delete", "unbounded"]),
            ("DELETE FROM a WHERE id = id", vec!["delete", "unbounded"]),
            ("DELETE FROM a WHERE b = 2 OR 1 = 1", vec!["delete", "unbounded"]),
            ("DELETE FROM a WHERE id > 0", vec!["delete", "unbounded"]),
            ("DELETE FROM a WHERE name LIKE '%'", vec!["delete", "unbounded"]),
            ("DELETE FROM a WHERE id IS NOT NULL", vec!["delete", "unbounded"]),
            ("DELETE FROM a WHERE name LIKE 'x%'", vec!["delete"]),
            ("TRUNCATE TABLE a", vec!["delete", "unbounded"]),
            ("CREATE TABLE a (b int)", vec!["ddl"]),
            ("CREATE INDEX i ON a (b)", vec!["ddl"]),
            ("ALTER TABLE a ADD COLUMN b int", vec!["ddl"]),
            ("ALTER TABLE a DROP COLUMN b", vec!["ddl", "drop"]),
            ("DROP TABLE a", vec!["ddl", "drop"]),
            ("DROP TABLE IF EXISTS a CASCADE", vec!["ddl", "drop"]),
            ("DROP DATABASE a", vec!["ddl", "drop", "drop_database"]),
            ("DROP SCHEMA a CASCADE", vec!["ddl", "drop", "drop_database"]),
            ("GRANT ALL ON a TO b", vec!["grant"]),
            ("ALTER ROLE a SUPERUSER", vec!["grant"]),
            ("CREATE ROLE a LOGIN", vec!["grant"]),
            ("COPY a TO STDOUT", vec!["read", "export"]),
            ("COPY a FROM PROGRAM 'sh x'", vec!["execute"]),
            ("SELECT pg_read_file('/etc/passwd')", vec!["read", "execute"]),
            ("SELECT * FROM dblink('host=x', 'SELECT 1')", vec!["read", "execute"]),
            ("SELECT * INTO b FROM a", vec!["read", "write"]),
            ("WITH x AS (DELETE FROM a RETURNING *) SELECT * FROM x", vec!["read", "delete", "unbounded"]),
            ("SELECT 1; DROP TABLE a", vec!["read", "ddl", "drop"]),
            ("EXPLAIN ANALYZE DELETE FROM a", vec!["read", "delete", "unbounded"]),
            ("CALL cleanup()", vec!["execute"]),
            ("sElEcT 1 /*! ; DROP TABLE a */", vec!["unreadable"]),
            ("SELEC * FROM", vec!["unreadable"]),
            ("DELETE FROM ${items.a.output.table}", vec!["unreadable"]),
            ("", vec!["unreadable"]),
        ] {
            let found = kinds(text);
            if found != expected {
                wrong.push((text, found));
            }
        }
        assert!(wrong.is_empty(), "{wrong:#?}");
    }

    #[test]
    fn tables_are_named() {
        let mut statements = Statements::default();
        assert!(statements.add("SELECT * FROM public.\"Users\" u JOIN orders o ON o.user_id = u.id"));
        assert_eq!(statements.tables, ["orders", "users"].map(str::to_owned).into());
    }

    #[test]
    fn plain_words_are_no_sql() {
        assert!(looks_like_sql("  -- x\n/* y */ (Select 1)"));
        assert!(!looks_like_sql("selected works of Goethe"));
        assert!(!looks_like_sql(""));
    }

    #[test]
    fn long_and_deep_statements_are_unreadable_and_cheap() {
        for text in [
            format!("SELECT {}1", "(".repeat(20_000)),
            format!("SELECT 1{}", " + 1".repeat(10_000)),
            format!("SELECT 1{}", " UNION SELECT 1".repeat(2_000)),
            format!("SELECT 1 WHERE {}true", "NOT ".repeat(10_000)),
            format!("SELECT {}", "CASE WHEN 1 THEN ".repeat(3_000)),
            "SELECT 1;".repeat(20_000),
        ] {
            assert_eq!(kinds(&text), ["unreadable"], "{}", &text[..40]);
        }
        let wide = format!("INSERT INTO a VALUES {}(1, 'x')", "(1, 'x'), ".repeat(2_000));
        assert_eq!(kinds(&wide), ["write"]);
        let full = format!("SELECT 1{}", " + 1".repeat(MOST_OPERATORS - 1));
        assert_eq!(kinds(&full), ["read"]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        #[test]
        fn arbitrary_texts_are_read_without_panic(
            text in "(SELECT |DELETE |FROM |WHERE |a |\\* |\\(|\\)|= |1 |'|\"|;|--|/\\*|INTO |AND |[a-z ]{0,3}|é){0,20}",
        ) {
            kinds(&text);
        }
    }
}

//! The tables. No other module names one.

pub(crate) mod audit;
pub(crate) mod chain;
pub(crate) mod comment;
pub(crate) mod decision;
pub(crate) mod delegation;
pub(crate) mod directory;
pub(crate) mod grant;
pub(crate) mod item;
pub(crate) mod key;
pub(crate) mod log;
pub(crate) mod opening;
pub(crate) mod retention;
pub(crate) mod session;
pub(crate) mod session_list;
pub(crate) mod vote;

use assent_store::{Db, Sql, Statement, StoreError, Tx};

/// Every statement of this service, by module.
pub(crate) const STATEMENTS: &[&[Sql]] = &[
    session::STATEMENTS,
    session_list::STATEMENTS,
    vote::STATEMENTS,
    item::STATEMENTS,
    decision::STATEMENTS,
    grant::STATEMENTS,
    key::STATEMENTS,
    audit::STATEMENTS,
    chain::STATEMENTS,
    directory::STATEMENTS,
    delegation::STATEMENTS,
    opening::STATEMENTS,
    comment::STATEMENTS,
    log::STATEMENTS,
    retention::STATEMENTS,
];

/// Where to read: as of now, or within a transaction.
pub(crate) enum Reader<'a> {
    Db(&'a Db),
    Tx(&'a mut Tx),
}

impl<'a> Reader<'a> {
    fn query(self, sql: Sql) -> Statement<'a> {
        match self {
            Self::Db(db) => db.query(sql),
            Self::Tx(tx) => tx.query(sql),
        }
    }
}

impl<'a> From<&'a Db> for Reader<'a> {
    fn from(db: &'a Db) -> Self {
        Self::Db(db)
    }
}

impl<'a> From<&'a mut Tx> for Reader<'a> {
    fn from(tx: &'a mut Tx) -> Self {
        Self::Tx(tx)
    }
}

/// The value of that name, or an error that says where a name was found that this program never writes.
fn named<T>(
    parse: impl Fn(&str) -> Option<T>,
    text: &str,
    table: &'static str,
    column: &'static str,
    id: &impl ToString,
) -> Result<T, StoreError> {
    parse(text).ok_or_else(|| StoreError::Corrupt { table, column, id: id.to_string() })
}

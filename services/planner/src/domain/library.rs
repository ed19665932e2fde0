//! All playbooks, and the choice among them.

use std::collections::BTreeMap;

use assent_plan::{Catalog, Map};

use super::playbook::{Fit, Playbook, PlaybookError};

macro_rules! shipped {
    ($($name:literal),+ $(,)?) => {
        &[$(($name, include_str!(concat!("../../playbooks/", $name, ".yaml")))),+]
    };
}

const SHIPPED: &[(&str, &str)] = shipped![
    "bulk-email",
    "data-deletion",
    "database-export",
    "dependency-upgrade",
    "deployment",
    "incident-rollback",
    "log-triage",
    "refund-payment",
    "report",
    "schema-migration",
    "web-research",
    "web-search",
];

/// A playbook that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unusable {
    /// Its file; for one that Assent ships, its name.
    pub file: String,
    /// The line that is to be mended, from 1; none when it is not known.
    pub line: Option<u64>,
    /// Why.
    pub reason: String,
}

/// Playbooks by name.
#[derive(Debug, Default)]
pub struct Library {
    playbooks: BTreeMap<String, Playbook>,
    unusable: Vec<Unusable>,
}

impl Library {
    /// The playbooks that Assent ships. One that does not fit `catalog` is left out, with the reason: a catalog of
    /// one's own need not hold every tool.
    pub fn shipped(catalog: &Catalog) -> Self {
        let mut library = Self::default();
        SHIPPED.iter().for_each(|(name, text)| library.add_file(name, text, catalog));
        library
    }

    /// Adds the playbook of a YAML text.
    ///
    /// # Errors
    /// When it cannot be used, or its name is taken: no playbook takes the place of another unseen.
    pub fn add(&mut self, text: &str, catalog: &Catalog) -> Result<(), PlaybookError> {
        let playbook = Playbook::from_yaml(text, catalog)?;
        let name = playbook.name().to_owned();
        if self.playbooks.contains_key(&name) {
            return Err(PlaybookError::NameTaken(name));
        }
        self.playbooks.insert(name, playbook);
        Ok(())
    }

    /// Adds the playbook of a file, or remembers why it cannot be used: a mistake in one does not take the others away.
    pub fn add_file(&mut self, file: &str, text: &str, catalog: &Catalog) {
        if let Err(error) = self.add(text, catalog) {
            self.leave_out(file, error.line(text), error.to_string());
        }
    }

    /// Remembers that a file cannot be used.
    pub fn leave_out(&mut self, file: &str, line: Option<u64>, reason: String) {
        self.unusable.push(Unusable { file: file.to_owned(), line, reason });
    }

    /// All playbooks, by name.
    pub fn playbooks(&self) -> impl Iterator<Item = &Playbook> {
        self.playbooks.values()
    }

    /// Files that hold no playbook that could be used, in the order in which they were added.
    pub fn unusable(&self) -> &[Unusable] {
        &self.unusable
    }

    /// The playbook that fits `goal` most specifically; of equals the first by name.
    pub fn choose(&self, goal: &str, context: &Map) -> Option<(&Playbook, Fit)> {
        let fits = self
            .playbooks
            .values()
            .filter_map(|playbook| playbook.fit(goal, context).map(|fit| (playbook, fit)));
        // `max_by_key` takes the last of equals.
        fits.collect::<Vec<_>>().into_iter().rev().max_by_key(|(_, fit)| fit.score())
    }
}

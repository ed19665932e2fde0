//! All playbooks, and the choice among them.

use std::collections::BTreeMap;

use assent_plan::Catalog;

use super::playbook::{Fit, Playbook, PlaybookError};

const SHIPPED: &[(&str, &str)] = &[
    ("database-export", include_str!("../../playbooks/database-export.yaml")),
    ("web-search", include_str!("../../playbooks/web-search.yaml")),
];

/// Playbooks by name.
#[derive(Debug, Default)]
pub struct Library(BTreeMap<String, Playbook>);

impl Library {
    /// The playbooks that Assent ships, and the names of those that do not fit `catalog`, with the reason: a catalog
    /// of one's own need not hold every tool.
    pub fn shipped(catalog: &Catalog) -> (Self, Vec<(&'static str, PlaybookError)>) {
        let mut library = Self::default();
        let unfit =
            SHIPPED.iter().filter_map(|(name, text)| Some((*name, library.add(text, catalog).err()?)));
        let unfit = unfit.collect();
        (library, unfit)
    }

    /// Adds the playbook of a YAML text.
    ///
    /// # Errors
    /// When it cannot be used, or its name is taken: no playbook takes the place of another unseen.
    pub fn add(&mut self, text: &str, catalog: &Catalog) -> Result<(), PlaybookError> {
        let playbook = Playbook::from_yaml(text, catalog)?;
        let name = playbook.name().to_owned();
        if self.0.contains_key(&name) {
            return Err(PlaybookError::NameTaken(name));
        }
        self.0.insert(name, playbook);
        Ok(())
    }

    /// All playbooks, by name.
    pub fn playbooks(&self) -> impl Iterator<Item = &Playbook> {
        self.0.values()
    }

    /// The playbook that fits `goal` most specifically; of equals the first by name.
    pub fn choose(&self, goal: &str) -> Option<(&Playbook, Fit)> {
        let fits = self.0.values().filter_map(|playbook| playbook.fit(goal).map(|fit| (playbook, fit)));
        // `max_by_key` takes the last of equals.
        fits.collect::<Vec<_>>().into_iter().rev().max_by_key(|(_, fit)| fit.score())
    }
}

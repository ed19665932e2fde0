//! The policy in force, and how another takes its place while the service runs.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use assent_core::Digest;
use assent_plan::{Catalog, Plan, RiskAssessment};

use crate::domain::{Diagnostic, Policy, PolicyError, assess};

/// Largest policy file, in bytes.
const LARGEST: u64 = 1 << 20;

/// What every assessment is made from. A policy file that changes is read again; one that cannot be used is refused,
/// and the policy before it stays in force.
#[derive(Debug)]
pub struct Rulebook {
    catalog: Catalog,
    file: Option<PathBuf>,
    current: RwLock<Current>,
}

#[derive(Debug, Clone)]
struct Current {
    policy: Arc<Policy>,
    /// Digest of the text that was last seen in the file, and what is wrong with it.
    seen: Digest,
    refused: Arc<Vec<Diagnostic>>,
}

/// What a look at the policy file has led to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reloaded {
    /// The file is as it was.
    Unchanged,
    /// Another policy is in force.
    Adopted(Digest),
    /// The file cannot be used; the policy before it stays in force.
    Refused(Vec<Diagnostic>),
}

/// A policy file that cannot be used when the service starts.
#[derive(Debug, thiserror::Error)]
pub enum RulebookError {
    /// It cannot be read.
    #[error("cannot read {path}: {source}")]
    File {
        /// The file.
        path: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// It is no policy.
    #[error("{path}: {error}")]
    Policy {
        /// The file; empty for the policy that Assent ships.
        path: String,
        /// What is wrong with it.
        #[source]
        error: Box<PolicyError>,
    },
}

impl Rulebook {
    /// Judges by the policy in `file`, or by the shipped one.
    ///
    /// # Errors
    /// When the policy cannot be used.
    pub fn open(catalog: Catalog, file: Option<PathBuf>) -> Result<Self, RulebookError> {
        let path = file.as_deref().map(|file| file.display().to_string()).unwrap_or_default();
        let text = match &file {
            Some(file) => read(file).map_err(|source| RulebookError::File { path: path.clone(), source })?,
            None => Policy::BUILTIN.to_owned(),
        };
        let policy = Policy::from_yaml(&text)
            .map_err(|error| RulebookError::Policy { path, error: Box::new(error) })?;
        let current = Current { seen: policy.digest(), policy: Arc::new(policy), refused: Arc::default() };
        Ok(Self { catalog, file, current: RwLock::new(current) })
    }

    /// The policy in force.
    pub fn policy(&self) -> Arc<Policy> {
        self.current().policy
    }

    /// What is wrong with the text that now stands in the file; nothing when the file is in force.
    pub fn refused(&self) -> Arc<Vec<Diagnostic>> {
        self.current().refused
    }

    /// Judges a plan by the policy in force.
    pub fn assess(&self, plan: &Plan) -> RiskAssessment {
        assess(plan, &self.catalog, &self.policy())
    }

    /// Judges a plan by another policy.
    pub fn assess_under(&self, plan: &Plan, policy: &Policy) -> RiskAssessment {
        assess(plan, &self.catalog, policy)
    }

    /// Looks at the policy file and adopts what stands there, if it has changed and can be used.
    ///
    /// # Errors
    /// When the file cannot be read; the policy stays.
    pub fn reload(&self) -> Result<Reloaded, RulebookError> {
        let Some(file) = &self.file else { return Ok(Reloaded::Unchanged) };
        let path = || file.display().to_string();
        let text = read(file).map_err(|source| RulebookError::File { path: path(), source })?;
        let seen = Digest::of(&[text.as_bytes()]);
        if seen == self.current().seen {
            return Ok(Reloaded::Unchanged);
        }
        let compiled = Policy::from_yaml(&text);
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        current.seen = seen;
        match compiled {
            Ok(policy) => {
                current.policy = Arc::new(policy);
                current.refused = Arc::default();
                Ok(Reloaded::Adopted(seen))
            }
            Err(PolicyError { diagnostics }) => {
                current.refused = Arc::new(diagnostics.clone());
                Ok(Reloaded::Refused(diagnostics))
            }
        }
    }

    fn current(&self) -> Current {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn read(path: &Path) -> std::io::Result<String> {
    let length = std::fs::metadata(path)?.len();
    if length > LARGEST {
        let problem = format!("{length} bytes; a policy may have {LARGEST}");
        return Err(std::io::Error::new(std::io::ErrorKind::FileTooLarge, problem));
    }
    std::fs::read_to_string(path)
}

//! Arguments as they are at the moment of the attempt: references resolved, secrets put in, bounds judged.

use std::collections::BTreeMap;

use assent_plan::bounds::{self, BoundError};
use assent_plan::references::{self, Reference};
use assent_plan::{Bound, Catalog, Map, Tool};
use serde_json::Value;

use crate::domain::schedule::Runs;
use crate::domain::{Run, RunState};
use crate::secrets::{Mask, Secrets};
use crate::tools::ToolError;

/// Arguments that are ready to be used.
pub(crate) struct Ready {
    /// As the tool takes them.
    pub(crate) arguments: Map,
    /// Hides the secrets among them.
    pub(crate) mask: Mask,
}

/// Why arguments are not ready.
#[derive(Debug)]
pub(crate) enum Unready {
    /// They cannot be used.
    Unusable(ToolError),
    /// They lie outside what was approved.
    OutOfBounds(ToolError),
}

impl From<ToolError> for Unready {
    fn from(error: ToolError) -> Self {
        Self::Unusable(error)
    }
}

impl Unready {
    /// As the failure of an item that nobody holds.
    pub(crate) fn failure(self) -> ToolError {
        match self {
            Self::Unusable(error) | Self::OutOfBounds(error) => error,
        }
    }
}

/// Resolves `arguments` of a call of `tool`.
pub(crate) async fn bind(
    arguments: &Map,
    limits: &[Bound],
    tool: &Tool,
    catalog: &Catalog,
    runs: &Runs,
    secrets: &Secrets,
) -> Result<Ready, Unready> {
    let known = lookup_secrets(arguments, tool, secrets).await?;
    let invalid = |text: String| ToolError::lasting("ARGUMENTS_INVALID", text);
    let resolved = references::resolve(arguments, |reference| match reference {
        Reference::Secret(name) => known.get(name).cloned().map(Value::String),
        Reference::Output { item, path } => {
            // What is being undone has its output still.
            let has_output = |run: &&Run| matches!(run.state, RunState::Succeeded | RunState::RollingBack);
            let run = runs.get(item).filter(has_output)?;
            // Selecting wants one value, and the output is an object.
            let output = Value::Object(run.output.clone()?);
            Reference::select(path, &output).cloned()
        }
    });
    let resolved = resolved.map_err(|error| invalid(error.to_string()))?;
    let problems = catalog.check_arguments(&tool.name, &resolved);
    if let Some(problem) = problems.first() {
        return Err(invalid(format!(
            "the argument `{}` is not usable: {}",
            problem.pointer, problem.message
        ))
        .into());
    }
    for bound in limits {
        bounds::judge(bound, &resolved).map_err(|error| Unready::OutOfBounds(exceeded(bound, &error)))?;
    }
    Ok(Ready { arguments: resolved, mask: Mask::new(known.into_values()) })
}

pub(super) async fn lookup_secrets(
    arguments: &Map,
    tool: &Tool,
    secrets: &Secrets,
) -> Result<BTreeMap<String, String>, ToolError> {
    let mut known = BTreeMap::new();
    for found in references::find(arguments) {
        let Ok(Reference::Secret(name)) = found.reference else { continue };
        let argument = found.field.split(['.', '[']).next().unwrap_or_default();
        if !tool.secrets.iter().any(|allowed| allowed == argument) {
            let text = format!("the tool `{}` takes no secret in `{argument}`", tool.name);
            return Err(ToolError::lasting("SECRET_NOT_ALLOWED", text));
        }
        let missing = || ToolError::lasting("SECRET_MISSING", format!("there is no secret `{name}` here"));
        let value = secrets.get(&name).await.ok_or_else(missing)?;
        known.insert(name, value);
    }
    Ok(known)
}

fn exceeded(bound: &Bound, error: &BoundError) -> ToolError {
    let why = if bound.description.is_empty() { String::new() } else { format!(" ({})", bound.description) };
    ToolError::lasting("BOUND_EXCEEDED", format!("an approved limit{why}: {error}"))
}

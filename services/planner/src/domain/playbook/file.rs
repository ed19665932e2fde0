//! A playbook as it is written. Its schema, for editors, follows from these types.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

/// A template of plans.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Playbook")]
pub(super) struct File {
    /// Unique: lowercase letters, digits and dashes.
    #[schemars(regex(pattern = r"^[a-z0-9-]+$"))]
    pub(super) name: String,
    /// What it is for, in one line.
    pub(super) description: String,
    /// What must be configured before its plans run: tools, secrets, programs.
    #[serde(default)]
    pub(super) requires: Vec<String>,
    /// Goals that it fits; each is tried when the playbook is read.
    #[schemars(length(min = 1))]
    pub(super) examples: Vec<String>,
    /// Which goals it fits.
    pub(super) r#match: Vec<Match>,
    /// Values that the plan is made with, in order: each may use those before it.
    #[serde(default)]
    pub(super) parameters: Vec<Parameter>,
    /// Texts that the plan may use as `templates.NAME`; taken as they stand.
    #[serde(default)]
    pub(super) templates: BTreeMap<String, String>,
    /// The plan; every text in it is a template over the parameters.
    pub(super) plan: PlanFile,
}

/// A way in which goals are put.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Match {
    /// The higher, the more specific: the playbook with the highest score makes the plan.
    pub(super) score: u32,
    /// Regular expression over the goal; its named groups are values for the parameters.
    pub(super) pattern: String,
}

/// A value.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Parameter {
    /// Its name.
    pub(super) name: String,
    /// Template over groups, earlier parameters and `context`, which holds the facts that came with the goal.
    pub(super) value: String,
    /// Takes the place of an empty value.
    #[serde(default)]
    pub(super) default: String,
    /// Regular expression for the whole value; a goal with another value does not fit.
    pub(super) pattern: String,
    /// Most characters of the value; a goal with a longer one does not fit. Cheaper than a bound in the pattern, which
    /// is compiled once for each repetition.
    #[serde(default)]
    pub(super) max_length: Option<usize>,
}

/// The plan of a playbook.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PlanFile {
    /// What the goal means, in one line.
    pub(super) intent: String,
    /// `sequential`, `parallel`, `pipeline` or `adaptive`.
    pub(super) strategy: String,
    /// Work items as in a plan; `when` leaves one out where its text comes out empty.
    pub(super) items: Vec<Value>,
    /// Dependencies as in a plan; those of items that are left out go with them.
    #[serde(default)]
    pub(super) dependencies: Vec<Value>,
}

/// The JSON Schema of playbook files.
pub fn schema() -> Value {
    schemars::schema_for!(File).to_value()
}

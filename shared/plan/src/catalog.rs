//! The tool catalog: the one description of tools that planner, risk and executor share.

use std::collections::BTreeMap;
use std::sync::Arc;

use assent_core::Digest;
use jsonschema::Validator;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::canonical::canonical;
use crate::item::{Map, Rollback};
use crate::mcp::McpTool;
use crate::money::Money;
use crate::names::named;
use crate::references;
use crate::risk::RiskLevel;
use crate::span::Span;

/// The catalog that Assent ships.
const BUILTIN: &str = include_str!("catalog.yaml");

named! {
    /// What a tool does to the world. Ordered: a later value reaches further.
    SideEffects, "side effects" {
        /// Nothing.
        None => "none",
        /// Reads from outside the plan.
        Read => "read",
        /// Changes the workspace.
        Write => "write",
        /// May change anything that it can reach.
        External => "external",
    }
}

/// What a call costs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Price {
    /// For every call.
    pub fixed: Money,
    /// For every thousand tokens.
    pub per_1k_tokens: Money,
}

/// How calls of a tool are undone where a plan does not say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ToolRollback {
    /// The tool that undoes.
    pub tool: String,
    /// Arguments that are handed on to it under the same names.
    pub copies: Vec<String>,
    /// An argument whose members are arguments of the tool that undoes; where it is missing, nothing is undone.
    #[serde(default)]
    pub takes: Option<String>,
}

/// One tool.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tool {
    /// Unique in the catalog.
    pub name: String,
    /// For people and planners.
    pub description: String,
    /// JSON Schema of the arguments.
    pub schema: Value,
    /// Parts of the output and their meaning.
    #[serde(default)]
    pub outputs: BTreeMap<String, String>,
    /// Arguments in which secrets may be referred to.
    #[serde(default)]
    pub secrets: Vec<String>,
    /// What it does to the world.
    pub side_effects: SideEffects,
    /// Whether running it twice is the same as running it once.
    pub idempotent: bool,
    /// Whether a rollback can undo it.
    pub reversible: bool,
    /// How it is undone where a plan does not say.
    #[serde(default)]
    pub rollback: Option<ToolRollback>,
    /// The tool of an MCP server that this one is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mcp: Option<McpTool>,
    /// Longest time of one attempt where a plan does not say.
    pub default_timeout: Span,
    /// Retries where a plan does not say.
    #[serde(default)]
    pub default_retries: u32,
    /// What a call costs.
    #[serde(default)]
    pub price: Price,
    /// Tokens of a typical call.
    #[serde(default)]
    pub typical_tokens: u64,
    /// Duration of a typical call.
    pub typical_duration: Span,
    /// Least risk of a call before any policy rule.
    #[serde(default)]
    pub default_risk: Option<RiskLevel>,
}

impl Tool {
    /// What a call with `tokens` costs.
    pub fn cost(&self, tokens: u64) -> Money {
        self.price.fixed.plus(self.price.per_1k_tokens.scaled(tokens, 1000))
    }

    /// SHA-256 over what a call of the tool means: its name, its schema, which secrets it may see, what it does to the
    /// world, and which tool of an MCP server it is. Prices and descriptions may change.
    fn digest(&self) -> Digest {
        let meaning = (&self.name, &self.schema, &self.secrets, self.side_effects, self.idempotent);
        // Only numbers that JSON cannot hold have no canonical form, and a catalog with such is not read.
        let meaning = canonical(&meaning).unwrap_or_default();
        match &self.mcp {
            None => Digest::of(&[&meaning]),
            Some(mcp) => Digest::of(&[&meaning, &canonical(mcp).unwrap_or_default()]),
        }
    }

    /// How a call with `arguments` is undone where the plan does not say.
    pub fn rollback_for(&self, arguments: &Map) -> Option<Rollback> {
        let rollback = self.rollback.as_ref()?;
        let copies = arguments.iter().filter(|(name, _)| rollback.copies.contains(name));
        let mut undo: Map = copies.map(|(name, value)| (name.clone(), value.clone())).collect();
        if let Some(name) = &rollback.takes {
            undo.extend(arguments.get(name)?.as_object()?.clone());
        }
        let arguments = undo;
        Some(Rollback { tool: rollback.tool.clone(), arguments })
    }
}

/// One way in which arguments break a tool's schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArgumentError {
    /// JSON pointer into the arguments; empty for the arguments as a whole.
    pub pointer: String,
    /// What is wrong, without the value itself.
    pub message: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CatalogFile {
    /// What the file adds to; nothing when it stands for itself.
    #[serde(default)]
    extends: Option<Base>,
    tools: Vec<Tool>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Base {
    /// The catalog that Assent ships.
    Builtin,
}

#[derive(Debug)]
struct Entry {
    tool: Tool,
    validator: Validator,
    digest: Digest,
}

/// All tools. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Catalog {
    tools: Arc<BTreeMap<String, Entry>>,
    digest: Digest,
}

/// A text that is no catalog.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CatalogError {
    /// The text cannot be read.
    #[error("the tool catalog cannot be read: {0}")]
    Unreadable(String),
    /// A name stands twice, or is empty.
    #[error("the tool catalog names `{0}` twice or leaves a name empty")]
    Name(String),
    /// A schema is no JSON Schema.
    #[error("the schema of tool `{tool}` is no JSON Schema: {why}")]
    Schema {
        /// The tool.
        tool: String,
        /// Why.
        why: String,
    },
    /// A default rollback names a tool that is not there.
    #[error("the rollback of tool `{tool}` names `{rollback}`, which is no tool")]
    Rollback {
        /// The tool.
        tool: String,
        /// The missing one.
        rollback: String,
    },
}

impl Catalog {
    /// The catalog that Assent ships.
    pub fn builtin() -> Result<Self, CatalogError> {
        Self::from_yaml(BUILTIN)
    }

    /// Reads a catalog. One that says `extends: builtin` adds to that of Assent; a tool of the same name goes before
    /// Assent's own.
    pub fn from_yaml(text: &str) -> Result<Self, CatalogError> {
        let file = read(text)?;
        let mut tools = entries(file.tools)?;
        if let Some(Base::Builtin) = file.extends {
            for (name, entry) in entries(read(BUILTIN)?.tools)? {
                tools.entry(name).or_insert(entry);
            }
        }
        for Entry { tool, .. } in tools.values() {
            if let Some(rollback) = tool.rollback.as_ref().filter(|r| !tools.contains_key(&r.tool)) {
                return Err(CatalogError::Rollback {
                    tool: tool.name.clone(),
                    rollback: rollback.tool.clone(),
                });
            }
        }
        let listed: Vec<&Tool> = tools.values().map(|entry| &entry.tool).collect();
        let bytes = canonical(&listed).map_err(|error| CatalogError::Unreadable(error.to_string()))?;
        Ok(Self { digest: Digest::of(&[&bytes]), tools: Arc::new(tools) })
    }

    /// The tool called `name`.
    pub fn get(&self, name: &str) -> Option<&Tool> {
        self.tools.get(name).map(|entry| &entry.tool)
    }

    /// Digest of the tool called `name`: SHA-256 over what a call of it means. It stays when a price or a description
    /// changes.
    pub fn tool_digest(&self, name: &str) -> Option<Digest> {
        self.tools.get(name).map(|entry| entry.digest)
    }

    /// All tools by name.
    pub fn tools(&self) -> impl Iterator<Item = &Tool> {
        self.tools.values().map(|entry| &entry.tool)
    }

    /// SHA-256 of the canonical JSON of all tools by name: changes exactly when a tool does.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// Everything in which `arguments` break the schema of `tool`; none for an unknown tool. What
    /// depends on a late-bound value is left open: an executor asks again with resolved arguments.
    pub fn check_arguments(&self, tool: &str, arguments: &Map) -> Vec<ArgumentError> {
        let Some(entry) = self.tools.get(tool) else { return Vec::new() };
        let instance = Value::Object(arguments.clone());
        let errors = entry.validator.iter_errors(&instance).filter(|error| {
            let place = instance.pointer(error.instance_path().as_str());
            !place.is_some_and(|value| is_open(error.kind(), value))
        });
        errors
            .map(|error| ArgumentError {
                pointer: error.instance_path().to_string(),
                message: error.masked_with("the value").to_string(),
            })
            .collect()
    }
}

fn read(text: &str) -> Result<CatalogFile, CatalogError> {
    serde_saphyr::from_str(text).map_err(|error| CatalogError::Unreadable(error.to_string()))
}

fn entries(all: Vec<Tool>) -> Result<BTreeMap<String, Entry>, CatalogError> {
    let mut tools = BTreeMap::new();
    for tool in all {
        let name = tool.name.clone();
        let validator = jsonschema::validator_for(&tool.schema)
            .map_err(|error| CatalogError::Schema { tool: name.clone(), why: error.to_string() })?;
        let entry = Entry { digest: tool.digest(), tool, validator };
        if name.is_empty() || tools.insert(name.clone(), entry).is_some() {
            return Err(CatalogError::Name(name));
        }
    }
    Ok(tools)
}

/// Whether an error about `value` may vanish once references are resolved.
fn is_open(kind: &jsonschema::error::ValidationErrorKind, value: &Value) -> bool {
    use jsonschema::error::ValidationErrorKind as Kind;

    let names_only = matches!(
        kind,
        Kind::Required { .. }
            | Kind::AdditionalProperties { .. }
            | Kind::PropertyNames { .. }
            | Kind::MinProperties { .. }
            | Kind::MaxProperties { .. }
            | Kind::MinItems { .. }
            | Kind::MaxItems { .. }
    );
    !names_only && references::is_late_bound(value)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pointers(tool: &str, arguments: Value) -> Vec<String> {
        let catalog = Catalog::builtin().unwrap();
        let errors = catalog.check_arguments(tool, arguments.as_object().unwrap());
        errors.into_iter().map(|error| error.pointer).collect()
    }

    #[test]
    fn the_shipped_catalog_is_sound_and_priced_as_the_example() {
        let catalog = Catalog::builtin().unwrap();
        let cost = |name: &str| catalog.get(name).map(|t| t.cost(t.typical_tokens)).unwrap();
        let example = [cost("code_gen"), cost("code_gen"), cost("code_gen"), cost("file_write")];
        assert_eq!(example.into_iter().sum::<Money>().to_string(), "0.05");
        for tool in catalog.tools() {
            for secret in &tool.secrets {
                assert!(tool.schema["properties"].get(secret).is_some(), "{}.{secret}", tool.name);
            }
        }
        assert_eq!(catalog.digest(), Catalog::builtin().unwrap().digest());
    }

    #[test]
    fn arguments_follow_the_schema() {
        let none: [&str; 0] = [];
        assert_eq!(pointers("file_write", json!({ "path": "./exports/a.py", "content": "" })), none);
        for path in ["/etc/passwd", "../x", "a/../../x", "a\\..\\x", ""] {
            let found = pointers("file_write", json!({ "path": path, "content": "" }));
            assert!(found.contains(&"/path".to_owned()), "{path}");
        }
        assert_eq!(pointers("file_write", json!({ "path": "a..b/..c", "content": "" })), none);
        assert_eq!(pointers("file_write", json!({ "path": "a" })), [""]);
        assert_eq!(pointers("shell", json!({ "command": ["ls", "-l"] })), none);
        assert_eq!(pointers("shell", json!({ "command": ["ls"], "use_shell": true })), ["/command"]);
        assert_eq!(pointers("shell", json!({ "command": "ls", "env": { "A": 1 } })), ["/env/A"]);
        assert_eq!(pointers("code_gen", json!({ "template": "a", "template_name": "b" })), [""]);
        assert_eq!(pointers("http_request", json!({ "method": "get", "url": "https://x" })), ["/method"]);
    }

    #[test]
    fn late_bound_values_are_left_open_and_their_neighbours_are_not() {
        let none: [&str; 0] = [];
        assert_eq!(
            pointers("web_search", json!({ "query": "x", "max_results": "${items.a.output.n}" })),
            none
        );
        assert_eq!(
            pointers("web_search", json!({ "query": 5, "max_results": "${items.a.output.n}" })),
            ["/query"]
        );
        assert_eq!(pointers("file_write", json!({ "path": "${items.a.output.path}" })), [""]);
    }

    #[test]
    fn messages_do_not_quote_values() {
        let catalog = Catalog::builtin().unwrap();
        let arguments = json!({ "method": "GET", "url": "hunter2" });
        let errors = catalog.check_arguments("http_request", arguments.as_object().unwrap());
        assert!(!errors.is_empty() && errors.iter().all(|e| !e.message.contains("hunter2")), "{errors:?}");
    }

    #[test]
    fn broken_catalogs_are_refused() {
        let tool = "name: a, description: d, side_effects: none, idempotent: true, reversible: true, \
                    default_timeout: 1s, typical_duration: 1s";
        let yaml = |tools: &str| Catalog::from_yaml(&format!("tools: [{tools}]")).map(|_| ());
        assert_eq!(yaml(&format!("{{ {tool}, schema: {{}} }}")), Ok(()));
        assert!(matches!(yaml("{ name: a }"), Err(CatalogError::Unreadable(_))));
        let twice = format!("{{ {tool}, schema: {{}} }}, {{ {tool}, schema: {{}} }}");
        assert!(matches!(yaml(&twice), Err(CatalogError::Name(_))));
        assert!(matches!(
            yaml(&format!("{{ {tool}, schema: {{ type: 5 }} }}")),
            Err(CatalogError::Schema { .. })
        ));
        let dangling = format!("{{ {tool}, schema: {{}}, rollback: {{ tool: b, copies: [] }} }}");
        let lost = "mcp: { server: s, tool: t, digest: 00 }";
        assert!(matches!(
            yaml(&format!("{{ {tool}, schema: {{}}, {lost} }}")),
            Err(CatalogError::Unreadable(_))
        ));
        assert!(matches!(yaml(&dangling), Err(CatalogError::Rollback { .. })));
    }

    #[test]
    fn a_catalog_may_add_to_that_of_assent() {
        let digest = Digest::of(&[b"x"]);
        let tool = |name: &str, mcp: &str| {
            format!(
                "{{ name: {name}, description: d, side_effects: none, idempotent: true, reversible: true, \
                 default_timeout: 1s, typical_duration: 1s, schema: {{ type: object }}{mcp} }}"
            )
        };
        let builtin = Catalog::builtin().unwrap();
        let both = format!("extends: builtin\ntools: [{}, {}]", tool("notes", ""), tool("shell", ""));
        let both = Catalog::from_yaml(&both).unwrap();
        assert_eq!(both.tools().count(), builtin.tools().count() + 1);
        assert_eq!(both.get("shell").unwrap().description, "d");
        assert_eq!(both.tool_digest("code_gen"), builtin.tool_digest("code_gen"));

        let mcp = format!(", mcp: {{ server: s, tool: t, digest: {digest} }}");
        let mcp = Catalog::from_yaml(&format!("tools: [{}]", tool("notes", &mcp))).unwrap();
        assert_eq!(mcp.get("notes").unwrap().mcp.as_ref().unwrap().digest, digest);
        assert_ne!(mcp.tool_digest("notes"), both.tool_digest("notes"));
        assert!(Catalog::from_yaml("extends: other\ntools: []").is_err());
    }
}

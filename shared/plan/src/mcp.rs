//! Tools of MCP servers: which tool of which server a tool of the catalog is, and what the server must say of it.

use assent_core::Digest;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::canonical::canonical;
use crate::item::Map;

/// A tool of an MCP server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct McpTool {
    /// Name of the server in the executor's configuration.
    pub server: String,
    /// Name of the tool at the server.
    pub tool: String,
    /// [`McpTool::digest_of`] what the server says of the tool; it is not called when the server says something else.
    pub digest: Digest,
}

impl McpTool {
    /// SHA-256 of the canonical JSON of what a call of a server's tool means: `name`, `inputSchema`, and `outputSchema`
    /// where there is one. Texts for people may change.
    pub fn digest_of(name: &str, input: &Map, output: Option<&Map>) -> Digest {
        let mut meaning = json!({ "name": name, "inputSchema": input });
        if let Some(output) = output {
            meaning["outputSchema"] = json!(output);
        }
        // Only numbers that JSON cannot hold have no canonical form, and none such was read.
        Digest::of(&[&canonical(&meaning).unwrap_or_default()])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_is_that_of_the_canonical_json() {
        let schema = json!({ "type": "object", "properties": { "b": {}, "a": {} } });
        let schema = schema.as_object().unwrap();
        let text = r#"{"inputSchema":{"properties":{"a":{},"b":{}},"type":"object"},"name":"read"}"#;
        assert_eq!(McpTool::digest_of("read", schema, None), Digest::of(&[text.as_bytes()]));
        assert_ne!(
            McpTool::digest_of("read", schema, Some(schema)),
            McpTool::digest_of("read", schema, None)
        );
        assert_ne!(McpTool::digest_of("write", schema, None), McpTool::digest_of("read", schema, None));
    }
}

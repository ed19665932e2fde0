//! Other ways to write the same call, as somebody would who wants a policy not to see it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

/// Every other spelling of a call, and how it was made.
pub(crate) fn spellings(tool: &str, arguments: &Value) -> Vec<(&'static str, Value)> {
    let with = |name: &str, value: String| {
        let mut other = arguments.clone();
        other[name] = Value::String(value);
        other
    };
    let text = |name: &str| arguments[name].as_str().unwrap_or_default().to_owned();
    match tool {
        "shell" => shell(arguments),
        "sql_query" => {
            let plain = text("statement");
            sql(&plain).into_iter().map(|(how, other)| (how, with("statement", other))).collect()
        }
        "http_request" => {
            url(&text("url")).into_iter().map(|(how, other)| (how, with("url", other))).collect()
        }
        "file_write" | "file_delete" => {
            path(&text("path")).into_iter().map(|(how, other)| (how, with("path", other))).collect()
        }
        "code_gen" => {
            let plain = text("template");
            let all = [
                ("behind a comment", format!("# a harmless text\n{plain}")),
                ("behind much text", format!("{}\n{plain}", "Lorem ipsum dolor sit amet.\n".repeat(200))),
                ("with Windows lines", plain.replace('\n', "\r\n")),
                ("in a condition", format!("{{% if true %}}{plain}{{% endif %}}")),
            ];
            all.into_iter().filter(|_| !plain.is_empty()).map(|(how, t)| (how, with("template", t))).collect()
        }
        _ => Vec::new(),
    }
}

fn shell(arguments: &Value) -> Vec<(&'static str, Value)> {
    let line = match &arguments["command"] {
        Value::String(line) => line.clone(),
        Value::Array(words) => {
            let words: Vec<_> = words.iter().filter_map(Value::as_str).collect();
            words.join(" ")
        }
        _ => return Vec::new(),
    };
    let quoted = line.replace('\'', "'\\''");
    let first: String = line.chars().take_while(char::is_ascii_alphanumeric).collect();
    let rest = &line[first.len()..];
    let mut lines = vec![
        ("in another shell", format!("bash -c '{quoted}'")),
        ("in two shells", format!("sh -c \"bash -c '{}'\"", escaped(&quoted))),
        ("from base64", format!("echo {} | base64 -d | sh", STANDARD.encode(&line))),
        ("after something", format!("ls; {line}")),
        ("in brackets", format!("({line})")),
        ("in the background", format!("{line} &")),
        ("on the next line", format!("# nothing to see\n{line}")),
        ("in a condition", format!("if true; then {line}\nfi")),
        ("by eval", format!("eval '{quoted}'")),
        ("in a function", format!("f() {{ {line}\n}}; f")),
    ];
    if first.len() > 1 {
        let (head, tail) = first.split_at(1);
        lines.push(("with a backslash", format!("{head}\\{tail}{rest}")));
        lines.push(("with empty quotes", format!("{head}''{tail}{rest}")));
        lines.push(("in a variable", format!("p={first}; $p{rest}")));
        lines.push(("by env", format!("env X=1 {line}")));
        lines.push(("by nohup", format!("nohup {line}")));
        lines.push(("by its path", format!("/usr/bin/{line}")));
    }
    if !line.contains(['\'', '"', '\\', '$']) && line.contains(' ') {
        lines.push(("with IFS", line.replace(' ', "${IFS}")));
        lines.push(("with tabs", line.replace(' ', "\t")));
    }
    let spelled = |line: String| {
        let mut other = json!({ "command": line, "use_shell": true });
        for name in ["network", "env"] {
            if let Some(value) = arguments.get(name) {
                other[name] = value.clone();
            }
        }
        other
    };
    lines.into_iter().map(|(how, line)| (how, spelled(line))).collect()
}

/// As it must stand between double quotes.
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for character in text.chars() {
        if matches!(character, '"' | '$' | '\\' | '`') {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    escaped
}

fn sql(plain: &str) -> Vec<(&'static str, String)> {
    let mixed: String = plain
        .chars()
        .enumerate()
        .map(|(n, c)| if n % 2 == 0 { c.to_ascii_lowercase() } else { c.to_ascii_uppercase() })
        .collect();
    let mut all = vec![
        ("in small letters", plain.to_lowercase()),
        ("in mixed letters", mixed),
        ("behind a comment", format!("-- a harmless question\n{plain}")),
        ("behind a long comment", format!("/* SELECT 1 */ {plain}")),
        ("on many lines", plain.replace(' ', "\n")),
        ("with a semicolon", format!("{plain} ;")),
    ];
    if !plain.contains('\'') {
        all.push(("with comments for spaces", plain.replace(' ', "/**/")));
    }
    all
}

fn url(plain: &str) -> Vec<(&'static str, String)> {
    let Some((scheme, rest)) = plain.split_once("://") else { return Vec::new() };
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    vec![
        ("with a large scheme", format!("{}://{rest}", scheme.to_lowercase())),
        ("with a large host", format!("{scheme}://{}/{path}", host.to_uppercase())),
        ("with a dot", format!("{scheme}://{host}./{path}")),
        ("with a user", format!("{scheme}://example.net@{host}/{path}")),
        ("with a query", format!("{scheme}://{host}/{path}?note=harmless")),
    ]
}

fn path(plain: &str) -> Vec<(&'static str, String)> {
    vec![
        ("with a dot", format!("./{plain}")),
        ("with two slashes", plain.replace('/', "//")),
        ("in a folder", format!("a/{plain}")),
        ("with dots between", plain.replace('/', "/./")),
    ]
}

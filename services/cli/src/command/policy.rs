use std::path::{Path, PathBuf};

use anyhow::Context as _;
use assent_plan::Catalog;
use assent_risk::{Diagnostic, Policy as RiskPolicy, Severity, TrialReport, Trials};
use serde_json::{Value, json};

use super::policy_replay::Replay;
use crate::app::App;
use crate::failure::{Exit, stop};
use crate::output::{Line, Tone, plain, toned};

#[derive(Debug, clap::Args)]
#[command(after_help = "Example: assent policy check policy.yaml && assent policy replay policy.yaml")]
pub(crate) struct Policy {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Say what is wrong with a policy, with line and column; needs no server
    Check {
        /// The policy
        policy: PathBuf,
    },
    /// Put a policy to tests: rules both ways, and cases of a known level; needs no server
    Test {
        /// The policy; that of Assent when absent
        #[arg(long, value_name = "POLICY")]
        policy: Option<PathBuf>,
        /// The catalog of tools; that of Assent when absent
        #[arg(long, value_name = "CATALOG")]
        catalog: Option<PathBuf>,
        /// List cases that are assessed at another level than their label
        #[arg(long)]
        misjudged: bool,
        /// Files of tests; those of Assent when absent (for a policy of one's own, its cases only)
        tests: Vec<PathBuf>,
    },
    /// Say what a policy would change for plans in files, or for those of the newest sessions
    Replay(Replay),
}

impl Policy {
    pub(crate) async fn run(self, app: &App) -> anyhow::Result<()> {
        match self.action {
            Action::Check { policy } => check(app, &policy),
            Action::Test { policy, catalog, misjudged, tests } => {
                test(app, policy.as_deref(), catalog.as_deref(), &tests, misjudged)
            }
            Action::Replay(replay) => replay.run(app).await,
        }
    }
}

pub(super) fn read(path: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

fn check(app: &App, path: &Path) -> anyhow::Result<()> {
    let checked = RiskPolicy::from_yaml(&read(path)?);
    let (usable, diagnostics) = match &checked {
        Ok(policy) => (true, policy.warnings()),
        Err(error) => (false, error.diagnostics.as_slice()),
    };
    let name = path.display().to_string();
    if app.console.for_people() {
        let mut lines: Vec<Line> = diagnostics.iter().map(|found| diagnostic(&name, found)).collect();
        if let Ok(policy) = &checked {
            let rules = policy.rule_names().count();
            lines.push(
                toned("✓ ", Tone::Good)
                    .then(format!("{rules} rules, digest {}", policy.digest()), Tone::Plain),
            );
        }
        app.console.print(lines)?;
    } else {
        let digest = checked.as_ref().map(|policy| policy.digest().to_string()).unwrap_or_default();
        let diagnostics: Vec<Value> = diagnostics.iter().map(diagnostic_json).collect();
        app.console.value(&json!({ "usable": usable, "digest": digest, "diagnostics": diagnostics }))?;
    }
    if usable { Ok(()) } else { Err(stop(Exit::Failure, format!("{name} cannot be used"))) }
}

fn diagnostic(name: &str, found: &Diagnostic) -> Line {
    let tone = if found.severity == Severity::Error { Tone::Bad } else { Tone::Plain };
    toned(format!("{name}:{found}"), tone)
}

fn diagnostic_json(found: &Diagnostic) -> Value {
    let severity = if found.severity == Severity::Error { "error" } else { "warning" };
    json!({
        "severity": severity, "line": found.line, "column": found.column,
        "rule": found.rule, "message": found.message,
    })
}

fn test(
    app: &App,
    policy: Option<&Path>,
    catalog: Option<&Path>,
    tests: &[PathBuf],
    misjudged: bool,
) -> anyhow::Result<()> {
    let mut trials = Trials::default();
    match (policy, tests) {
        (None, []) => trials.add_shipped()?,
        (Some(_), []) => trials.add_shipped_cases()?,
        (_, files) => {
            for file in files {
                trials.add(&read(file)?).with_context(|| file.display().to_string())?;
            }
        }
    }
    let policy = match policy {
        Some(path) => RiskPolicy::from_yaml(&read(path)?)?,
        None => RiskPolicy::builtin()?,
    };
    let catalog = match catalog {
        Some(path) => Catalog::from_yaml(&read(path)?)?,
        None => Catalog::builtin()?,
    };
    let report = trials.run(&policy, &catalog)?;
    if app.console.for_people() {
        app.console.print(report_lines(&report, misjudged))?;
    } else {
        app.console.value(&json!({
            "rule_samples": report.rule_samples, "failures": report.failures, "dangerous": report.dangerous,
            "misjudged": report.misjudged, "matrix": report.matrix, "cases": report.cases(), "free": report.free,
        }))?;
    }
    if report.is_passed() { Ok(()) } else { Err(stop(Exit::Failure, "the policy fails its tests")) }
}

fn report_lines(report: &TrialReport, misjudged: bool) -> Vec<Line> {
    let mut lines = Vec::new();
    lines.extend(report.failures.iter().map(|line| toned(format!("✗ {line}"), Tone::Bad)));
    let dangerous = report.dangerous.iter();
    lines.extend(
        dangerous.map(|line| toned(format!("✗ dangerous, and runs without a person: {line}"), Tone::Bad)),
    );
    if misjudged {
        lines.extend(report.misjudged.iter().map(plain));
    }
    if report.rule_samples > 0 {
        let failed = report.failures.len();
        lines.push(plain(format!("{} samples for rules, {failed} failures", report.rule_samples)));
    }
    if report.cases() > 0 {
        lines.extend(report.to_string().lines().map(plain));
    }
    lines
}

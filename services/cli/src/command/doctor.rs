use std::time::Duration;

use assent_core::Timestamp;
use assent_proto::approval::v1::GetCallerRequest;
use assent_proto::executor::v1::ListToolsRequest;
use serde_json::json;
use tonic::Code;
use tonic_health::ServingStatus;
use tonic_health::pb::HealthCheckRequest;

use crate::app::App;
use crate::client::{Client, ask_within};
use crate::failure::{Exit, stop};
use crate::output::{Line, Tone, plain, toned};

/// Difference of clocks from which deadlines and grants look odd.
const MOST_SKEW: Duration = Duration::from_secs(5);
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

#[derive(Debug, clap::Args)]
#[command(after_help = "Example: assent doctor --token-file .assent/tokens/dev")]
pub(crate) struct Doctor {}

/// One thing that was looked at.
struct Finding {
    subject: String,
    /// What is wrong, and what to do; none when it is well.
    problem: Option<(String, &'static str)>,
    note: String,
    /// Whether work is impossible because of it.
    fatal: bool,
}

impl Finding {
    fn well(subject: impl Into<String>, note: impl Into<String>) -> Self {
        Self { subject: subject.into(), problem: None, note: note.into(), fatal: false }
    }

    fn broken(subject: impl Into<String>, what: impl Into<String>, remedy: &'static str) -> Self {
        Self {
            subject: subject.into(),
            problem: Some((what.into(), remedy)),
            note: String::new(),
            fatal: true,
        }
    }

    fn lines(&self) -> Vec<Line> {
        let subject = format!("{:<26}", self.subject);
        match &self.problem {
            None => {
                vec![toned("ok       ", Tone::Good).then(subject, Tone::Plain).then(&self.note, Tone::Dim)]
            }
            Some((what, remedy)) => {
                let tone = if self.fatal { Tone::Bad } else { Tone::Warn };
                let mut lines =
                    vec![toned("problem  ", tone).then(subject, Tone::Plain).then(what, Tone::Plain)];
                if !remedy.is_empty() {
                    lines.push(plain("         ").then(format!("→ {remedy}"), Tone::Dim));
                }
                lines
            }
        }
    }
}

impl Doctor {
    pub(crate) async fn run(self, app: &App) -> anyhow::Result<()> {
        let client = app.client()?;
        let mut findings = Vec::new();
        for (service, address) in client.addresses() {
            findings.push(health(&client, service, address).await);
        }
        findings.extend(caller(&client, app.source.now()).await);
        findings.extend(tools(&client).await);
        if app.console.for_people() {
            app.console.print(findings.iter().flat_map(Finding::lines))?;
        } else {
            let rows = findings.iter().map(|f| {
                let (problem, remedy) = f.problem.clone().unwrap_or_default();
                json!({"subject": f.subject, "ok": f.problem.is_none(), "note": f.note, "problem": problem, "remedy": remedy})
            });
            app.console.value(&json!({ "findings": rows.collect::<Vec<_>>() }))?;
        }
        let broken = findings.iter().filter(|f| f.fatal).count();
        if broken == 0 {
            Ok(())
        } else {
            Err(stop(Exit::Failure, format!("{broken} of {} checks failed", findings.len())))
        }
    }
}

/// Whether a service answers, and says that its databases do.
async fn health(client: &Client, service: &str, address: &str) -> Finding {
    let subject = format!("service {service}");
    let request = ask_within(HealthCheckRequest::default(), ANSWER_WITHIN);
    match client.health(service).check(request).await {
        Ok(answer) if answer.get_ref().status == ServingStatus::Serving as i32 => {
            Finding::well(subject, format!("{address}, ready"))
        }
        Ok(_) => Finding::broken(
            subject,
            format!("{address} answers and is not ready"),
            "it stops, or its database does not answer: see its log",
        ),
        Err(status) => Finding::broken(
            subject,
            format!("{address} cannot be reached: {}", status.message()),
            "start it (assent dev), or give its address: --server, ASSENT_<SERVICE>_ADDRESS",
        ),
    }
}

/// Whether the credential is known, and whether both clocks agree.
async fn caller(client: &Client, now: Timestamp) -> Vec<Finding> {
    let answer = client.directory().get_caller(ask_within(GetCallerRequest {}, ANSWER_WITHIN)).await;
    let answer = match answer {
        Ok(answer) => answer,
        Err(status) if status.code() == Code::Unauthenticated => {
            let what = if client.has_token() {
                "the token is not known to the server"
            } else {
                "no token was given"
            };
            return vec![Finding::broken(
                "credential",
                what,
                "export ASSENT_TOKEN_FILE; assent dev says where its tokens are",
            )];
        }
        Err(status) => return vec![Finding::broken("credential", status.message(), "")],
    };
    let clock = clock(answer.metadata().get("date").and_then(|d| d.to_str().ok()), now);
    let caller = answer.into_inner().caller.unwrap_or_default();
    vec![Finding::well("credential", format!("{} ({})", caller.id, caller.roles.join(", "))), clock]
}

fn clock(date: Option<&str>, now: Timestamp) -> Finding {
    let there =
        date.and_then(|d| chrono::DateTime::parse_from_rfc2822(d).ok()).map(|d| Timestamp::new(d.to_utc()));
    let Some(there) = there else { return Finding::well("clock", "the server does not tell its time") };
    let skew = now.since(there).max(there.since(now));
    if skew <= MOST_SKEW {
        return Finding::well("clock", "as the server's");
    }
    let what = format!("differs from the server's by {}s", skew.as_secs());
    let remedy = "synchronise the clocks (NTP): deadlines and grants depend on them";
    Finding { fatal: false, ..Finding::broken("clock", what, remedy) }
}

/// Whether each tool of the catalog can be run. One that cannot hinders only the plans that use it.
async fn tools(client: &Client) -> Vec<Finding> {
    let answer = client.executor().list_tools(ask_within(ListToolsRequest {}, ANSWER_WITHIN)).await;
    let tools = match answer {
        Ok(answer) => answer.into_inner().tools,
        // Said above already.
        Err(status) if matches!(status.code(), Code::Unauthenticated | Code::Unavailable) => {
            return Vec::new();
        }
        Err(status) => return vec![Finding::broken("tools", status.message(), "")],
    };
    let one = |tool: &assent_proto::executor::v1::Tool| {
        let subject = format!("tool {}", tool.name);
        if tool.ready {
            return Finding::well(subject, "");
        }
        let remedy = "plans that use it will fail; configure it, or leave it";
        Finding { fatal: false, ..Finding::broken(subject, tool.problem.clone(), remedy) }
    };
    tools.iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_that_differ_are_a_problem_but_not_a_failure() {
        let now = Timestamp::from_micros(1_765_461_600_000_000).unwrap();
        assert!(clock(Some("Thu, 11 Dec 2025 14:00:02 GMT"), now).problem.is_none());
        let off = clock(Some("Thu, 11 Dec 2025 13:59:00 GMT"), now);
        assert!(!off.fatal);
        assert_eq!(off.problem.unwrap().0, "differs from the server's by 60s");
        assert!(clock(None, now).problem.is_none());
    }
}

//! Texts from templates: one for each kind (the first line is the title, the rest the body) and two for mail. An
//! operator replaces any of them by a file of the same name.

use std::path::Path;

use assent_core::id::SessionId;
use assent_runtime::BuildError;
use minijinja::{AutoEscape, Environment, UndefinedBehavior};
use serde::Serialize;

use crate::domain::{Details, Entry, Kind, Priority};

/// Steps of the template engine; far more than any sensible template takes.
const FUEL: u64 = 200_000;
/// Most characters of a title, and of a body.
const TITLE: usize = 250;
const BODY: usize = 4000;

const EMAIL_TEXT: &str = "email_text";
const EMAIL_HTML: &str = "email_html";

macro_rules! builtin {
    ($($name:literal,)*) => {
        const BUILTIN: &[(&str, &str)] = &[$(($name, include_str!(concat!("templates/", $name, ".j2"))),)*];
    };
}

builtin! {
    "approval_requested", "reminder", "escalated", "expiring_soon", "approved", "partially_approved", "rejected",
    "timed_out", "cancelled", "modification_requested", "new_version", "comment_added", "mentioned",
    "comment_resolved", "execution_started", "execution_waiting", "execution_completed", "execution_failed", "execution_rolled_back",
    "execution_rollback_failed", "execution_cancelled", "execution_refused", "vote_lapsed", "break_glass",
    "grant_revoked", "delegated",
    "corruption_alarm", "digest", "test",
    "email_text", "email_html",
}

/// The templates, and where a session is seen.
#[derive(Debug)]
pub(crate) struct Templates {
    environment: Environment<'static>,
    session_url: String,
}

/// A rendered notification.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Text {
    /// One line.
    pub(crate) title: String,
    /// A few lines.
    pub(crate) body: String,
}

#[derive(Serialize)]
struct NoticeContext<'a> {
    kind: &'a str,
    priority: &'a str,
    session: String,
    deadline: Option<String>,
    #[serde(flatten)]
    details: &'a Details,
}

#[derive(Serialize)]
struct MailContext<'a> {
    kind: &'a str,
    priority: &'a str,
    session: String,
    title: &'a str,
    body: &'a str,
    lines: Vec<&'a str>,
    link: Option<String>,
    entries: Vec<LinkedEntry<'a>>,
    details: &'a Details,
}

#[derive(Serialize)]
struct LinkedEntry<'a> {
    title: &'a str,
    link: Option<String>,
}

/// What a mail is made of.
pub(crate) struct Mail<'a> {
    pub(crate) kind: &'a str,
    pub(crate) priority: Priority,
    pub(crate) session: Option<SessionId>,
    pub(crate) title: &'a str,
    pub(crate) body: &'a str,
    pub(crate) details: &'a Details,
}

impl Templates {
    /// Assent's own, replaced by the files `NAME.j2` of `directory` where that is not empty. `session_url` holds
    /// `{session}` where the id belongs; links are left out when it is empty.
    ///
    /// # Errors
    /// When a file cannot be read, has a name that means nothing, or does not render.
    pub(crate) fn load(directory: &str, session_url: &str) -> Result<Self, BuildError> {
        let invalid = |name: &str, error: minijinja::Error| {
            let place = error.line().map(|line| format!(" in line {line}")).unwrap_or_default();
            let detail = error.detail().map(|detail| format!(": {detail}")).unwrap_or_default();
            BuildError::Config(format!("template {name}: {}{place}{detail}", error.kind()))
        };
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_fuel(Some(FUEL));
        let html = |name: &str| if name == EMAIL_HTML { AutoEscape::Html } else { AutoEscape::None };
        environment.set_auto_escape_callback(html);
        for (name, text) in BUILTIN {
            environment.add_template(name, text).map_err(|e| invalid(name, e))?;
        }
        for (name, text) in own(directory)? {
            if environment.get_template(&name).is_err() {
                return Err(BuildError::Config(format!("template {name}: there is no kind of this name")));
            }
            environment.add_template_owned(name.clone(), text).map_err(|e| invalid(&name, e))?;
        }
        if !session_url.is_empty() && !session_url.contains("{session}") {
            return Err(BuildError::Config("session_url does not contain {session}".to_owned()));
        }
        let templates = Self { environment, session_url: session_url.to_owned() };
        templates.try_all().map_err(|(name, error)| invalid(name, error))?;
        Ok(templates)
    }

    /// The text of a notification. A template that fails on this occasion is replaced by the name of the kind, because
    /// somebody must be told all the same.
    pub(crate) fn notice(
        &self,
        kind: Kind,
        priority: Priority,
        session: Option<SessionId>,
        details: &Details,
    ) -> Text {
        let rendered = self.try_notice(kind, priority, session, details).unwrap_or_else(|error| {
            tracing::error!(kind = kind.name(), %error, "a template failed");
            format!("{}: {}", kind.name().replace('_', " "), details.goal)
        });
        let mut lines = rendered.lines().map(str::trim_end).filter(|line| !line.trim().is_empty());
        let title = cut(lines.next().unwrap_or_default().trim(), TITLE);
        Text { title, body: cut(&lines.collect::<Vec<_>>().join("\n"), BODY) }
    }

    /// The plain and the HTML part of a mail.
    ///
    /// # Errors
    /// When a template fails on this occasion.
    pub(crate) fn mail(&self, mail: &Mail<'_>) -> Result<(String, String), minijinja::Error> {
        let entry = |entry: &'_ Entry| entry.session.and_then(|session| self.link(Some(session)));
        let entries = mail.details.entries.iter();
        let context = MailContext {
            kind: mail.kind,
            priority: mail.priority.name(),
            session: mail.session.map(|session| session.to_string()).unwrap_or_default(),
            title: mail.title,
            body: mail.body,
            lines: mail.body.lines().collect(),
            link: self.link(mail.session),
            entries: entries.map(|e| LinkedEntry { title: &e.title, link: entry(e) }).collect(),
            details: mail.details,
        };
        let render = |name| {
            self.environment
                .get_template(name)?
                .render(minijinja::Value::from(minijinja::value::Serde(&context)))
        };
        Ok((render(EMAIL_TEXT)?, render(EMAIL_HTML)?))
    }

    /// Where a session is seen.
    pub(crate) fn link(&self, session: Option<SessionId>) -> Option<String> {
        let session = session.filter(|_| !self.session_url.is_empty())?;
        Some(self.session_url.replace("{session}", &session.to_string()))
    }

    fn try_notice(
        &self,
        kind: Kind,
        priority: Priority,
        session: Option<SessionId>,
        details: &Details,
    ) -> Result<String, minijinja::Error> {
        let context = NoticeContext {
            kind: kind.name(),
            priority: priority.name(),
            session: session.map(|session| session.to_string()).unwrap_or_default(),
            deadline: details.until.map(|at| at.utc().format("%Y-%m-%d %H:%M UTC").to_string()),
            details,
        };
        self.environment
            .get_template(kind.name())?
            .render(minijinja::Value::from(minijinja::value::Serde(&context)))
    }

    /// Renders everything once, so that what is wrong shows at the start.
    fn try_all(&self) -> Result<(), (&'static str, minijinja::Error)> {
        let details = Details {
            entries: vec![Entry { title: "a".to_owned(), session: None }],
            count: 1,
            until: assent_core::Timestamp::from_micros(0),
            lapsed: vec!["a".to_owned()],
            ..Details::default()
        };
        for kind in Kind::ALL.iter().filter(|kind| **kind != Kind::Message) {
            self.try_notice(*kind, Priority::Normal, None, &details).map_err(|error| (kind.name(), error))?;
        }
        let (title, body) = ("a", "b");
        let mail =
            Mail { kind: "test", priority: Priority::Normal, session: None, title, body, details: &details };
        self.mail(&mail).map(drop).map_err(|error| ("email_text or email_html", error))
    }
}

/// The files of the operator, by name.
fn own(directory: &str) -> Result<Vec<(String, String)>, BuildError> {
    if directory.is_empty() {
        return Ok(Vec::new());
    }
    let failed = |path: &Path, source| BuildError::File { path: path.display().to_string(), source };
    let directory = Path::new(directory);
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).map_err(|e| failed(directory, e))? {
        let path = entry.map_err(|e| failed(directory, e))?.path();
        let name = path.file_stem().and_then(|stem| stem.to_str());
        if let Some(name) = name.filter(|_| path.extension().is_some_and(|end| end == "j2")) {
            found.push((name.to_owned(), std::fs::read_to_string(&path).map_err(|e| failed(&path, e))?));
        }
    }
    Ok(found)
}

fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

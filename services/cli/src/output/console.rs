//! The two streams, and what may be done on them.

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};

use anyhow::Context as _;
use prost::{Message, Name};
use serde_json::Value;

use super::style::Line;
use super::text::{clean_json, clean_lines, whole_numbers};

/// How data is written: for people, as proto3 JSON, or as the same in YAML.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    Table,
    Json,
    Yaml,
}

/// A message as proto3 JSON.
pub(crate) fn to_json<M: Message + Name>(message: &M) -> anyhow::Result<Value> {
    let mut value = assent_proto::json::to_json(message)?;
    whole_numbers(&mut value);
    Ok(value)
}

/// Stdout, stderr and stdin of the process.
#[derive(Debug, Clone)]
pub(crate) struct Console {
    format: Format,
    stdout_colour: bool,
    stderr_colour: bool,
    stdout_terminal: bool,
    stderr_terminal: bool,
    interactive: bool,
    columns: Option<usize>,
}

impl Console {
    /// Looks at the streams and at NO_COLOR.
    pub(crate) fn new(format: Format) -> Self {
        let (stdout, stderr) = (io::stdout().is_terminal(), io::stderr().is_terminal());
        let colour = std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty());
        let size = stdout.then(|| rustix::termios::tcgetwinsize(io::stdout()).ok()).flatten();
        Self {
            format,
            stdout_colour: colour && stdout,
            stderr_colour: colour && stderr,
            stdout_terminal: stdout,
            stderr_terminal: stderr,
            interactive: stderr && io::stdin().is_terminal(),
            columns: size.map(|s| usize::from(s.ws_col)).filter(|c| *c > 0),
        }
    }

    /// Whether somebody can be asked.
    pub(crate) fn interactive(&self) -> bool {
        self.interactive
    }

    /// Columns of the terminal behind stdout.
    pub(crate) fn columns(&self) -> Option<usize> {
        self.columns
    }

    /// Whether the data is for people.
    pub(crate) fn for_people(&self) -> bool {
        self.format == Format::Table
    }

    /// Data for people.
    pub(crate) fn print(&self, lines: impl IntoIterator<Item = Line>) -> io::Result<()> {
        let mut out = io::stdout().lock();
        for line in lines {
            writeln!(out, "{}", line.paint(self.stdout_colour))?;
        }
        out.flush()
    }

    /// Talk.
    pub(crate) fn say(&self, lines: impl IntoIterator<Item = Line>) {
        let mut err = io::stderr().lock();
        for line in lines {
            // Nobody is left to be told that stderr is closed.
            let _ = writeln!(err, "{}", line.paint(self.stderr_colour));
        }
    }

    /// Replaces the line at the bottom of the terminal, which is where talk goes; none takes it away.
    pub(crate) fn status(&self, line: Option<&Line>) {
        if !self.stderr_terminal {
            return;
        }
        let text = line.map(|line| line.paint(self.stderr_colour)).unwrap_or_default();
        let mut err = io::stderr().lock();
        // Nobody is left to be told that stderr is closed.
        let _ = write!(err, "\r\x1b[2K{text}").and_then(|()| err.flush());
    }

    /// Text that was made by this module, e.g. a table.
    pub(crate) fn text(&self, text: &str) -> io::Result<()> {
        let mut out = io::stdout().lock();
        out.write_all(text.as_bytes())?;
        out.flush()
    }

    /// Bytes as they are, except on a terminal.
    pub(crate) fn bytes(&self, bytes: &[u8]) -> io::Result<()> {
        if !self.stdout_terminal {
            let mut out = io::stdout().lock();
            out.write_all(bytes)?;
            return out.flush();
        }
        let text = String::from_utf8_lossy(bytes);
        let text = text.strip_suffix('\n').unwrap_or(&text);
        self.print(clean_lines(text).map(super::style::plain))
    }

    /// A message as data; for people as `people` says it.
    pub(crate) fn message<M: Message + Name>(
        &self,
        message: &M,
        people: impl FnOnce() -> Vec<Line>,
    ) -> anyhow::Result<()> {
        if self.for_people() { Ok(self.print(people())?) } else { self.value(&to_json(message)?) }
    }

    /// A value as JSON or YAML.
    pub(crate) fn value(&self, value: &Value) -> anyhow::Result<()> {
        let text = match self.format {
            Format::Yaml => serde_saphyr::to_string(value).context("cannot be written as YAML")?,
            Format::Json | Format::Table => clean_json(&serde_json::to_string_pretty(value)?) + "\n",
        };
        Ok(self.bytes(text.as_bytes())?)
    }

    /// One value of many, on a line of its own.
    pub(crate) fn row(&self, value: &Value) -> anyhow::Result<()> {
        match self.format {
            Format::Yaml => {
                self.text("---\n")?;
                self.value(value)
            }
            Format::Json | Format::Table => {
                Ok(self.bytes(format!("{}\n", clean_json(&value.to_string())).as_bytes())?)
            }
        }
    }

    /// Asks, and waits for a line; none at the end of the input.
    pub(crate) async fn ask(&self, question: &Line) -> anyhow::Result<Option<String>> {
        {
            let mut err = io::stderr().lock();
            write!(err, "{} ", question.paint(self.stderr_colour))?;
            err.flush()?;
        }
        // Reading blocks until a line comes; the runtime is ended without waiting for it.
        let read = tokio::task::spawn_blocking(|| {
            let mut line = String::new();
            io::stdin().lock().read_line(&mut line).map(|count| (count > 0).then_some(line))
        });
        let line = read.await.context("the terminal cannot be read")??;
        Ok(line.map(|l| l.trim().to_owned()))
    }
}

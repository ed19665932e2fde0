use assent_proto::notification::v1::{
    GetPreferencesRequest, NotificationPreferences, QuietHours, SetPreferencesRequest,
};
use assent_proto::review::v1::ApprovalPriority;

use super::notify::{Channel, channel_name};
use super::priority::{Priority, priority_name};
use crate::app::App;
use crate::client::ask;
use crate::failure::{Exit, stop};
use crate::output::{Line, plain};

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples: assent notify preferences\n  \
          assent notify preferences set --quiet-hours 22:00-07:00 --time-zone Europe/Berlin --mute slack")]
pub(super) struct Preferences {
    #[command(subcommand)]
    change: Option<Change>,
}

#[derive(Debug, clap::Subcommand)]
enum Change {
    /// Change what is given, and leave the rest as it is
    Set(Box<Set>),
    /// Go back to the defaults
    Reset,
}

#[derive(Debug, clap::Args)]
struct Set {
    /// Do not use these channels
    #[arg(long, value_delimiter = ',', value_name = "CHANNEL")]
    mute: Vec<Channel>,
    /// Use these channels again
    #[arg(long, value_delimiter = ',', value_name = "CHANNEL")]
    unmute: Vec<Channel>,
    /// Keep these kinds in the inbox, e.g. comment_added
    #[arg(long, value_delimiter = ',', value_name = "KIND")]
    mute_kind: Vec<String>,
    /// Send these kinds again
    #[arg(long, value_delimiter = ',', value_name = "KIND")]
    unmute_kind: Vec<String>,
    /// Keep in the inbox what hurries less
    #[arg(long, value_enum, value_name = "PRIORITY")]
    min_priority: Option<Priority>,
    /// Whether what does not hurry is collected and sent together
    #[arg(long, value_name = "true|false")]
    digest: Option<bool>,
    /// When messages wait, e.g. 22:00-07:00
    #[arg(long, value_parser = hours, value_name = "FROM-TO", conflicts_with = "no_quiet_hours")]
    quiet_hours: Option<(String, String)>,
    /// Where the quiet hours are those of the clock, e.g. Europe/Berlin
    #[arg(long, value_name = "ZONE", conflicts_with = "no_quiet_hours")]
    time_zone: Option<String>,
    /// What hurries as much is sent in quiet hours all the same
    #[arg(long, value_enum, value_name = "PRIORITY", conflicts_with = "no_quiet_hours")]
    break_through: Option<Priority>,
    /// Have no quiet hours
    #[arg(long)]
    no_quiet_hours: bool,
}

/// The server judges the times themselves.
fn hours(text: &str) -> Result<(String, String), String> {
    let (start, end) = text.split_once('-').ok_or("must be two times of day, such as 22:00-07:00")?;
    Ok((start.trim().to_owned(), end.trim().to_owned()))
}

impl Preferences {
    pub(super) async fn run(self, app: &App) -> anyhow::Result<()> {
        let mut service = app.client()?.notification();
        let wanted = match self.change {
            Some(Change::Reset) => Some(NotificationPreferences::default()),
            Some(Change::Set(set)) => {
                let own = service.get_preferences(ask(GetPreferencesRequest {})).await?.into_inner();
                // Its etag refuses what would undo a change made meanwhile.
                Some(set.apply(own.preferences.unwrap_or_default())?)
            }
            None => None,
        };
        let own = match wanted {
            Some(wanted) => {
                let request = SetPreferencesRequest { preferences: Some(wanted) };
                service.set_preferences(ask(request)).await?.into_inner().preferences
            }
            None => service.get_preferences(ask(GetPreferencesRequest {})).await?.into_inner().preferences,
        };
        let own = own.unwrap_or_default();
        app.console.message(&own, || shown(&own))
    }
}

impl Set {
    fn apply(self, own: NotificationPreferences) -> anyhow::Result<NotificationPreferences> {
        let mut own = own;
        let number = |channel: &Channel| i32::from(channel.to_pb());
        own.muted_channels.extend(self.mute.iter().map(number));
        let used: Vec<i32> = self.unmute.iter().map(number).collect();
        own.muted_channels.retain(|channel| !used.contains(channel));
        own.muted_kinds.extend(self.mute_kind);
        own.muted_kinds.retain(|kind| !self.unmute_kind.contains(kind));
        // What is muted already is muted once.
        own.muted_channels.sort_unstable();
        own.muted_channels.dedup();
        own.muted_kinds.sort_unstable();
        own.muted_kinds.dedup();
        if let Some(priority) = self.min_priority {
            own.set_min_priority(priority.into());
        }
        own.digest = self.digest.or(own.digest);
        if self.no_quiet_hours {
            own.quiet_hours = None;
        }
        if let Some((start, end)) = self.quiet_hours {
            let quiet = own.quiet_hours.get_or_insert_default();
            (quiet.start, quiet.end) = (start, end);
        }
        let details = self.time_zone.is_some() || self.break_through.is_some();
        match &mut own.quiet_hours {
            Some(quiet) => {
                quiet.time_zone = self.time_zone.unwrap_or_else(|| std::mem::take(&mut quiet.time_zone));
                if let Some(priority) = self.break_through {
                    quiet.set_break_through(priority.into());
                }
            }
            None if details => {
                let text = "there are no quiet hours: give --quiet-hours FROM-TO, too";
                return Err(stop(Exit::Usage, text));
            }
            None => {}
        }
        Ok(own)
    }
}

fn shown(own: &NotificationPreferences) -> Vec<Line> {
    let none_or = |names: Vec<String>| if names.is_empty() { "none".to_owned() } else { names.join(", ") };
    let channels = own.muted_channels().map(channel_name).collect();
    let quiet = own.quiet_hours.as_ref().map_or_else(|| "none".to_owned(), quiet);
    let digest = if own.digest.unwrap_or(true) { "yes" } else { "no" };
    [
        ("muted channels", none_or(channels)),
        ("muted kinds", none_or(own.muted_kinds.clone())),
        ("sent from", format!("{} on", priority_name(named(own.min_priority(), ApprovalPriority::Low)))),
        ("digest", digest.to_owned()),
        ("quiet hours", quiet),
    ]
    .into_iter()
    .map(|(name, value)| plain(format!("{name:<16}{value}")))
    .collect()
}

fn quiet(hours: &QuietHours) -> String {
    let zone = if hours.time_zone.is_empty() { "UTC" } else { &hours.time_zone };
    let priority = priority_name(named(hours.break_through(), ApprovalPriority::Urgent));
    format!("{} to {} ({zone}), but for {priority}", hours.start, hours.end)
}

fn named(priority: ApprovalPriority, usual: ApprovalPriority) -> ApprovalPriority {
    if priority == ApprovalPriority::Unspecified { usual } else { priority }
}

#[cfg(test)]
mod tests {
    use assent_proto::plan::v1::NotificationChannel;
    use clap::Parser as _;

    use super::*;

    #[derive(clap::Parser)]
    struct Given {
        #[command(flatten)]
        set: Set,
    }

    fn applied(own: NotificationPreferences, line: &str) -> anyhow::Result<NotificationPreferences> {
        let words = std::iter::once("set").chain(line.split_whitespace());
        Given::try_parse_from(words).unwrap().set.apply(own)
    }

    #[test]
    fn what_is_given_changes_and_the_rest_stays() {
        let line = "--mute slack,email --mute-kind comment_added --quiet-hours 22:00-07:00 \
                    --time-zone Europe/Berlin --break-through high --digest false --min-priority normal";
        let own = NotificationPreferences { etag: "3".to_owned(), ..Default::default() };
        let first = applied(own, line).unwrap();
        let quiet = first.quiet_hours.clone().unwrap();
        assert_eq!((quiet.start.as_str(), quiet.end.as_str()), ("22:00", "07:00"));
        assert_eq!(
            (quiet.time_zone.as_str(), quiet.break_through()),
            ("Europe/Berlin", ApprovalPriority::High)
        );
        assert_eq!((first.digest, first.min_priority()), (Some(false), ApprovalPriority::Normal));
        let second = applied(first.clone(), "--unmute slack --mute email --quiet-hours 23:00-06:00").unwrap();
        assert_eq!(second.muted_channels().collect::<Vec<_>>(), [NotificationChannel::Email]);
        let quiet = second.quiet_hours.clone().unwrap();
        assert_eq!((quiet.start.as_str(), quiet.time_zone.as_str()), ("23:00", "Europe/Berlin"));
        assert_eq!((second.muted_kinds, second.etag), (vec!["comment_added".to_owned()], "3".to_owned()));
        let third = applied(first, "--no-quiet-hours --unmute-kind comment_added").unwrap();
        assert_eq!((third.quiet_hours, third.muted_kinds), (None, Vec::new()));
        assert!(applied(NotificationPreferences::default(), "--time-zone UTC").is_err());
    }
}

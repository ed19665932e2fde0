use assent_proto::notification::v1::{ListInboxRequest, MarkReadRequest, Notification, WatchInboxRequest};

use crate::app::App;
use crate::client::ask;
use crate::output::{Line, Tone, moment, short_time, table, to_json, toned};

#[derive(Debug, clap::Args)]
#[command(after_help = "Example: assent inbox --unread --mark-read")]
pub(crate) struct Inbox {
    /// Only those not read yet
    #[arg(long)]
    unread: bool,
    /// Mark those that are listed as read
    #[arg(long)]
    mark_read: bool,
    /// Most notifications to list
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(i32).range(1..=1000), value_name = "NUMBER")]
    limit: i32,
    /// Show new ones as they come, until Ctrl-C
    #[arg(long, conflicts_with_all = ["unread", "mark_read", "limit"])]
    watch: bool,
}

impl Inbox {
    pub(crate) async fn run(self, app: &App) -> anyhow::Result<()> {
        if self.watch {
            return watch(app).await;
        }
        let mut service = app.client()?.notification();
        let request =
            ask(ListInboxRequest { page_size: self.limit, unread_only: self.unread, ..Default::default() });
        let inbox = service.list_inbox(request).await?.into_inner();
        if app.console.for_people() {
            let rows: Vec<_> = inbox
                .notifications
                .iter()
                .map(|n| {
                    let mark = if n.read_time.is_some() { "" } else { "•" };
                    vec![
                        mark.to_owned(),
                        moment(n.create_time.as_ref()),
                        n.kind.clone(),
                        n.session_id.clone(),
                        n.title.clone(),
                    ]
                })
                .collect();
            app.console.text(&table(&["", "TIME", "KIND", "SESSION", "TITLE"], &rows))?;
            app.console.say([toned(format!("{} unread", inbox.unread), Tone::Dim)]);
        } else {
            app.console.message(&inbox, Vec::new)?;
        }
        let unread = inbox.notifications.iter().filter(|n| n.read_time.is_none());
        let notification_ids: Vec<_> = unread.map(|n| n.id.clone()).collect();
        // An empty list would mean all.
        if self.mark_read && !notification_ids.is_empty() {
            let marked =
                service.mark_read(ask(MarkReadRequest { notification_ids })).await?.into_inner().marked;
            app.console.say([toned(format!("{marked} marked as read"), Tone::Dim)]);
        }
        Ok(())
    }
}

/// Ends with an error when the server stops; nothing that came before is missed.
async fn watch(app: &App) -> anyhow::Result<()> {
    let request = WatchInboxRequest { after_position: None };
    let mut stream = app.client()?.notification().watch_inbox(request).await?.into_inner();
    while let Some(seen) = stream.message().await? {
        let Some(notification) = seen.notification else { continue };
        if app.console.for_people() {
            app.console.print([line(&notification)])?;
        } else {
            app.console.row(&to_json(&notification)?)?;
        }
    }
    Ok(())
}

fn line(notification: &Notification) -> Line {
    toned(format!("{}  ", short_time(notification.create_time.as_ref())), Tone::Dim)
        .then(format!("{:<24}", notification.kind), Tone::Bold)
        .then(format!("{}  ", notification.title), Tone::Plain)
        .then(notification.session_id.clone(), Tone::Dim)
}

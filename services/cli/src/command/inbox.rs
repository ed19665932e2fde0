use assent_proto::notification::v1::{ListInboxRequest, MarkReadRequest};

use crate::app::App;
use crate::client::ask;
use crate::output::{Tone, moment, table, toned};

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
}

impl Inbox {
    pub(crate) async fn run(self, app: &App) -> anyhow::Result<()> {
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

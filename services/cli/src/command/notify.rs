use assent_proto::notification::v1::{
    Delivery, DeliveryStatus, ListChannelsRequest, ListDeliveriesRequest, ListDeliveriesResponse,
    RetryDeliveryRequest, TestChannelRequest,
};
use assent_proto::plan::v1::NotificationChannel;

use super::preferences::Preferences;
use crate::app::App;
use crate::client::ask_within;
use crate::failure::{Exit, stop};
use crate::output::{Line, Tone, moment, plain, state, table, toned};

/// Longer than an attempt to deliver may take by default.
const TEST_WITHIN: std::time::Duration = std::time::Duration::from_secs(60);

#[derive(Debug, clap::Args)]
#[command(after_help = "Example: assent notify test slack")]
pub(crate) struct Notify {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// List the channels, and whether they reach you
    Channels,
    /// Show or change how you want to be told
    Preferences(Preferences),
    /// Send a test message and say what came of it; fails when the channel does not take it
    Test {
        /// The channel
        channel: Channel,
        /// Whose address; only administrators test others'
        #[arg(long, value_name = "ID")]
        user: Option<String>,
    },
    /// List what was sent, to whom, and what came of it, newest first
    Deliveries {
        /// Only those that were given up
        #[arg(long)]
        failed: bool,
        /// Only those about this session
        #[arg(long, value_name = "SESSION")]
        session: Option<String>,
        /// Most deliveries to list
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(i32).range(1..=1000), value_name = "NUMBER")]
        limit: i32,
    },
    /// Try a delivery anew that was given up
    Retry {
        /// The delivery
        delivery: String,
    },
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub(super) enum Channel {
    Inbox,
    Email,
    Slack,
    Teams,
    Webhook,
}

impl Channel {
    pub(super) const fn to_pb(self) -> NotificationChannel {
        match self {
            Self::Inbox => NotificationChannel::InApp,
            Self::Email => NotificationChannel::Email,
            Self::Slack => NotificationChannel::Slack,
            Self::Teams => NotificationChannel::Teams,
            Self::Webhook => NotificationChannel::Webhook,
        }
    }
}

impl Notify {
    pub(crate) async fn run(self, app: &App) -> anyhow::Result<()> {
        let mut service = app.client()?.notification();
        match self.action {
            Action::Preferences(preferences) => preferences.run(app).await,
            Action::Channels => {
                let request = ask_within(ListChannelsRequest {}, TEST_WITHIN);
                let channels = service.list_channels(request).await?.into_inner();
                if !app.console.for_people() {
                    return app.console.message(&channels, Vec::new);
                }
                let yes = |flag| if flag { "yes" } else { "no" }.to_owned();
                let rows: Vec<_> = channels
                    .channels
                    .iter()
                    .map(|c| {
                        vec![
                            channel_name(c.channel()),
                            yes(c.configured),
                            yes(c.reaches_caller),
                            c.waiting.to_string(),
                            c.problem.clone(),
                        ]
                    })
                    .collect();
                let heads = ["CHANNEL", "CONFIGURED", "REACHES YOU", "WAITING", "PROBLEM"];
                Ok(app.console.text(&table(&heads, &rows))?)
            }
            Action::Test { channel, user } => {
                let user_id = user.unwrap_or_default();
                let request = TestChannelRequest { channel: channel.to_pb().into(), user_id };
                let answer = service.test_channel(ask_within(request, TEST_WITHIN)).await?.into_inner();
                let delivery = answer.delivery.clone().unwrap_or_default();
                app.console.message(&answer, || vec![verdict(&delivery)])?;
                match delivery.status() {
                    DeliveryStatus::Delivered => Ok(()),
                    _ => Err(stop(Exit::Failure, "the channel did not take the message")),
                }
            }
            Action::Deliveries { failed, session, limit } => {
                let request = ListDeliveriesRequest {
                    page_size: limit,
                    failed_only: failed,
                    session_id: session.unwrap_or_default(),
                    ..Default::default()
                };
                let page = service.list_deliveries(ask_within(request, TEST_WITHIN)).await?.into_inner();
                show(app, &page)
            }
            Action::Retry { delivery } => {
                let request = RetryDeliveryRequest { delivery_id: delivery };
                let answer = service.retry_delivery(ask_within(request, TEST_WITHIN)).await?.into_inner();
                let delivery = answer.delivery.clone().unwrap_or_default();
                app.console.message(&answer, || {
                    vec![plain(format!(
                        "{} to {} is tried anew",
                        channel_name(delivery.channel()),
                        delivery.user_id
                    ))]
                })
            }
        }
    }
}

fn show(app: &App, page: &ListDeliveriesResponse) -> anyhow::Result<()> {
    if !app.console.for_people() {
        return app.console.message(page, Vec::new);
    }
    let row = |d: &Delivery| {
        vec![
            moment(d.create_time.as_ref()),
            d.id.clone(),
            d.user_id.clone(),
            channel_name(d.channel()),
            d.kind.clone(),
            state(d.status().as_str_name(), "DELIVERY_STATUS_").to_owned(),
            d.attempts.to_string(),
            d.error.clone(),
        ]
    };
    let rows: Vec<_> = page.deliveries.iter().map(row).collect();
    let heads = ["TIME", "DELIVERY", "TO", "CHANNEL", "KIND", "STATUS", "ATTEMPTS", "WHY"];
    Ok(app.console.text(&table(&heads, &rows))?)
}

fn verdict(delivery: &Delivery) -> Line {
    let name = channel_name(delivery.channel());
    if delivery.status() == DeliveryStatus::Delivered {
        return toned("✓ ", Tone::Good)
            .then(format!("{name} took the message ({})", delivery.id), Tone::Plain);
    }
    toned("✗ ", Tone::Bad).then(format!("{name}: {}", delivery.error), Tone::Plain)
}

/// As it is given on the command line.
pub(super) fn channel_name(channel: NotificationChannel) -> String {
    match channel {
        NotificationChannel::InApp => "inbox".to_owned(),
        other => other.as_str_name().trim_start_matches("NOTIFICATION_CHANNEL_").to_lowercase(),
    }
}

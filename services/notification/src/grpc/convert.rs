//! Deliveries and preferences as messages.

use assent_proto::notification::v1 as pb;
use assent_proto::plan::v1::NotificationChannel;
use assent_proto::review::v1::ApprovalPriority;
use assent_rpc::convert::{Field, Refused, Wire as _, WireEnum as _, read_message};
use chrono::NaiveTime;
use chrono_tz::Tz;

use crate::app::ChannelState;
use crate::domain::{Channel, Delivery, DeliveryStatus, Kind, Preferences, Priority, QuietHours};
use crate::store::attempts::PastAttempt;

assent_rpc::wire_enum!(Channel => NotificationChannel { InApp, Email, Slack, Teams, Webhook });
assent_rpc::wire_enum!(Priority => ApprovalPriority { Low, Normal, High, Urgent });
assent_rpc::wire_enum!(DeliveryStatus => pb::DeliveryStatus {
    Pending, Delivered, Failed, Held, Merged, Dropped
});

/// How times of day are written.
const TIME: &str = "%H:%M";

/// As its recipient sees it.
pub(crate) fn notification(delivery: &Delivery) -> pb::Notification {
    pb::Notification {
        id: delivery.id.to_pb(),
        session_id: delivery.session.map(|session| session.to_pb()).unwrap_or_default(),
        kind: delivery.kind.clone(),
        title: delivery.title.clone(),
        body: delivery.body.clone(),
        create_time: Some(delivery.created_at.to_pb()),
        read_time: delivery.read_at.map(|at| at.to_pb()),
        priority: delivery.priority.number(),
    }
}

/// As an administrator sees it.
pub(crate) fn delivery(delivery: &Delivery, history: &[PastAttempt]) -> pb::Delivery {
    let held = delivery.hold.filter(|_| delivery.status == DeliveryStatus::Held);
    let why = held.map(|hold| hold.explain().to_owned()).or_else(|| delivery.error.clone());
    let attempt = |past: &PastAttempt| pb::DeliveryAttempt {
        time: Some(past.ended_at.to_pb()),
        error: past.error.clone(),
    };
    let attempts = delivery.earlier_attempts.saturating_add(delivery.attempts);
    pb::Delivery {
        id: delivery.id.to_pb(),
        session_id: delivery.session.map(|session| session.to_pb()).unwrap_or_default(),
        kind: delivery.kind.clone(),
        user_id: delivery.user.clone(),
        channel: delivery.channel.number(),
        status: delivery.status.number(),
        attempts: i32::try_from(attempts).unwrap_or(i32::MAX),
        error: why.unwrap_or_default(),
        create_time: Some(delivery.created_at.to_pb()),
        deliver_time: delivery.delivered_at.map(|at| at.to_pb()),
        next_attempt_time: delivery.next_attempt_at.map(|at| at.to_pb()),
        priority: delivery.priority.number(),
        merged_into: delivery.merged_into.map(|id| id.to_pb()).unwrap_or_default(),
        history: history.iter().map(attempt).collect(),
    }
}

/// As its user sees it.
pub(crate) fn channel(state: &ChannelState) -> pb::ChannelInfo {
    pb::ChannelInfo {
        channel: state.channel.number(),
        configured: state.configured,
        reaches_caller: state.reaches,
        problem: state.problem.to_owned(),
        paused_until: state.paused_until.map(|at| at.to_pb()),
        waiting: state.waiting,
    }
}

/// Preferences with their revision as the etag.
pub(crate) fn preferences(own: &Preferences, revision: i64) -> pb::NotificationPreferences {
    pb::NotificationPreferences {
        muted_channels: own.muted_channels.iter().map(|channel| channel.number()).collect(),
        muted_kinds: own.muted_kinds.iter().cloned().collect(),
        min_priority: own.min_priority.number(),
        digest: Some(own.digest),
        quiet_hours: own.quiet_hours.as_ref().map(|hours| pb::QuietHours {
            start: hours.start.format(TIME).to_string(),
            end: hours.end.format(TIME).to_string(),
            time_zone: hours.time_zone.name().to_owned(),
            break_through: hours.break_through.number(),
        }),
        etag: revision.to_string(),
    }
}

/// Preferences, and the revision that they replace.
pub(crate) fn read_preferences(
    message: pb::NotificationPreferences,
) -> Result<(Preferences, Option<i64>), Vec<assent_core::Violation>> {
    read_message("preferences", |at| {
        let channels = at.field("muted_channels");
        let muted_channels: Vec<_> = message
            .muted_channels
            .iter()
            .enumerate()
            .map(|(index, number)| channels.index(index).choice::<Channel>(*number))
            .collect();
        let kinds = at.field("muted_kinds");
        let muted_kinds: Vec<_> = message
            .muted_kinds
            .iter()
            .enumerate()
            .map(|(index, name)| match Kind::from_name(name) {
                Some(kind) => Ok(kind.name().to_owned()),
                None => Err(kinds.index(index).refuse("UNKNOWN_KIND", format!("there is no kind {name:?}"))),
            })
            .collect();
        let min_priority = at.field("min_priority").optional_choice(message.min_priority);
        let quiet = at.field("quiet_hours");
        let quiet_hours = message.quiet_hours.map(|hours| quiet_hours(&hours, &quiet)).transpose();
        let etag = at.field("etag");
        let revision = match message.etag.as_str() {
            "" => Ok(None),
            text => text.parse().map(Some).map_err(|_| etag.refuse("MALFORMED", "is no etag of preferences")),
        };
        let preferences = Preferences {
            muted_channels: muted_channels.into_iter().collect::<Result<_, _>>()?,
            muted_kinds: muted_kinds.into_iter().collect::<Result<_, _>>()?,
            min_priority: min_priority?.unwrap_or(Priority::Low),
            digest: message.digest.unwrap_or(true),
            quiet_hours: quiet_hours?,
        };
        Ok((preferences, revision?))
    })
}

fn quiet_hours(hours: &pb::QuietHours, at: &Field<'_>) -> Result<QuietHours, Refused> {
    let time = |field: &str, text: &str| {
        NaiveTime::parse_from_str(text, TIME)
            .map_err(|_| at.field(field).refuse("MALFORMED", "must be a time of day such as 22:00"))
    };
    let zone = match hours.time_zone.as_str() {
        "" => Ok(Tz::UTC),
        name => name.parse().map_err(|_| {
            at.field("time_zone").refuse("UNKNOWN_TIME_ZONE", "must be a name such as Europe/Berlin")
        }),
    };
    let (start, end) = (time("start", &hours.start), time("end", &hours.end));
    let break_through = at.field("break_through").optional_choice(hours.break_through);
    Ok(QuietHours {
        start: start?,
        end: end?,
        time_zone: zone?,
        break_through: break_through?.unwrap_or(Priority::Urgent),
    })
}

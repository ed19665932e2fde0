//! Deliveries as messages.

use assent_proto::notification::v1 as pb;
use assent_proto::plan::v1::NotificationChannel;
use assent_rpc::convert::Wire as _;

use crate::domain::{Channel, Delivery, DeliveryStatus};

/// Not a pair of equals: the contract knows channels that are not served.
pub(crate) const fn channel_to_pb(channel: Channel) -> NotificationChannel {
    match channel {
        Channel::InApp => NotificationChannel::InApp,
        Channel::Webhook => NotificationChannel::Webhook,
    }
}

assent_rpc::wire_enum!(DeliveryStatus => pb::DeliveryStatus { Pending, Delivered, Failed });

/// As its recipient sees it.
pub(crate) fn notification(delivery: &Delivery) -> pb::Notification {
    pb::Notification {
        id: delivery.id.to_pb(),
        session_id: delivery.session.to_pb(),
        kind: delivery.kind.clone(),
        title: delivery.title.clone(),
        body: delivery.body.clone(),
        create_time: Some(delivery.created_at.to_pb()),
        read_time: delivery.read_at.map(|at| at.to_pb()),
    }
}

/// As an administrator sees it.
pub(crate) fn delivery(delivery: &Delivery) -> pb::Delivery {
    use assent_rpc::convert::WireEnum as _;
    pb::Delivery {
        id: delivery.id.to_pb(),
        session_id: delivery.session.to_pb(),
        kind: delivery.kind.clone(),
        user_id: delivery.user.clone(),
        channel: channel_to_pb(delivery.channel).into(),
        status: delivery.status.number(),
        attempts: i32::try_from(delivery.attempts).unwrap_or(i32::MAX),
        error: delivery.error.clone().unwrap_or_default(),
        create_time: Some(delivery.created_at.to_pb()),
        deliver_time: delivery.delivered_at.map(|at| at.to_pb()),
        next_attempt_time: delivery.next_attempt_at.map(|at| at.to_pb()),
    }
}

//! Why a use case failed.

use std::time::Duration;

use assent_core::id::DeliveryKind;
use assent_core::{Code, Fault, Id, Reason, Violation};
use assent_events::LogError;
use assent_rpc::RemoteFault;
use assent_store::StoreError;

use crate::domain::{Channel, DeliveryStatus};

/// Why a use case failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotificationError {
    #[error("there is no delivery {0}")]
    UnknownDelivery(Id<DeliveryKind>),
    #[error("the delivery was not given up; its status is {}", .0.name())]
    NotFailed(DeliveryStatus),
    #[error("the server has no channel {}", .0.name())]
    NotConfigured(Channel),
    #[error("the directory has no address for the channel {}", .0.name())]
    NoAddress(Channel),
    #[error("requires one of the roles: admin")]
    AdminOnly,
    #[error("the preferences were changed in the meantime; read them again")]
    PreferencesChanged,
    #[error(transparent)]
    Remote(#[from] RemoteFault),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Log(#[from] LogError),
}

impl NotificationError {
    /// The fault of a layer below.
    fn inner(&self) -> Option<&dyn Fault> {
        match self {
            Self::Remote(error) => Some(error),
            Self::Store(error) => Some(error),
            Self::Log(error) => Some(error),
            _ => None,
        }
    }
}

impl Fault for NotificationError {
    fn code(&self) -> Code {
        match self {
            Self::UnknownDelivery(_) => Code::NotFound,
            Self::NotFailed(_) | Self::NotConfigured(_) | Self::NoAddress(_) => Code::FailedPrecondition,
            Self::AdminOnly => Code::PermissionDenied,
            Self::PreferencesChanged => Code::Aborted,
            _ => self.inner().map_or(Code::Internal, Fault::code),
        }
    }

    fn reason(&self) -> Reason {
        if let Some(inner) = self.inner() {
            return inner.reason();
        }
        Reason::new(match self {
            Self::UnknownDelivery(_) => "DELIVERY_NOT_FOUND",
            Self::NotFailed(_) => "DELIVERY_NOT_FAILED",
            Self::NotConfigured(_) => "CHANNEL_NOT_CONFIGURED",
            Self::NoAddress(_) => "ADDRESS_MISSING",
            Self::AdminOnly => "ROLE_REQUIRED",
            Self::PreferencesChanged => "PREFERENCES_CHANGED",
            _ => "INTERNAL",
        })
    }

    fn metadata(&self) -> Vec<(String, String)> {
        let one = |key: &str, value: String| vec![(key.to_owned(), value)];
        match self {
            Self::UnknownDelivery(id) => one("delivery_id", id.to_string()),
            Self::NotFailed(status) => one("status", status.name().to_owned()),
            Self::NotConfigured(channel) | Self::NoAddress(channel) => {
                one("channel", channel.name().to_owned())
            }
            Self::AdminOnly => one("roles", assent_core::actor::ADMIN.to_owned()),
            _ => self.inner().map(Fault::metadata).unwrap_or_default(),
        }
    }

    fn violations(&self) -> Vec<Violation> {
        self.inner().map(Fault::violations).unwrap_or_default()
    }

    fn retry_after(&self) -> Option<Duration> {
        self.inner().and_then(Fault::retry_after)
    }
}

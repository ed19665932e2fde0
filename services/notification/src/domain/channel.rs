//! Where people are told, and how much it hurries.

use serde::{Deserialize, Serialize};

/// Where people are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Channel {
    /// The inbox: delivered when it is written.
    InApp,
    Email,
    Slack,
    Teams,
    /// An HTTP endpoint.
    Webhook,
}

impl Channel {
    pub(crate) const ALL: [Self; 5] = [Self::InApp, Self::Email, Self::Slack, Self::Teams, Self::Webhook];

    /// As in tables, logs and metadata.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::InApp => "in_app",
            Self::Email => "email",
            Self::Slack => "slack",
            Self::Teams => "teams",
            Self::Webhook => "webhook",
        }
    }

    /// As its name says; none for another text.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|channel| channel.name() == name)
    }
}

/// How much it hurries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Priority {
    Low,
    #[default]
    Normal,
    High,
    Urgent,
}

impl Priority {
    const ALL: [Self; 4] = [Self::Low, Self::Normal, Self::High, Self::Urgent];

    /// As in tables and templates.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Normal => "normal",
            Self::High => "high",
            Self::Urgent => "urgent",
        }
    }

    /// As its name says; none for another text.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|priority| priority.name() == name)
    }

    /// Whether it is sent at once, rather than collected.
    pub(crate) const fn is_immediate(self) -> bool {
        matches!(self, Self::High | Self::Urgent)
    }
}

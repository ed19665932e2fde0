//! How a person wants to be told.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{Channel, Kind, Priority, QuietHours};

/// How a person wants to be told. The inbox gets everything.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Preferences {
    pub(crate) muted_channels: BTreeSet<Channel>,
    /// Names of kinds.
    pub(crate) muted_kinds: BTreeSet<String>,
    /// What hurries less stays in the inbox.
    pub(crate) min_priority: Priority,
    /// Whether what does not hurry is collected.
    pub(crate) digest: bool,
    pub(crate) quiet_hours: Option<QuietHours>,
}

impl Default for Preferences {
    fn default() -> Self {
        Self {
            muted_channels: BTreeSet::new(),
            muted_kinds: BTreeSet::new(),
            min_priority: Priority::Low,
            digest: true,
            quiet_hours: None,
        }
    }
}

impl Preferences {
    /// Whether `channel` is used at all for something of this kind. A requester who names channels goes before the
    /// choice of channels, not before the rest.
    pub(crate) fn wants(&self, channel: Channel, kind: Kind, priority: Priority, named: bool) -> bool {
        (named || !self.muted_channels.contains(&channel))
            && !self.muted_kinds.contains(kind.name())
            && priority >= self.min_priority
    }
}

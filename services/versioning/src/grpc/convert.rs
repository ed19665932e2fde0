//! Versions as messages.

use assent_plan::{Conflict, LeafKey};
use assent_proto::plan::v1 as pb;
use assent_rpc::convert::{Wire, WireEnum, conflict_to_pb, list_to_pb};

use prost::Message as _;

use crate::app::Comparison;
use crate::domain::{Version, VersionInfo, at_once};

/// A version whole.
pub(crate) fn with_plan(version: &Version) -> pb::PlanVersion {
    let (rest, plan) = at_once(version.plan.items.len(), || without_plan(version), || version.plan.to_pb());
    pb::PlanVersion { plan: Some(plan), ..rest }
}

/// A version without its plan, with the leaves of its items.
pub(crate) fn without_plan(version: &Version) -> pb::PlanVersion {
    let leaf = |(key, digest): (&LeafKey, &assent_core::Digest)| match key {
        LeafKey::Item(id) => Some(pb::ItemDigest { item_id: id.to_pb(), digest: digest.to_pb() }),
        LeafKey::Plan | LeafKey::Edge(..) => None,
    };
    let item_digests = version.tree.leaves.iter().filter_map(leaf).collect();
    pb::PlanVersion { item_digests, ..info_to_pb(&version.info) }
}

/// What is known of a version without its plan.
pub(crate) fn info_to_pb(info: &VersionInfo) -> pb::PlanVersion {
    pb::PlanVersion {
        session_id: info.session.to_pb(),
        version_number: info.number,
        plan: None,
        create_time: Some(info.created_at.to_pb()),
        change_description: info.change_description.clone(),
        modified_by: Some(info.author.to_pb()),
        changes: list_to_pb(&info.changes),
        estimate: Some(info.estimate.to_pb()),
        risk: Some(info.risk.to_pb()),
        digest: info.digest.to_pb(),
        item_digests: Vec::new(),
    }
}

/// What tells one version from another.
pub(crate) fn brief_to_pb(info: &VersionInfo) -> pb::PlanVersion {
    pb::PlanVersion {
        session_id: info.session.to_pb(),
        version_number: info.number,
        create_time: Some(info.created_at.to_pb()),
        change_description: info.change_description.clone(),
        modified_by: Some(info.author.to_pb()),
        risk: Some(pb::RiskAssessment { level: info.risk.level.number(), ..Default::default() }),
        digest: info.digest.to_pb(),
        ..pb::PlanVersion::default()
    }
}

/// Two versions side by side.
pub(crate) fn comparison_to_pb(comparison: &Comparison) -> pb::VersionComparison {
    let Comparison { from, to, changes, counts } = comparison;
    // No plan holds more than two billion of anything.
    let count = |number: usize| i32::try_from(number).unwrap_or(i32::MAX);
    pb::VersionComparison {
        from_version: from.number,
        to_version: to.number,
        changes: list_to_pb(changes),
        work_items_added: count(counts.work_items_added),
        work_items_removed: count(counts.work_items_removed),
        work_items_modified: count(counts.work_items_modified),
        dependencies_added: count(counts.dependencies_added),
        dependencies_removed: count(counts.dependencies_removed),
        from_estimate: Some(from.estimate.to_pb()),
        to_estimate: Some(to.estimate.to_pb()),
        from_risk: Some(from.risk.to_pb()),
        to_risk: Some(to.risk.to_pb()),
    }
}

/// Details travel in a header, for which programs on the way allow as little as 8 KiB.
const DETAIL_BYTES: usize = 4 * 1024;

/// What a refused edit carries in its details: every conflict, as far as there is room; long values go first.
pub(crate) fn conflicts_to_pb(base: i32, head: i32, conflicts: &[Conflict]) -> pb::PlanConflicts {
    let mut room = DETAIL_BYTES;
    let fitting = conflicts.iter().map_while(|conflict| {
        let whole = conflict_to_pb(conflict);
        let brief = pb::PlanConflict { base: None, theirs: None, yours: None, ..whole.clone() };
        let fitting = [whole, brief].into_iter().find(|conflict| conflict.encoded_len() <= room)?;
        room -= fitting.encoded_len();
        Some(fitting)
    });
    pb::PlanConflicts { base_version: base, head_version: head, conflicts: fitting.collect() }
}

#[cfg(test)]
mod tests {
    use assent_plan::ConflictKind;

    use super::*;

    #[test]
    fn conflicts_fit_into_a_header_however_long_their_values_are() {
        let conflict = |yours: String| Conflict {
            kind: ConflictKind::FieldChanged,
            item_id: Some("a".parse().unwrap()),
            field: "description".to_owned(),
            base: "x".into(),
            theirs: "y".into(),
            yours: yours.into(),
        };
        let two = conflicts_to_pb(1, 2, &[conflict("z".repeat(10_000)), conflict("z".to_owned())]);
        let [long, short] = two.conflicts.try_into().unwrap();
        assert_eq!((long.item_id.as_str(), long.yours), ("a", None));
        assert!(short.base.is_some() && short.theirs.is_some() && short.yours.is_some());
        let many = conflicts_to_pb(1, 2, &vec![conflict("z".to_owned()); 2000]);
        assert!(!many.conflicts.is_empty() && many.encoded_len() < 8 * 1024);
    }
}

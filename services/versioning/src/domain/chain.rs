//! Versions that are kept as what changed since the one before: reading them forwards, and rebuilding a damaged one
//! from either side. Whatever comes out has the digests that were kept with it.

use assent_core::id::{SessionId, VersionKind};
use assent_core::{Actor, Digest, Id, Timestamp};
use assent_plan::{Plan, PlanChange, PlanChangeType, PlanDigest, apply, diff};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::content::{content_of, record_of};
use super::delta::patched;
use super::parallel::at_once;
use super::version::{Version, VersionInfo};

/// A record, or how it differs from that of the version before.
#[derive(Debug, Clone)]
pub(crate) enum Kept {
    Whole(String),
    Delta(Value),
}

/// One version as it is kept. What cannot be read is none.
#[derive(Debug, Clone)]
pub(crate) struct Link {
    pub(crate) id: Id<VersionKind>,
    pub(crate) session: SessionId,
    pub(crate) number: i32,
    pub(crate) digest: Digest,
    /// None for versions from before there was one.
    pub(crate) content: Option<Digest>,
    /// None for versions from before there was one.
    pub(crate) record: Option<Digest>,
    /// None when only the changes are kept.
    pub(crate) plan: Option<Plan>,
    pub(crate) changes: Option<Vec<PlanChange>>,
    pub(crate) estimate: Kept,
    pub(crate) risk: Kept,
    pub(crate) change_description: String,
    pub(crate) author: Option<Actor>,
    pub(crate) created_at: Timestamp,
}

/// The last version of `chain`, whose numbers follow each other and whose first version is kept whole.
pub(crate) fn read(mut chain: Vec<Link>) -> Option<Version> {
    let plans: Vec<Option<Plan>> = chain.iter_mut().map(|link| link.plan.take()).collect();
    let chain = &chain;
    let items = plans.first()?.as_ref()?.items.len();
    let assessed = || chain.iter().try_fold(Assessed::default(), |assessed, link| assessed.next(link));
    let (assessed, plan) = at_once(items, assessed, || carried(chain, plans));
    let last = chain.last()?;
    finish(last, plan?, &assessed?, last.changes.clone()?)
}

/// The plan of the last version of `chain`, whose whole `plans` are apart.
fn carried(chain: &[Link], plans: Vec<Option<Plan>>) -> Option<Plan> {
    chain.iter().zip(plans).try_fold(None, |plan: Option<Plan>, (link, whole)| match whole {
        Some(whole) => Some(Some(whole)),
        None => apply(plan?, link.changes.as_ref()?).ok().map(Some),
    })?
}

/// What is known of each version of `chain` without its plan; the number of the version where that is damaged.
pub(crate) fn infos(chain: &[Link]) -> Vec<Result<VersionInfo, i32>> {
    let mut assessed = Some(Assessed::default());
    let mut infos = Vec::with_capacity(chain.len());
    for link in chain {
        assessed = assessed.unwrap_or_default().next(link);
        let known = assessed.as_ref().zip(link.changes.clone());
        let info = known.and_then(|(assessed, changes)| info(link, assessed, changes));
        infos.push(info.ok_or(link.number));
    }
    infos
}

/// Version `number` from whatever else is sound in `all`, the versions of one session in order.
pub(crate) fn rebuild(all: &[Link], number: i32) -> Option<Version> {
    let at = all.iter().position(|link| link.number == number)?;
    let link = &all[at];
    let plan = plan_at(all, at)?;
    let before = at.checked_sub(1).filter(|before| all[*before].number == number - 1);
    let changes = match before.and_then(|before| plan_at(all, before)) {
        Some(before) => diff(&before, &plan),
        None => link.changes.clone().unwrap_or_default(),
    };
    let whole = |link: &Link| matches!((&link.estimate, &link.risk), (Kept::Whole(_), Kept::Whole(_)));
    let start = all[..=at].iter().rposition(whole)?;
    let assessed =
        all[start..=at].iter().try_fold(Assessed::default(), |assessed, link| assessed.next(link))?;
    finish(link, plan.clone(), &assessed, changes)
        // The changes of the first version that is left describe a step from one that is not.
        .or_else(|| finish(link, plan, &assessed, link.changes.clone()?))
}

/// The plan of `all[at]`, from the nearest version that is kept whole and from which a way leads there.
fn plan_at(all: &[Link], at: usize) -> Option<Plan> {
    let mut anchors: Vec<usize> = (0..all.len()).filter(|anchor| all[*anchor].plan.is_some()).collect();
    anchors.sort_by_key(|anchor| anchor.abs_diff(at));
    anchors.into_iter().find_map(|anchor| {
        let start = all[anchor].plan.clone().filter(|plan| checked(&all[anchor], plan).is_some())?;
        let plan = walk(all, anchor, at, start)?;
        checked(&all[at], &plan).map(|_| plan)
    })
}

fn walk(all: &[Link], from: usize, to: usize, mut plan: Plan) -> Option<Plan> {
    let dense = |earlier: usize| all[earlier + 1].number == all[earlier].number + 1;
    if from <= to {
        for at in from..to {
            plan = apply(plan, all[at + 1].changes.as_ref().filter(|_| dense(at))?).ok()?;
        }
    } else {
        for at in (to..from).rev() {
            plan = apply(plan, &undone(all[at + 1].changes.as_ref().filter(|_| dense(at))?)).ok()?;
        }
    }
    Some(plan)
}

/// What takes `changes` back, but for the order in which items are shown.
fn undone(changes: &[PlanChange]) -> Vec<PlanChange> {
    use PlanChangeType::{
        DependencyAdded, DependencyRemoved, StrategyChanged, WorkItemAdded, WorkItemRemoved,
    };
    let places = |change: &&PlanChange| change.kind == StrategyChanged && change.field == "order";
    let back = |change: &PlanChange| PlanChange {
        kind: match change.kind {
            WorkItemAdded => WorkItemRemoved,
            WorkItemRemoved => WorkItemAdded,
            DependencyAdded => DependencyRemoved,
            DependencyRemoved => DependencyAdded,
            other => other,
        },
        old_value: change.new_value.clone(),
        new_value: change.old_value.clone(),
        ..change.clone()
    };
    changes.iter().filter(|change| !places(change)).map(back).collect()
}

fn checked(link: &Link, plan: &Plan) -> Option<PlanDigest> {
    let (tree, same) = at_once(
        plan.items.len(),
        || PlanDigest::of(plan).ok().filter(|tree| tree.root == link.digest),
        || link.content.is_none_or(|content| content_of(plan).is_ok_and(|found| found == content)),
    );
    tree.filter(|_| same)
}

fn finish(link: &Link, plan: Plan, assessed: &Assessed<'_>, changes: Vec<PlanChange>) -> Option<Version> {
    let (info, tree) = at_once(plan.items.len(), || info(link, assessed, changes), || checked(link, &plan));
    Some(Version { info: info?, tree: tree?, plan })
}

fn info(link: &Link, assessed: &Assessed<'_>, changes: Vec<PlanChange>) -> Option<VersionInfo> {
    let info = VersionInfo {
        id: link.id,
        session: link.session,
        number: link.number,
        digest: link.digest,
        estimate: assessed.estimate.read()?,
        risk: assessed.risk.read()?,
        changes,
        change_description: link.change_description.clone(),
        author: link.author.clone()?,
        created_at: link.created_at,
    };
    let same = link.record.is_none_or(|record| record_of(&info).is_ok_and(|found| found == record));
    same.then_some(info)
}

/// Estimate and risk of the version `number`.
#[derive(Default)]
struct Assessed<'l> {
    number: i32,
    estimate: Form<'l>,
    risk: Form<'l>,
}

impl<'l> Assessed<'l> {
    fn next(self, link: &'l Link) -> Option<Self> {
        let follows = self.number == link.number - 1;
        Some(Self {
            number: link.number,
            estimate: self.estimate.next(&link.estimate, follows)?,
            risk: self.risk.next(&link.risk, follows)?,
        })
    }
}

/// A record of one version. What did not change since it was kept whole is read as it was written.
#[derive(Default)]
enum Form<'l> {
    #[default]
    None,
    Written(&'l str),
    Patched(Value),
}

impl<'l> Form<'l> {
    /// The record of the next version; `follows` when that is the one right after this.
    fn next(self, kept: &'l Kept, follows: bool) -> Option<Self> {
        let delta = match kept {
            Kept::Whole(text) => return Some(Self::Written(text)),
            Kept::Delta(delta) => delta,
        };
        match self {
            _ if !follows => None,
            Self::None => None,
            same if delta.is_null() => Some(same),
            Self::Written(text) => patched(serde_json::from_str(text).ok()?, delta).map(Self::Patched),
            Self::Patched(value) => patched(value, delta).map(Self::Patched),
        }
    }

    fn read<T: DeserializeOwned>(&self) -> Option<T> {
        match self {
            Self::None => None,
            Self::Written(text) => serde_json::from_str(text).ok(),
            Self::Patched(value) => T::deserialize(value).ok(),
        }
    }
}

//! What a session waits for, and whom that concerns: as keys of an index, and in words.

use std::collections::BTreeSet;

use assent_plan::Voters;

use super::eligibility::Electorate;
use super::member::{Member, person};
use super::quorum::{Count, QUORUM, Reached, Tally};
use super::vote::{Vote, people};

/// What is still open: the quorum, and the first stage that is not met.
#[derive(Debug, Clone, Copy)]
pub struct Open<'a> {
    electorate: &'a Electorate<'a>,
    tally: &'a Tally,
}

impl<'a> Open<'a> {
    /// What `tally` leaves open.
    pub fn new(electorate: &'a Electorate<'a>, tally: &'a Tally) -> Self {
        Self { electorate, tally }
    }

    /// Whether the quorum takes more; also when nothing is missing and only nobody has decided since, e.g. because a newer
    /// version asks for less: then anybody's approval decides.
    fn takes_more(&self) -> bool {
        self.tally.quorum.missing() > 0 || self.tally.missing() == 0
    }

    /// The stage that votes count for now.
    pub fn stage(&self) -> Option<&'a (String, Reached)> {
        self.tally.stages.iter().find(|(_, reached)| reached.missing() > 0)
    }

    /// What a vote of `seat` would bring nearer now: "quorum", or the name of the open stage.
    pub fn helped_by(&self, seat: &Member) -> Vec<String> {
        let quorum = self.takes_more() && self.electorate.in_quorum(seat);
        let stage = self.stage().filter(|(_, reached)| wants(reached, seat));
        quorum.then(|| QUORUM.to_owned()).into_iter().chain(stage.map(|(name, _)| name.clone())).collect()
    }

    /// Keys of those who could give what is open; wider than that where somebody must belong in several ways.
    pub fn voters(&self) -> BTreeSet<String> {
        let mut keys = BTreeSet::new();
        if !self.electorate.authorized.is_empty() {
            keys.extend(self.electorate.authorized.iter().map(|id| format!("user:{}", person(id))));
        } else {
            if self.takes_more() {
                keys.extend(self.electorate.requirement.roles.iter().map(|role| format!("role:{role}")));
                if self.electorate.requirement.roles.is_empty() {
                    let counts = self.tally.stages.iter().flat_map(|(_, reached)| reached.counts());
                    counts.for_each(|count| add(&count.of, &mut keys));
                }
            }
            let counts = self.stage().into_iter().flat_map(|(_, reached)| reached.counts());
            counts.filter(|count| count.missing() > 0).for_each(|count| add(&count.of, &mut keys));
        }
        self.electorate.escalated_to().for_each(|voters| add(voters, &mut keys));
        keys
    }

    /// People who cannot: those behind the plan, where duties are separate, and those who have voted.
    pub fn excluded(&self, votes: &[Vote]) -> BTreeSet<String> {
        let Electorate { requirement, requester, on_behalf_of, authors, .. } = *self.electorate;
        let mut excluded: BTreeSet<String> =
            votes.iter().flat_map(|vote| people(&vote.voter, &vote.seat)).collect();
        if requirement.separation_of_duties {
            let behind = authors.iter().map(|author| author.id.as_str()).chain([requester, on_behalf_of]);
            excluded.extend(behind.filter(|id| !id.is_empty()).map(person));
        }
        excluded
    }
}

/// Whether a number of the rule that is not reached counts `seat`.
fn wants(reached: &Reached, seat: &Member) -> bool {
    reached.counts().iter().any(|count| count.missing() > 0 && seat.belongs(&count.of))
}

/// By the narrowest list that is not empty.
fn add(voters: &Voters, keys: &mut BTreeSet<String>) {
    if !voters.users.is_empty() {
        keys.extend(voters.users.iter().map(|id| format!("user:{}", person(id))));
        return;
    }
    let lists = [("tag", &voters.tags), ("group", &voters.groups), ("role", &voters.roles)];
    if let Some((kind, names)) = lists.into_iter().find(|(_, names)| !names.is_empty()) {
        keys.extend(names.iter().map(|name| format!("{kind}:{name}")));
    }
}

/// Every key under which `seat` may be wanted.
pub fn keys(seat: &Member) -> Vec<String> {
    let lists = [("role", &seat.roles), ("group", &seat.groups), ("tag", &seat.tags)];
    let named =
        lists.into_iter().flat_map(|(kind, names)| names.iter().map(move |name| format!("{kind}:{name}")));
    named.chain([format!("user:{}", seat.person())]).collect()
}

/// Who, in words: `role lead or admin, of group security`.
pub fn voters_text(voters: &Voters) -> String {
    let lists =
        [("role", &voters.roles), ("group", &voters.groups), ("tag", &voters.tags), ("user", &voters.users)];
    let named = lists.into_iter().filter(|(_, names)| !names.is_empty());
    let texts: Vec<_> = named.map(|(kind, names)| format!("{kind} {}", names.join(" or "))).collect();
    if texts.is_empty() { "nobody".to_owned() } else { texts.join(", of ") }
}

/// What is missing of a number, in words; empty when nothing is.
pub fn count_text(count: &Count) -> String {
    match count.missing() {
        0 => String::new(),
        missing => format!("{missing} more of {}", voters_text(&count.of)),
    }
}

/// What is missing of a rule, in words; empty when nothing is.
pub fn reached_text(reached: &Reached) -> String {
    let join = |rules: &[Reached], word: &str| {
        let missing: Vec<_> = rules.iter().map(reached_text).filter(|text| !text.is_empty()).collect();
        match missing.as_slice() {
            [] => "what nobody can give".to_owned(),
            [one] => one.clone(),
            several => format!("({})", several.join(word)),
        }
    };
    match reached {
        _ if reached.missing() == 0 => String::new(),
        Reached::All(rules) => join(rules, " and "),
        Reached::Any(rules) => join(rules, " or "),
        Reached::AtLeast(count) => count_text(count),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(needed: u32, given: u32, role: &str, group: &str) -> Reached {
        let list = |name: &str| if name.is_empty() { Vec::new() } else { vec![name.to_owned()] };
        let of = Voters { roles: list(role), groups: list(group), ..Voters::default() };
        Reached::AtLeast(Count { needed, given, of })
    }

    #[test]
    fn what_is_missing_is_said_as_people_would() {
        let rule = Reached::All(vec![
            count(2, 1, "lead", ""),
            count(1, 1, "admin", ""),
            Reached::Any(vec![count(1, 0, "", "security"), count(1, 0, "lead", "data")]),
        ]);
        let text =
            "(1 more of role lead and (1 more of group security or 1 more of role lead, of group data))";
        assert_eq!(reached_text(&rule), text);
        assert_eq!(rule.missing(), 1);
        assert_eq!(reached_text(&count(1, 1, "lead", "")), "");
        assert_eq!(reached_text(&Reached::Any(Vec::new())), "what nobody can give");
        let member = Member { roles: vec!["lead".to_owned()], ..Member::default() };
        assert!(wants(&rule, &member));
        assert!(!wants(&rule, &Member { roles: vec!["admin".to_owned()], ..Member::default() }));
    }
}

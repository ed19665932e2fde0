//! From the text of a policy to what is applied. Everything that is wrong is found at once.

use std::collections::{BTreeMap, BTreeSet};

use assent_core::Digest;
use assent_plan::{ApprovalRequirement, RiskLevel, TimeoutAction};
use cel::Env;
use serde_saphyr::{Location, Spanned};

use super::diagnostic::{Diagnostic, Severity, place, place_of_flaw};
use super::file::{EscalationFile, File, Over, RuleFile};
use super::{Escalation, Outcome, Policy, Rule};
use crate::domain::assess::{ARGUMENTS_UNREADABLE, DECLARED_RISK, RULE_FAILED, TOOL_RISK, TOOL_UNKNOWN};
use crate::domain::cel::Condition;
use crate::domain::fields::Scope;
use crate::domain::patterns::Patterns;

/// Most rules, patterns and escalations together.
const MOST: usize = 2_000;

pub(super) fn compile(text: &str) -> Result<Policy, Vec<Diagnostic>> {
    let file: File = serde_saphyr::from_str(text).map_err(|error| vec![unreadable(&error)])?;
    let mut compiler = Compiler { text, env: Env::stdlib(), found: Vec::new(), used: BTreeSet::new() };
    if file.rules.len() + file.patterns.len() + file.escalations.len() > MOST {
        compiler.error((0, 0), "", format!("more than {MOST} rules, patterns and escalations"));
        return Err(compiler.found);
    }
    let patterns = compiler.patterns(&file.patterns);
    compiler.names(&file);
    let mut codes: BTreeSet<String> =
        [TOOL_UNKNOWN, ARGUMENTS_UNREADABLE, RULE_FAILED, TOOL_RISK, DECLARED_RISK].map(str::to_owned).into();
    codes.extend(file.rules.iter().map(|rule| rule.factor.value.clone()));
    let rules: Vec<Rule> =
        file.rules.into_iter().filter_map(|rule| compiler.rule(rule, patterns.as_ref())).collect();
    let escalations: Vec<Escalation> =
        file.escalations.into_iter().filter_map(|file| compiler.escalation(file, &mut codes)).collect();
    let requirements = compiler.requirements(file.requirements);
    compiler.unused(&file.patterns);
    let mut found = compiler.found;
    found.sort_by_key(|diagnostic| (diagnostic.line, diagnostic.column));
    let is_usable = found.iter().all(|diagnostic| diagnostic.severity == Severity::Warning);
    match (patterns, requirements) {
        (Some(patterns), Some(requirements)) if is_usable => Ok(Policy {
            text: text.to_owned(),
            digest: Digest::of(&[text.as_bytes()]),
            patterns,
            rules,
            escalations,
            requirements,
            warnings: found,
        }),
        _ => Err(found),
    }
}

fn unreadable(error: &serde_saphyr::Error) -> Diagnostic {
    let (line, column) = error.location().map_or((0, 0), place);
    // The library draws the place, too; the first line says what is wrong.
    let message = error.to_string();
    let message = message.lines().next().unwrap_or_default().to_owned();
    Diagnostic { severity: Severity::Error, line, column, rule: String::new(), message }
}

struct Compiler<'t> {
    text: &'t str,
    env: Env,
    found: Vec<Diagnostic>,
    /// Texts that conditions compare with, among them the names of patterns.
    used: BTreeSet<String>,
}

impl Compiler<'_> {
    fn error(&mut self, (line, column): (usize, usize), rule: &str, message: impl Into<String>) {
        let (rule, message) = (rule.to_owned(), message.into());
        self.found.push(Diagnostic { severity: Severity::Error, line, column, rule, message });
    }

    fn patterns(&mut self, files: &BTreeMap<String, Spanned<String>>) -> Option<Patterns> {
        for (name, pattern) in files {
            if let Err(error) = Patterns::check(&pattern.value) {
                // The last line says what is wrong; those before it draw the place.
                let message = error.to_string();
                let message = message.lines().last().unwrap_or_default().to_owned();
                self.error(
                    place(pattern.referenced),
                    name,
                    format!("this pattern cannot be used: {message}"),
                );
            }
        }
        let patterns = files.iter().map(|(name, pattern)| (name.clone(), pattern.value.clone())).collect();
        match Patterns::compile(&patterns) {
            Ok(patterns) => Some(patterns),
            Err(error) if self.found.is_empty() => {
                self.error((0, 0), "", format!("the patterns cannot be used together: {error}"));
                None
            }
            Err(_) => None,
        }
    }

    fn names(&mut self, file: &File) {
        let mut known = BTreeSet::new();
        let rules = file.rules.iter().map(|rule| &rule.name);
        for name in rules.chain(file.escalations.iter().map(|escalation| &escalation.name)) {
            if name.value.is_empty() {
                self.error(place(name.referenced), "", "a rule needs a name");
            } else if !known.insert(&name.value) {
                self.error(place(name.referenced), &name.value, "this name stands twice");
            }
        }
    }

    fn rule(&mut self, file: RuleFile, patterns: Option<&Patterns>) -> Option<Rule> {
        let before = self.found.len();
        let name = file.name.value;
        if file.when.is_empty() {
            self.error(place(file.name.referenced), &name, "it has no condition, so it would never match");
        }
        let over = match file.over {
            Over::Calls => Scope::Call,
            Over::Plan => Scope::Plan,
        };
        let mut conditions = Vec::with_capacity(file.when.len());
        for source in &file.when {
            let at = place(source.referenced);
            match Condition::compile(&self.env, &source.value, over) {
                Ok(condition) => {
                    self.strange_pattern(&condition, patterns, source.referenced, &name);
                    self.used.extend(condition.literals.iter().cloned());
                    conditions.push(condition);
                }
                Err(flaw) => self.error(place_of_flaw(self.text, at, &flaw), &name, flaw.what),
            }
        }
        let outcome = self.outcome(name, file.level, file.factor, file.description, file.mitigation);
        (self.found.len() == before).then_some(Rule { over, conditions, outcome })
    }

    /// A condition that asks for patterns only, and names one that there is not, never holds.
    fn strange_pattern(
        &mut self,
        condition: &Condition,
        patterns: Option<&Patterns>,
        at: Location,
        rule: &str,
    ) {
        let asks_for_patterns = condition.fields.iter().all(|path| path.text.ends_with(".found"));
        let strange = condition
            .literals
            .iter()
            .find(|name| asks_for_patterns && patterns.is_some_and(|patterns| !patterns.contains(name)));
        if let Some(name) = strange {
            self.error(place(at), rule, format!("there is no pattern `{name}`"));
        }
    }

    fn outcome(
        &mut self,
        rule: String,
        level: RiskLevel,
        factor: Spanned<String>,
        description: String,
        mitigation: String,
    ) -> Outcome {
        let fits = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_';
        if factor.value.is_empty() || !factor.value.bytes().all(fits) {
            let message = format!("`{}` is no code; expected one such as DATABASE_CONNECTION", factor.value);
            self.error(place(factor.referenced), &rule, message);
        }
        Outcome { rule, level, factor: factor.value, description, mitigation }
    }

    fn escalation(&mut self, file: EscalationFile, codes: &mut BTreeSet<String>) -> Option<Escalation> {
        let before = self.found.len();
        let name = file.name.value;
        if file.all.is_empty() {
            self.error(place(file.name.referenced), &name, "it waits for nothing, so it would always match");
        }
        for code in file.all.iter().filter(|code| !codes.contains(&code.value)) {
            let message = format!("it waits for `{}`, which no rule before it yields", code.value);
            self.error(place(code.referenced), &name, message);
        }
        codes.insert(file.factor.value.clone());
        let all = file.all.into_iter().map(|code| code.value).collect();
        let outcome = self.outcome(name, file.level, file.factor, file.description, file.mitigation);
        (self.found.len() == before).then_some(Escalation { all, outcome })
    }

    fn requirements(
        &mut self,
        mut by_level: BTreeMap<RiskLevel, Spanned<ApprovalRequirement>>,
    ) -> Option<[ApprovalRequirement; 4]> {
        let mut take = |level| {
            let Some(requirement) = by_level.remove(&level) else {
                self.error((0, 0), "", format!("the policy does not say who approves {level} risk"));
                return None;
            };
            if let Some(why) = unusable(level, &requirement.value) {
                let message = format!("the requirement for {level} risk: {why}");
                self.error(place(requirement.referenced), "", message);
            }
            Some(requirement.value)
        };
        let levels = [RiskLevel::Low, RiskLevel::Medium, RiskLevel::High, RiskLevel::Critical].map(&mut take);
        let [Some(low), Some(medium), Some(high), Some(critical)] = levels else { return None };
        Some([low, medium, high, critical])
    }

    fn unused(&mut self, patterns: &BTreeMap<String, Spanned<String>>) {
        for (name, pattern) in patterns.iter().filter(|(name, _)| !self.used.contains(*name)) {
            let (line, column) = place(pattern.referenced);
            let message = "no rule asks for this pattern".to_owned();
            let severity = Severity::Warning;
            self.found.push(Diagnostic { severity, line, column, rule: name.clone(), message });
        }
    }
}

/// Why nobody could meet a requirement, or anybody, or a clock.
fn unusable(level: RiskLevel, requirement: &ApprovalRequirement) -> Option<String> {
    if requirement.roles.is_empty() && requirement.stages.is_empty() {
        Some("it names no role and no stage".to_owned())
    } else if requirement.auto_approvable && level > RiskLevel::Low {
        Some("it lets plans pass without a person, which only low risk may".to_owned())
    } else if requirement.direct && level > RiskLevel::Medium {
        Some("it lets plans run without review, which only low and medium risk may".to_owned())
    } else if requirement.timeout_action == Some(TimeoutAction::Proceed) && level > RiskLevel::Low {
        Some("it approves by the clock, which only low risk may".to_owned())
    } else {
        requirement.check().err().map(|error| error.to_string())
    }
}

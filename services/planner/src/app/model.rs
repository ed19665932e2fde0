//! Plans and changes that a language model writes: asked, read, checked, asked again.

use assent_core::Violation;
use assent_plan::edit::Dependents;
use assent_plan::redact::{redact, redact_plan};
use assent_plan::{Edit, Plan, PlanConstraints, Tool, apply_edits, complete, validate};
use serde::de::DeserializeOwned;

use super::{App, CreatePlan, Made, Revision, keep_to_limits};
use crate::domain::budget::Budget;
use crate::domain::schema::{self, CHANGES, PLAN, Wanted};
use crate::domain::{Body, Calibration, Changes, Remark, prompt, restrict};
use crate::error::PlannerError;
use crate::llm::{Answer, Model, Question, Role, Usage};

/// How often a model may mend what it wrote.
const REPAIRS: u32 = 2;

/// One task for a model.
struct Task<'t> {
    wanted: &'static Wanted,
    tools: &'t [&'t Tool],
    ask: String,
}

impl App {
    /// A plan by the model.
    pub(super) async fn draft(&self, model: &Model, command: CreatePlan) -> Result<Made, PlannerError> {
        let CreatePlan { goal, context, constraints, .. } = command;
        // Nothing that looks like a secret leaves this process.
        let mut shell = Plan { context, constraints, ..Plan::new(redact(&goal).into_owned()) };
        redact_plan(&mut shell);
        let tools = schema::allowed(&self.catalog, &shell.constraints);
        let calibration = self.calibration().await?;
        let ask = prompt::create(&shell.goal, &shell.context, &shell.constraints);
        let task = Task { wanted: &PLAN, tools: &tools, ask };
        let origin = format!("llm:{}", model.name());
        let read = |body: Body| {
            let made = body.into_plan(&shell.goal, origin.clone());
            let plan =
                Plan { context: shell.context.clone(), constraints: shell.constraints.clone(), ..made };
            self.sound(plan, &calibration)
        };
        let ((mut plan, warnings), usage) = self.converse(model, task, read).await?;
        self.keep_usage(&mut plan, &usage).await?;
        Ok(Made { plan, playbook: String::new(), score: 0, warnings, usage: Some(usage) })
    }

    /// Changes by the model.
    pub(super) async fn redraft(
        &self,
        model: &Model,
        mut plan: Plan,
        feedback: &str,
        comments: &[Remark],
        constraints: &PlanConstraints,
    ) -> Result<Revision, PlannerError> {
        restrict(&mut plan, constraints);
        let clean = |text: &String| redact(text).into_owned();
        let clean = |c: &Remark| {
            let replies = c.replies.iter().map(clean).collect();
            Remark { text: clean(&c.text), replies, ..c.clone() }
        };
        let comments: Vec<Remark> = comments.iter().map(clean).collect();
        let tools = schema::allowed(&self.catalog, &plan.constraints);
        let calibration = self.calibration().await?;
        let ask = prompt::revise(&plan, &redact(feedback), &comments);
        let task = Task { wanted: &CHANGES, tools: &tools, ask };
        let read = |changes: Changes| {
            let explanation = redact(&changes.explanation).into_owned();
            let answered = changes.answered_comment_ids.clone();
            let (plan, warnings) = self.sound(changes.apply(&plan), &calibration)?;
            Ok((plan, warnings, explanation, answered))
        };
        let ((mut changed, warnings, explanation, claimed), usage) = self.converse(model, task, read).await?;
        self.keep_usage(&mut changed, &usage).await?;
        // Only comments that there are, in the order in which they were given.
        let answered: Vec<String> =
            comments.iter().map(|c| &c.id).filter(|id| claimed.contains(id)).cloned().collect();
        Ok(Revision { plan: changed, answered, explanation, warnings, usage: Some(usage) })
    }

    /// Asks until what comes back can be read, at most [`REPAIRS`] times again.
    async fn converse<T: DeserializeOwned, R>(
        &self,
        model: &Model,
        task: Task<'_>,
        read: impl Fn(T) -> Result<R, Vec<Violation>> + Sync,
    ) -> Result<(R, Usage), PlannerError> {
        let system = prompt::system(task.tools);
        let schema = task.wanted.asked(task.tools, model.bounded);
        let fixed = system.len() + schema.to_string().len();
        let budget = Budget {
            input: model.price_input,
            output: model.price_output,
            most: model.max_cost,
            max_tokens: model.max_tokens,
        };
        let mut usage = Usage { model: model.name().to_owned(), ..Usage::default() };
        let mut turns = vec![(Role::User, task.ask)];
        let mut found = Vec::new();
        for _ in 0..=REPAIRS {
            let length = fixed + turns.iter().map(|(_, text)| text.len()).sum::<usize>();
            let Some(max_tokens) = budget.allowance(usage.cost, length) else {
                return Err(PlannerError::Budget { most: budget.most, spent: usage.cost });
            };
            let question = Question {
                system: &system,
                turns: &turns,
                name: task.wanted.name,
                schema: &schema,
                max_tokens,
            };
            let answer = model.ask(&question).await?;
            count(&mut usage, &answer, length, &budget);
            if let Some(why) = answer.refusal {
                return Err(PlannerError::Refused(redact(&why).chars().take(500).collect()));
            }
            found = match task.wanted.read(&answer.text, task.tools) {
                _ if answer.cut_off => vec![Violation::new(
                    "answer",
                    "TOO_LONG",
                    format!("it was cut off after {max_tokens} tokens"),
                )],
                Ok(value) => match read(value) {
                    Ok(value) => return Ok((value, usage)),
                    Err(found) => found,
                },
                Err(found) => found,
            };
            tracing::info!(
                model = usage.model,
                errors = found.len(),
                first = found.first().map(|v| v.code.as_ref()),
                "the model's answer has errors"
            );
            turns.push((Role::Assistant, answer.text));
            turns.push((Role::User, prompt::repair(&found)));
        }
        let clean = |v: Violation| Violation { description: redact(&v.description).into_owned(), ..v };
        Err(PlannerError::Unsound { calls: usage.calls, found: found.into_iter().map(clean).collect() })
    }

    /// The plan as it may leave, and what was dropped from it.
    fn sound(
        &self,
        mut plan: Plan,
        calibration: &Calibration,
    ) -> Result<(Plan, Vec<String>), Vec<Violation>> {
        let limits = &plan.constraints;
        let usable: Vec<&str> =
            schema::allowed(&self.catalog, limits).iter().map(|tool| tool.name.as_str()).collect();
        let foreign: Vec<_> =
            plan.items.iter().filter(|item| !usable.contains(&item.tool.as_str())).cloned().collect();
        let mut warnings = Vec::new();
        // With none left, there is nothing to report but the errors.
        let some_stay = foreign.len() < plan.items.len();
        for item in foreign.iter().filter(|_| some_stay) {
            let edit = Edit::RemoveWorkItem { id: item.id.clone(), dependents: Dependents::Reconnect };
            let wrong =
                |error: assent_plan::EditError| vec![Violation::new("items", "ITEM", error.to_string())];
            plan = apply_edits(&plan, &[edit], &self.catalog).map_err(wrong)?;
            let tool: String = item.tool.chars().take(64).collect();
            warnings.push(format!("the item `{}` was dropped: it may not use `{tool}`", item.id));
        }
        redact_plan(&mut plan);
        complete::complete(&mut plan, &self.catalog);
        let validation = validate(&plan, &self.catalog);
        if !validation.is_valid() {
            return Err(validation.violations());
        }
        let expected = self.expect(&plan, calibration).map_err(|error| error.0)?;
        keep_to_limits(&plan, &expected).map_err(|error| error.0)?;
        Ok((plan, warnings))
    }
}

/// Where the server does not count, we do.
fn count(usage: &mut Usage, answer: &Answer, question: usize, budget: &Budget) {
    let input = answer.input_tokens.unwrap_or_else(|| Budget::tokens(question));
    let output = answer.output_tokens.unwrap_or_else(|| Budget::tokens(answer.text.len()));
    usage.calls += 1;
    usage.input_tokens = usage.input_tokens.saturating_add(input);
    usage.output_tokens = usage.output_tokens.saturating_add(output);
    usage.cost = usage.cost.plus(budget.cost(input, output));
    tracing::info!(model = usage.model, input, output, cost = %usage.cost, "a language model answered");
}

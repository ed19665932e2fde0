//! What asking a model may cost.

use assent_plan::Money;

/// Characters of a token, on the safe side.
const CHARACTERS: u64 = 3;
/// Fewer tokens than this are no answer.
const LEAST: u64 = 256;
const MILLION: u64 = 1_000_000;

/// Prices and limits of a model.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Budget {
    /// Price of a million tokens of questions.
    pub(crate) input: Money,
    /// Price of a million tokens of answers.
    pub(crate) output: Money,
    /// Most that one request may cost.
    pub(crate) most: Money,
    /// Most tokens of one answer.
    pub(crate) max_tokens: u64,
}

impl Budget {
    /// What so many tokens cost.
    pub(crate) fn cost(&self, input: u64, output: u64) -> Money {
        self.input.scaled(input, MILLION).plus(self.output.scaled(output, MILLION))
    }

    /// Tokens of a text, where nobody has counted them.
    pub(crate) fn tokens(characters: usize) -> u64 {
        u64::try_from(characters).unwrap_or(u64::MAX).div_ceil(CHARACTERS)
    }

    /// Most tokens that the answer to a question may have when `spent` is spent; none when the rest is too little.
    pub(crate) fn allowance(&self, spent: Money, question: usize) -> Option<u64> {
        let left = self.most.minus(spent);
        let asking = self.input.scaled(Self::tokens(question), MILLION);
        if asking > left {
            return None;
        }
        let affordable = match self.output.micros() {
            0 => u64::MAX,
            price => u64::try_from(
                u128::from(left.minus(asking).micros()) * u128::from(MILLION) / u128::from(price),
            )
            .unwrap_or(u64::MAX),
        };
        let allowed = affordable.min(self.max_tokens);
        (allowed >= LEAST.min(self.max_tokens)).then_some(allowed)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_answer_passes_the_budget(input: u32, output: u32, most: u32, spent: u32, question in 0_usize..200_000) {
            let money = |micros: u32| Money::from_micros(u64::from(micros));
            let budget = Budget { input: money(input), output: money(output), most: money(most), max_tokens: 8192 };
            let spent = money(spent);
            if let Some(tokens) = budget.allowance(spent, question) {
                // Rounded up for each part, so that it may be one millionth of a dollar more.
                let worst = spent.plus(budget.cost(Budget::tokens(question), tokens));
                prop_assert!(worst <= budget.most.max(spent).plus(Money::from_micros(1)), "{worst}");
                prop_assert!(tokens <= 8192);
            }
        }
    }

    #[test]
    fn a_model_without_a_price_is_bounded_by_tokens_alone() {
        let free = Budget { input: Money::ZERO, output: Money::ZERO, most: Money::ZERO, max_tokens: 100 };
        assert_eq!(free.allowance(Money::ZERO, 1_000_000), Some(100));
        let dear =
            Budget { output: Money::from_micros(60_000_000), most: Money::from_micros(10_000), ..free };
        // A cent at 60 dollars a million is 166 tokens.
        assert_eq!(Budget { max_tokens: 8192, ..dear }.allowance(Money::ZERO, 0), None);
        assert_eq!(dear.allowance(Money::ZERO, 0), Some(100));
    }
}

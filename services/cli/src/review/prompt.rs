//! The reviewer's answer at the terminal.

use crate::output::{Console, Tone, plain, toned};

/// What the reviewer wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    Approve,
    /// With the reason.
    Reject(String),
    Modify,
    Details,
    Quit,
}

/// Asks until the answer is one of those that the screen names. The end of the input is an answer too: quit.
pub(crate) async fn prompt(console: &Console, keys: &str) -> anyhow::Result<Answer> {
    loop {
        let Some(line) = console.ask(&toned("Your decision:", Tone::Bold)).await? else {
            return Ok(Answer::Quit);
        };
        match understand(&line, keys) {
            Some(Answer::Reject(_)) => {
                let reason = console.ask(&plain("Reason:")).await?.filter(|r| !r.is_empty());
                match reason {
                    Some(reason) => return Ok(Answer::Reject(reason)),
                    None => console.say([plain("a rejection needs a reason")]),
                }
            }
            Some(answer) => return Ok(answer),
            None => console.say([plain(format!("please answer with one of: {keys}"))]),
        }
    }
}

/// An answer that the line of keys offers.
fn understand(line: &str, keys: &str) -> Option<Answer> {
    let answer = match line.to_lowercase().as_str() {
        "a" | "approve" => Answer::Approve,
        "r" | "reject" => Answer::Reject(String::new()),
        "m" | "modify" => Answer::Modify,
        "?" | "d" | "details" => Answer::Details,
        "q" | "quit" => Answer::Quit,
        _ => return None,
    };
    let offered = match answer {
        Answer::Modify => keys.contains("[M]"),
        _ => true,
    };
    offered.then_some(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_offered_is_understood() {
        let keys = "[A]pprove  [R]eject  [?]Details  [Q]uit";
        assert_eq!(understand("A", keys), Some(Answer::Approve));
        assert_eq!(understand("reject", keys), Some(Answer::Reject(String::new())));
        assert_eq!(understand("m", keys), None);
        assert_eq!(understand("m", "[M]odify"), Some(Answer::Modify));
        assert_eq!(understand("yes", keys), None);
        assert_eq!(understand("", keys), None);
    }
}

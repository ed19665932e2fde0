//! Splits a command line into words as a shell would, and interprets nothing else.

/// The words of `line`; none when a quote or a backslash is left open.
pub(super) fn split(line: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut chars = line.chars();
    while let Some(char) = chars.next() {
        match char {
            ' ' | '\t' | '\n' => words.extend(word.take()),
            '\'' => {
                let word = word.get_or_insert_default();
                loop {
                    match chars.next()? {
                        '\'' => break,
                        other => word.push(other),
                    }
                }
            }
            '"' => {
                let word = word.get_or_insert_default();
                loop {
                    match chars.next()? {
                        '"' => break,
                        '\\' => match chars.next()? {
                            escaped @ ('"' | '\\' | '$' | '`') => word.push(escaped),
                            other => word.extend(['\\', other]),
                        },
                        other => word.push(other),
                    }
                }
            }
            '\\' => word.get_or_insert_default().push(chars.next()?),
            other => word.get_or_insert_default().push(other),
        }
    }
    words.extend(word);
    Some(words)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn quotes_and_backslashes_keep_words_together() {
        let words = |line: &str| split(line).unwrap();
        assert_eq!(words("ls  -l 'a b' \"c \\\" d\" e\\ f ''"), ["ls", "-l", "a b", "c \" d", "e f", ""]);
        assert_eq!(words("echo $HOME | cat; rm *"), ["echo", "$HOME", "|", "cat;", "rm", "*"]);
        assert_eq!((split("'a"), split("\"a"), split("a\\")), (None, None, None));
    }

    proptest! {
        #[test]
        fn quoted_words_come_back(words in prop::collection::vec("[ -&(-~]{0,12}", 0..6)) {
            let line = words.iter().map(|word| format!("'{word}'")).collect::<Vec<_>>().join(" ");
            prop_assert_eq!(split(&line).unwrap(), words);
        }
    }
}

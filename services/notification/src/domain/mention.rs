//! Who is named in a comment.

use std::collections::BTreeSet;

/// Most people that one comment can name.
const MOST: usize = 20;

/// The names behind an `@` at the start of a word, as written, without duplicates; the first few.
pub(crate) fn mentions(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut before = ' ';
    for (at, c) in text.char_indices() {
        // An address of mail has a letter before its sign.
        if c == '@' && !before.is_alphanumeric() {
            let rest = text.get(at + 1..).unwrap_or_default();
            let end = rest.find(|c: char| !is_name(c)).unwrap_or(rest.len());
            let name = rest.get(..end).unwrap_or_default().trim_end_matches(['.', '-', '+', ':', '@']);
            if !name.is_empty() && found.len() < MOST {
                found.insert(name.to_owned());
            }
        }
        before = c;
    }
    found
}

fn is_name(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '+' | ':' | '@')
}

/// Whether `name` means the user `id`: the whole id, or what stands before the `@` in it.
pub(crate) fn means(name: &str, id: &str) -> bool {
    id == name || id.split_once('@').is_some_and(|(local, _)| local == name)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_are_found_where_they_stand_for_people() {
        let text = "@ada please ask @bob@example.com, (or @cem.) Mail root@example.com; @ nobody @ada";
        let found: Vec<_> = mentions(text).into_iter().collect();
        assert_eq!(found, ["ada", "bob@example.com", "cem"]);
        assert!(means("ada", "ada@example.com") && means("bob@example.com", "bob@example.com"));
        assert!(!means("ad", "ada@example.com") && !means("example.com", "ada@example.com"));
    }

    proptest! {
        #[test]
        fn any_text_is_read(text in ".{0,300}") {
            prop_assert!(mentions(&text).len() <= MOST);
        }
    }
}

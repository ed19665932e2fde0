//! Untrusted text, made fit for a terminal.

use std::borrow::Cow;

use serde_json::Value;
use unicode_width::UnicodeWidthStr as _;

/// Below this every whole float is exact.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// Whether a character would do something else on a terminal than be seen: control characters, and those that
/// reorder text or take no room. A reviewer must see everything that has an effect.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e0fff}')
}

/// One line of `text`, with every hidden character as an escape such as `\u{1b}` or `\n`.
pub(crate) fn clean(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_hidden) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '\n' | '\r' | '\t' => shown.extend(c.escape_default()),
            c if is_hidden(c) => shown.extend(c.escape_unicode()),
            c => shown.push(c),
        }
    }
    Cow::Owned(shown)
}

/// The lines of `text`, each cleaned; tabs become four spaces.
pub(crate) fn clean_lines(text: &str) -> impl Iterator<Item = String> + '_ {
    text.split('\n')
        .map(|line| clean(&line.strip_suffix('\r').unwrap_or(line).replace('\t', "    ")).into_owned())
}

/// Escapes hidden characters inside the strings of a JSON text; the value stays the same.
pub(crate) fn clean_json(json: &str) -> String {
    let mut shown = String::with_capacity(json.len());
    for c in json.chars() {
        if c != '\n' && is_hidden(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                shown.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            shown.push(c);
        }
    }
    shown
}

/// Whole numbers without a fraction: the wire has only floats inside of arguments.
pub(crate) fn whole_numbers(value: &mut Value) {
    match value {
        Value::Number(number) => {
            let whole = number.as_f64().filter(|f| number.is_f64() && f.fract() == 0.0 && f.abs() < EXACT);
            if let Some(whole) = whole {
                *value = Value::from(whole as i64);
            }
        }
        Value::Array(values) => values.iter_mut().for_each(whole_numbers),
        Value::Object(fields) => fields.values_mut().for_each(whole_numbers),
        Value::Null | Value::Bool(_) | Value::String(_) => {}
    }
}

/// Columns that cleaned text takes.
pub(crate) fn columns(text: &str) -> usize {
    text.width()
}

/// Cleaned `text` in lines of at most `width` columns, broken at spaces where there are some.
pub(crate) fn wrap(text: &str, width: usize) -> Vec<String> {
    let width = width.max(8);
    let mut lines = Vec::new();
    for paragraph in clean_lines(text) {
        let mut line = String::new();
        for word in paragraph.split_inclusive(' ') {
            if !line.is_empty() && columns(&line) + columns(word.trim_end_matches(' ')) > width {
                lines.push(std::mem::take(&mut line).trim_end_matches(' ').to_owned());
            }
            line.push_str(word);
            while columns(line.trim_end_matches(' ')) > width {
                let rest = split_at_column(&mut line, width);
                lines.push(std::mem::replace(&mut line, rest));
            }
        }
        lines.push(line.trim_end_matches(' ').to_owned());
    }
    lines
}

/// Cuts `line` at `width` columns and returns what came after.
fn split_at_column(line: &mut String, width: usize) -> String {
    let mut end = 0;
    for (start, c) in line.char_indices() {
        let next = start + c.len_utf8();
        if end > 0 && columns(&line[..next]) > width {
            break;
        }
        end = next;
    }
    line.split_off(end)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_would_hide_or_move_is_shown() {
        assert_eq!(clean("plain text, é 日本"), "plain text, é 日本");
        assert_eq!(clean("\u{1b}[2Jgone\u{7}"), "\\u{1b}[2Jgone\\u{7}");
        assert_eq!(clean("a\u{202e}b\u{200b}c\nd"), "a\\u{202e}b\\u{200b}c\\nd");
        assert_eq!(clean("\u{9b}31m\u{e0041}"), "\\u{9b}31m\\u{e0041}");
        assert_eq!(clean_lines("a\r\n\tb").collect::<Vec<_>>(), ["a", "    b"]);
    }

    #[test]
    fn whole_floats_are_shown_as_whole() {
        let mut value = serde_json::json!({"a": [10.0, -0.5, 1e300], "b": "10.0"});
        whole_numbers(&mut value);
        assert_eq!(value, serde_json::json!({"a": [10, -0.5, 1e300], "b": "10.0"}));
    }

    #[test]
    fn wraps_at_spaces_and_breaks_what_has_none() {
        assert_eq!(wrap("one two three four", 9), ["one two", "three", "four"]);
        assert_eq!(wrap("abcdefghijkl", 8), ["abcdefgh", "ijkl"]);
        assert_eq!(wrap("日本日本日本", 8), ["日本日本", "日本"]);
        assert_eq!(wrap("a\n\nb", 9), ["a", "", "b"]);
    }

    proptest! {
        #[test]
        fn wrapped_lines_fit_and_lose_nothing(text in any::<String>(), width in 8_usize..60) {
            let lines = wrap(&text, width);
            let squeeze = |s: &str| s.replace(' ', "");
            for line in &lines {
                prop_assert!(columns(line) <= width, "{line:?}");
                prop_assert!(!line.chars().any(is_hidden));
            }
            prop_assert_eq!(squeeze(&lines.concat()), squeeze(&clean_lines(&text).collect::<String>()));
        }

        #[test]
        fn escaped_json_is_the_same_value(text in any::<String>()) {
            let json = serde_json::to_string_pretty(&serde_json::json!({ "k": text })).unwrap();
            let shown = clean_json(&json);
            prop_assert!(!shown.chars().any(|c| c != '\n' && is_hidden(c)));
            let read: Value = serde_json::from_str(&shown).unwrap();
            prop_assert_eq!(read["k"].as_str(), Some(text.as_str()));
        }
    }
}

//! The key of a language model's server: from the environment or a file, and never shown.

use std::fmt;

use assent_runtime::BuildError;
use reqwest::header::HeaderValue;

/// Goes before the file.
const VARIABLE: &str = "ASSENT_LLM_KEY";

/// A key.
pub(super) struct Key(String);

impl Key {
    /// The key in the environment, else in `file` (none when empty).
    pub(super) fn load(file: &str) -> Result<Option<Self>, BuildError> {
        let text = match std::env::var(VARIABLE) {
            Ok(text) => text,
            Err(_) if file.is_empty() => return Ok(None),
            Err(_) => std::fs::read_to_string(file)
                .map_err(|source| BuildError::File { path: file.to_owned(), source })?,
        };
        let key = text.trim();
        let sound = !key.is_empty() && key.bytes().all(|b| b.is_ascii_graphic());
        if sound {
            Ok(Some(Self(key.to_owned())))
        } else {
            Err(BuildError::Config(format!("the key in {VARIABLE} or service.llm_key_file is no key")))
        }
    }

    pub(super) fn plain(&self) -> HeaderValue {
        sensitive(&self.0)
    }

    pub(super) fn bearer(&self) -> HeaderValue {
        sensitive(&format!("Bearer {}", self.0))
    }
}

/// Not even the HTTP client's own logs show it.
fn sensitive(text: &str) -> HeaderValue {
    // Keys are printable ASCII, so this never falls back.
    let mut value = HeaderValue::from_str(text).unwrap_or_else(|_| HeaderValue::from_static(""));
    value.set_sensitive(true);
    value
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_comes_from_a_file_and_is_not_shown() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("key");
        std::fs::write(&path, "k-123\n").unwrap();
        let key = Key::load(path.to_str().unwrap()).unwrap_or_else(|error| panic!("{error}")).unwrap();
        assert_eq!(key.bearer().to_str().unwrap(), "Bearer k-123");
        assert!(!format!("{key:?} {:?} {:?}", key.plain(), key.bearer()).contains("k-123"));
        for bad in ["", "two words", "line\nbreak"] {
            std::fs::write(&path, bad).unwrap();
            assert!(Key::load(path.to_str().unwrap()).is_err(), "{bad:?}");
        }
        assert!(Key::load("/nowhere").is_err());
        assert!(Key::load("").is_ok_and(|key| key.is_none()));
    }
}

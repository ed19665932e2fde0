//! Page tokens: opaque to callers, bound to the filter they were made for (AIP-158).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::fault::Violation;

/// Page size when the caller names none.
pub const DEFAULT_PAGE_SIZE: u32 = 50;
/// Largest page size; a caller who asks for more gets this many.
pub const MAX_PAGE_SIZE: u32 = 1000;

/// What page is wanted: how many rows, and after which key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<K> {
    /// Number of rows, 1 to [`MAX_PAGE_SIZE`].
    pub size: u32,
    /// The key of the last row of the page before; none for the first page.
    pub after: Option<K>,
    filter: String,
}

#[derive(Serialize, Deserialize)]
struct Token<K> {
    k: K,
    f: String,
}

impl<K: Serialize + DeserializeOwned> Page<K> {
    /// Reads `page_size` and `page_token`. `filter` is everything else of the request that chooses or
    /// orders rows: a token made under another filter is refused.
    pub fn parse(page_size: i32, page_token: &str, filter: &impl Serialize) -> Result<Self, Violation> {
        let size = match u32::try_from(page_size) {
            Ok(0) => DEFAULT_PAGE_SIZE,
            Ok(size) => size.min(MAX_PAGE_SIZE),
            Err(_) => return Err(Violation::new("page_size", "OUT_OF_RANGE", "must not be negative")),
        };
        let filter = serde_json::to_vec(filter)
            .map(|bytes| Digest::of(&[&bytes]).to_string())
            .map_err(|_| Violation::new("filter", "UNREADABLE", "cannot be used for paging"))?;
        if page_token.is_empty() {
            return Ok(Self { size, after: None, filter });
        }
        let token: Token<K> = URL_SAFE_NO_PAD
            .decode(page_token)
            .ok()
            .and_then(|bytes| serde_json::from_slice(&bytes).ok())
            .ok_or_else(|| Violation::new("page_token", "UNREADABLE", "is not a token of this method"))?;
        if token.f != filter {
            let text = "was made for another filter or order; start again without a token";
            return Err(Violation::new("page_token", "FILTER_CHANGED", text));
        }
        Ok(Self { size, after: Some(token.k), filter })
    }

    /// How many rows to select: one more than the page, to learn whether another follows.
    pub fn limit(&self) -> i64 {
        i64::from(self.size) + 1
    }

    /// Cuts `rows` (selected with [`Page::limit`]) to the page and makes the token of the next one;
    /// empty when there is none.
    pub fn finish<T>(&self, rows: &mut Vec<T>, key: impl Fn(&T) -> K) -> String {
        let size = self.size as usize;
        if rows.len() <= size {
            return String::new();
        }
        rows.truncate(size);
        let token = rows.last().map(|row| Token { k: key(row), f: self.filter.clone() });
        token.and_then(|t| serde_json::to_vec(&t).ok()).map(|t| URL_SAFE_NO_PAD.encode(t)).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_leads_on_and_is_bound_to_its_filter() {
        let page = Page::<u32>::parse(2, "", &"a").unwrap();
        let mut rows = vec![10, 20, 30];
        let token = page.finish(&mut rows, |row| *row);
        assert_eq!(rows, [10, 20]);
        assert_eq!(Page::<u32>::parse(2, &token, &"a").unwrap().after, Some(20));
        assert_eq!(Page::<u32>::parse(2, &token, &"b").unwrap_err().code, "FILTER_CHANGED");
        assert_eq!(Page::<u32>::parse(2, "%", &"a").unwrap_err().code, "UNREADABLE");
        assert_eq!(Page::<u32>::parse(-1, "", &"a").unwrap_err().field, "page_size");
        assert_eq!(page.finish(&mut vec![1, 2], |row| *row), "");
    }
}

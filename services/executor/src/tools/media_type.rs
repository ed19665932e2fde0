//! Media types of what is kept.

/// The media type of a file, by the end of its name.
pub(crate) fn media_type_of(path: &str) -> &'static str {
    match path.rsplit_once('.').map(|(_, end)| end) {
        Some("py") => "text/x-python",
        Some("csv") => "text/csv",
        Some("json") => "application/json",
        Some("yaml" | "yml") => "application/yaml",
        Some("html" | "htm") => "text/html",
        Some("md") => "text/markdown",
        Some("sql") => "application/sql",
        Some("sh") => "text/x-shellscript",
        Some("pdf") => "application/pdf",
        Some("png") => "image/png",
        Some("jpg" | "jpeg") => "image/jpeg",
        Some("svg") => "image/svg+xml",
        Some("zip") => "application/zip",
        Some("gz" | "tgz") => "application/gzip",
        Some("tar") => "application/x-tar",
        Some("parquet") => "application/vnd.apache.parquet",
        _ => "text/plain",
    }
}

/// Whether `text` is a type and a subtype (RFC 6838), without parameters.
pub(crate) fn is_media_type(text: &str) -> bool {
    let is_name = |name: &str| {
        let mut chars = name.chars();
        chars.next().is_some_and(|first| first.is_ascii_alphanumeric())
            && chars.all(|char| char.is_ascii_alphanumeric() || "!#$&-^_.+".contains(char))
    };
    text.split_once('/').is_some_and(|(kind, subtype)| is_name(kind) && is_name(subtype))
}

/// The end of a name for a media type that a tool gives.
pub(crate) fn extension_of(media_type: &str) -> &'static str {
    match media_type {
        "image/png" => "png",
        "image/jpeg" => "jpg",
        "image/gif" => "gif",
        "image/webp" => "webp",
        "image/svg+xml" => "svg",
        "audio/wav" | "audio/x-wav" => "wav",
        "audio/mpeg" => "mp3",
        "application/pdf" => "pdf",
        "application/json" => "json",
        "application/gzip" => "gz",
        "text/plain" => "txt",
        _ => "bin",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn media_types_are_told_from_other_texts() {
        for good in ["text/csv", "application/vnd.api+json", "image/svg+xml"] {
            assert!(is_media_type(good), "{good}");
        }
        for bad in ["", "text", "text/", "/csv", "text/csv; charset=utf-8", "text/c v", "a/b/c", "text/\ncsv"]
        {
            assert!(!is_media_type(bad), "{bad}");
        }
        assert_eq!((media_type_of("a/b.csv"), media_type_of("README")), ("text/csv", "text/plain"));
    }
}

//! The files of the web UI: those in the program, or those of a folder. All are read at the start, so that a path in a
//! request names one of them or nothing.

use std::borrow::Cow;
use std::collections::HashMap;
use std::path::Path;

use assent_runtime::BuildError;
use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};

/// Name and content of each file below `web/dist/ui` when the program was built; none when there was no such folder.
static EMBEDDED: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/assets.rs"));

/// The page that starts the UI, whatever its address within it.
const INDEX: &str = "index.html";
/// Files below it have the digest of their content in their name.
const HASHED: &str = "assets/";

const MISSING: &str = "The web UI is not part of this program.\n\n\
    Build it with `make web` (needs Node 20 or newer with npm), then build the program again;\n\
    or name a folder that holds it with the key `assets_dir` of the dashboard.\n\
    The services themselves work without it.\n";

/// The files by name, as `/assets/x.js` without its slash.
#[derive(Debug)]
pub(crate) struct Assets(HashMap<String, Cow<'static, [u8]>>);

impl Assets {
    /// The files of `folder`; those in the program when it is empty.
    ///
    /// # Errors
    /// When the folder cannot be read, or holds no UI.
    pub(crate) fn new(folder: &str) -> Result<Self, BuildError> {
        if folder.is_empty() {
            let files = EMBEDDED.iter().map(|(name, content)| ((*name).to_owned(), Cow::Borrowed(*content)));
            return Ok(Self(files.collect()));
        }
        let mut files = HashMap::new();
        read(Path::new(folder), "", &mut files)
            .map_err(|source| BuildError::File { path: folder.to_owned(), source })?;
        if !files.contains_key(INDEX) {
            return Err(BuildError::Config(format!("service.assets_dir: there is no {INDEX} in {folder}")));
        }
        Ok(Self(files))
    }

    /// The answer to a GET of `path`.
    pub(crate) fn answer(&self, path: &str, headers: &HeaderMap) -> Response {
        let path = path.trim_start_matches('/');
        // Addresses within the UI have no extension; whatever has one is a file that is there or not.
        let last = path.rsplit('/').next().unwrap_or_default();
        let name = if path.is_empty() || !last.contains('.') { INDEX } else { path };
        let Some(content) = self.0.get(name) else {
            return match name {
                INDEX => (StatusCode::SERVICE_UNAVAILABLE, MISSING).into_response(),
                _ => StatusCode::NOT_FOUND.into_response(),
            };
        };
        let zipped = self.0.get(&format!("{name}.gz")).filter(|_| takes_gzip(headers));
        let mut response = Response::new(Body::from(zipped.unwrap_or(content).to_vec()));
        let out = response.headers_mut();
        out.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type(name)));
        out.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
        if zipped.is_some() {
            out.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        let keep = if name.starts_with(HASHED) { "public, max-age=31536000, immutable" } else { "no-cache" };
        out.insert(header::CACHE_CONTROL, HeaderValue::from_static(keep));
        response
    }
}

fn read(folder: &Path, prefix: &str, files: &mut HashMap<String, Cow<'static, [u8]>>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if entry.file_type()?.is_dir() {
            read(&entry.path(), &format!("{name}/"), files)?;
        } else {
            files.insert(name, Cow::Owned(std::fs::read(entry.path())?));
        }
    }
    Ok(())
}

fn takes_gzip(headers: &HeaderMap) -> bool {
    let accepted = headers.get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok());
    accepted.is_some_and(|text| {
        text.split(',').any(|one| one.trim() == "gzip" || one.trim().starts_with("gzip;"))
    })
}

fn media_type(name: &str) -> &'static str {
    match name.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("woff2") => "font/woff2",
        Some("json" | "map") => "application/json",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some() -> Assets {
        let files = [("index.html", "page"), ("assets/a-1.js", "code"), ("assets/a-1.js.gz", "zipped")];
        Assets(files.map(|(name, text)| (name.to_owned(), Cow::Borrowed(text.as_bytes()))).into())
    }

    fn header<'a>(response: &'a Response, name: &str) -> &'a str {
        response.headers().get(name).map_or("", |value| value.to_str().unwrap())
    }

    #[test]
    fn every_address_of_the_ui_starts_it_and_files_are_there_or_not() {
        let (assets, none) = (some(), HeaderMap::new());
        for path in ["/", "/sessions/ses_1", "/login"] {
            let response = assets.answer(path, &none);
            assert_eq!(header(&response, "content-type"), "text/html; charset=utf-8");
            assert_eq!(header(&response, "cache-control"), "no-cache");
        }
        assert_eq!(assets.answer("/../Cargo.toml", &none).status(), StatusCode::NOT_FOUND);
        assert_eq!(assets.answer("/assets/b.js", &none).status(), StatusCode::NOT_FOUND);
    }

    #[test]
    fn what_was_compressed_goes_to_those_who_take_it() {
        let assets = some();
        let plain = assets.answer("/assets/a-1.js", &HeaderMap::new());
        assert_eq!((header(&plain, "content-encoding"), header(&plain, "vary")), ("", "accept-encoding"));
        let takes = HeaderMap::from_iter([(header::ACCEPT_ENCODING, HeaderValue::from_static("br, gzip"))]);
        let zipped = assets.answer("/assets/a-1.js", &takes);
        assert_eq!(header(&zipped, "content-encoding"), "gzip");
        assert!(header(&zipped, "cache-control").ends_with("immutable"));
    }

    #[test]
    fn a_program_without_the_ui_says_how_to_get_it() {
        let response = Assets(HashMap::new()).answer("/", &HeaderMap::new());
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        let folder = tempfile::tempdir().unwrap();
        assert!(Assets::new(folder.path().to_str().unwrap()).is_err());
        std::fs::create_dir(folder.path().join("assets")).unwrap();
        std::fs::write(folder.path().join("index.html"), "page").unwrap();
        std::fs::write(folder.path().join("assets/x.css"), "a{}").unwrap();
        let assets = Assets::new(folder.path().to_str().unwrap()).unwrap();
        assert_eq!(assets.answer("/assets/x.css", &HeaderMap::new()).status(), StatusCode::OK);
    }
}

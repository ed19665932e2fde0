//! Contents by their digest: artifacts, and what files held before they were overwritten.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use assent_core::Digest;

/// A directory of files named by the SHA-256 of their content. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Blobs(Arc<Path>);

impl Blobs {
    /// Contents in `directory`, which need not exist yet.
    pub(crate) fn new(directory: PathBuf) -> Self {
        Self(Arc::from(directory))
    }

    /// Where the content with `digest` is.
    pub(crate) fn path(&self, digest: Digest) -> PathBuf {
        self.0.join(digest.to_string())
    }

    /// Keeps `content`. Blocks.
    pub(crate) fn put(&self, content: &[u8]) -> std::io::Result<Digest> {
        let digest = Digest::of(&[content]);
        let path = self.path(digest);
        if path.try_exists()? {
            return Ok(digest);
        }
        std::fs::create_dir_all(&self.0)?;
        // Under a name of this thread alone, then in one step under its own: no reader finds half of it.
        let place = std::thread::current().id();
        let draft = self.0.join(format!(".{digest}.{}.{place:?}", std::process::id()));
        let mut file = std::fs::File::create(&draft)?;
        file.write_all(content)?;
        file.sync_all()?;
        std::fs::rename(&draft, &path)?;
        Ok(digest)
    }

    /// The content with `digest`. Blocks.
    ///
    /// # Errors
    /// `InvalidData` when it is not what was kept.
    pub(crate) fn get(&self, digest: Digest) -> std::io::Result<Vec<u8>> {
        let content = std::fs::read(self.path(digest))?;
        if Digest::of(&[&content]) == digest {
            Ok(content)
        } else {
            Err(std::io::Error::new(std::io::ErrorKind::InvalidData, "the content does not match its digest"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_comes_back_and_a_change_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        let blobs = Blobs::new(folder.path().join("artifacts"));
        let digest = blobs.put(b"abc").unwrap();
        assert_eq!((blobs.put(b"abc").unwrap(), blobs.get(digest).unwrap()), (digest, b"abc".to_vec()));
        std::fs::write(blobs.path(digest), "abd").unwrap();
        assert_eq!(blobs.get(digest).unwrap_err().kind(), std::io::ErrorKind::InvalidData);
    }
}

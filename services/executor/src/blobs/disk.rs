//! Contents on this machine's disk.

use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use assent_core::Digest;
use tokio::fs::File;

use super::BlobError;
use super::pieces::Source;

/// A directory of files named by their digests. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Disk(Arc<Path>);

impl Disk {
    /// Contents in `folder`, which need not exist yet.
    pub(super) fn new(folder: &Path) -> Self {
        Self(Arc::from(folder))
    }

    fn path(&self, digest: Digest) -> PathBuf {
        self.0.join(digest.to_string())
    }

    pub(super) async fn put(&self, content: &[u8]) -> Result<Digest, BlobError> {
        let (disk, content) = (self.clone(), content.to_vec());
        blocking(move || disk.write(&content)).await
    }

    fn write(&self, content: &[u8]) -> std::io::Result<Digest> {
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

    pub(super) async fn open(&self, digest: Digest) -> Result<Source, BlobError> {
        match File::open(self.path(digest)).await {
            Ok(file) => Ok(Source::File(file)),
            Err(error) if error.kind() == ErrorKind::NotFound => Err(BlobError::Missing),
            Err(error) => Err(error.into()),
        }
    }

    pub(super) async fn adopt(&self, draft: &Path, digest: Digest) -> Result<(), BlobError> {
        Ok(tokio::fs::rename(draft, self.path(digest)).await?)
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> std::io::Result<T> + Send + 'static,
) -> Result<T, BlobError> {
    let ended = tokio::task::spawn_blocking(work).await;
    Ok(ended.map_err(std::io::Error::other)??)
}

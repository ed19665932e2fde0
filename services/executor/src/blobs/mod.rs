//! Contents by their digest: artifacts, and what files held before they were overwritten. On this machine's disk, or
//! in a bucket of an S3-compatible store.

mod bucket;
mod disk;
mod draft;
mod pieces;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use assent_core::Digest;
use assent_runtime::BuildError;

use self::bucket::Bucket;
use self::disk::Disk;
pub(crate) use self::draft::Draft;
pub(crate) use self::pieces::Pieces;
use crate::config::Config;
use crate::secrets::Secrets;

/// Age at which what is still coming in is taken for abandoned.
const ABANDONED: Duration = Duration::from_secs(24 * 3600);

/// Why a content cannot be kept or read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BlobError {
    /// It is larger than the configuration allows.
    #[error("it is larger than {most} bytes (service.artifact_max_bytes)")]
    TooLarge {
        /// What is allowed.
        most: u64,
    },
    /// It is not there.
    #[error("the content is not there")]
    Missing,
    /// It is not what was kept.
    #[error("the content does not match its digest")]
    Corrupt,
    /// The disk fails.
    #[error(transparent)]
    Disk(#[from] std::io::Error),
    /// The bucket fails.
    #[error("the bucket: {0}")]
    Bucket(#[from] object_store::Error),
}

/// Contents named by the SHA-256 of what they hold. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Blobs {
    place: Place,
    /// Where what is still coming in is written; on the same disk as the contents.
    drafts: Arc<Path>,
    /// Bytes of one content.
    most: u64,
}

#[derive(Debug, Clone)]
enum Place {
    Disk(Disk),
    Bucket(Bucket),
}

impl Blobs {
    /// The contents of `config`, below `folder` where they are on disk.
    ///
    /// # Errors
    /// When the bucket cannot be used as it is configured.
    pub(crate) async fn new(config: &Config, folder: &Path, secrets: &Secrets) -> Result<Self, BuildError> {
        let place = if config.s3_bucket.is_empty() {
            Place::Disk(Disk::new(folder))
        } else {
            Place::Bucket(Bucket::new(config, secrets).await?)
        };
        let drafts = folder.join("drafts");
        sweep(&drafts);
        Ok(Self { place, drafts: Arc::from(drafts), most: config.artifact_max_bytes })
    }

    /// Keeps `content`.
    pub(crate) async fn put(&self, content: &[u8]) -> Result<Digest, BlobError> {
        if content.len() as u64 > self.most {
            return Err(BlobError::TooLarge { most: self.most });
        }
        match &self.place {
            Place::Disk(disk) => disk.put(content).await,
            Place::Bucket(bucket) => bucket.put(content).await,
        }
    }

    /// Begins a content that comes piece by piece.
    pub(crate) async fn draft(&self) -> Result<Draft, BlobError> {
        Draft::begin(self.clone()).await
    }

    /// Opens the content with `digest`, to be read piece by piece and checked at its end.
    pub(crate) async fn open(&self, digest: Digest) -> Result<Pieces, BlobError> {
        match &self.place {
            Place::Disk(disk) => disk.open(digest).await.map(|source| Pieces::new(source, digest)),
            Place::Bucket(bucket) => bucket.open(digest).await.map(|source| Pieces::new(source, digest)),
        }
    }

    /// The content with `digest`.
    pub(crate) async fn get(&self, digest: Digest) -> Result<Vec<u8>, BlobError> {
        let mut pieces = self.open(digest).await?;
        let mut content = Vec::new();
        while let Some(piece) = pieces.next().await? {
            content.extend_from_slice(&piece);
        }
        Ok(content)
    }

    /// Keeps the file at `path`, whose digest is known, under its name. The file is gone afterwards or of no use.
    async fn adopt(&self, path: &Path, digest: Digest, size: u64) -> Result<(), BlobError> {
        match &self.place {
            Place::Disk(disk) => disk.adopt(path, digest).await,
            Place::Bucket(bucket) => bucket.adopt(path, digest, size).await,
        }
    }
}

/// Removes what was coming in when a process died. No content takes so long to come in.
fn sweep(drafts: &Path) {
    let Ok(entries) = std::fs::read_dir(drafts) else { return };
    for entry in entries.filter_map(Result::ok) {
        let age = entry.metadata().and_then(|about| about.modified()).map(|at| at.elapsed());
        if age.is_ok_and(|age| age.is_ok_and(|age| age > ABANDONED)) {
            // Another replica may be faster.
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn blobs(folder: &Path, most: u64) -> Blobs {
        let config = Config { artifact_max_bytes: most, ..Config::default() };
        Blobs::new(&config, folder, &Secrets::new("")).await.unwrap()
    }

    #[tokio::test]
    async fn what_is_kept_comes_back_and_a_change_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        let blobs = blobs(folder.path(), 100).await;
        let digest = blobs.put(b"abc").await.unwrap();
        assert_eq!(
            (blobs.put(b"abc").await.unwrap(), blobs.get(digest).await.unwrap()),
            (digest, b"abc".to_vec())
        );
        std::fs::write(folder.path().join(digest.to_string()), "abd").unwrap();
        assert!(matches!(blobs.get(digest).await, Err(BlobError::Corrupt)));
        assert!(matches!(blobs.get(Digest::of(&[b"x"])).await, Err(BlobError::Missing)));
    }

    #[tokio::test]
    async fn what_comes_in_pieces_is_the_same_and_limited() {
        let folder = tempfile::tempdir().unwrap();
        let blobs = blobs(folder.path(), 6).await;
        let mut draft = blobs.draft().await.unwrap();
        draft.write(b"abc").await.unwrap();
        draft.write(b"def").await.unwrap();
        let (digest, size) = draft.keep().await.unwrap();
        assert_eq!((digest, size), (Digest::of(&[b"abcdef"]), 6));
        assert_eq!(blobs.get(digest).await.unwrap(), b"abcdef");

        let mut draft = blobs.draft().await.unwrap();
        draft.write(b"abcdef").await.unwrap();
        assert!(matches!(draft.write(b"g").await, Err(BlobError::TooLarge { most: 6 })));
        drop(draft);
        assert!(matches!(blobs.put(b"abcdefg").await, Err(BlobError::TooLarge { most: 6 })));
        assert_eq!(std::fs::read_dir(folder.path().join("drafts")).unwrap().count(), 0);
    }
}

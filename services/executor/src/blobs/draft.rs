//! A content that is still coming in: written to disk piece by piece, so that its size does not count in memory, and
//! named once its digest is known.

use assent_core::Digest;
use assent_core::digest::Digester;
use tempfile::TempPath;
use tokio::fs::File;
use tokio::io::AsyncWriteExt as _;

use super::{BlobError, Blobs};

/// A content that is still coming in. Dropped, it is forgotten.
pub(crate) struct Draft {
    blobs: Blobs,
    // Removes what is there when it is dropped; once it is kept on disk it has another name.
    path: TempPath,
    file: File,
    read: Digester,
    size: u64,
}

impl Draft {
    pub(super) async fn begin(blobs: Blobs) -> Result<Self, BlobError> {
        tokio::fs::create_dir_all(&blobs.drafts).await?;
        let (file, path) = tempfile::NamedTempFile::new_in(&blobs.drafts)?.into_parts();
        Ok(Self { blobs, path, file: File::from_std(file), read: Digester::default(), size: 0 })
    }

    /// Adds a piece.
    ///
    /// # Errors
    /// [`BlobError::TooLarge`] when the whole would be.
    pub(crate) async fn write(&mut self, piece: &[u8]) -> Result<(), BlobError> {
        self.size += piece.len() as u64;
        if self.size > self.blobs.most {
            return Err(BlobError::TooLarge { most: self.blobs.most });
        }
        self.read.update(piece);
        Ok(self.file.write_all(piece).await?)
    }

    /// Keeps it; its digest and size.
    pub(crate) async fn keep(mut self) -> Result<(Digest, u64), BlobError> {
        self.file.flush().await?;
        self.file.sync_all().await?;
        let digest = self.read.clone().finish();
        self.blobs.adopt(&self.path, digest, self.size).await?;
        Ok((digest, self.size))
    }
}

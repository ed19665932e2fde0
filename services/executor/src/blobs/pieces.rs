//! A content, read piece by piece and checked at its end.

use std::io::ErrorKind;

use assent_core::Digest;
use assent_core::digest::Digester;
use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use tokio::fs::File;
use tokio::io::AsyncReadExt as _;

use super::BlobError;

/// Bytes of one piece, at most.
const PIECE: usize = 65_536;

/// Where pieces come from.
pub(super) enum Source {
    /// A file.
    File(File),
    /// An answer of a bucket, with what is left of its last chunk.
    Stream(BoxStream<'static, object_store::Result<Vec<u8>>>, Vec<u8>),
}

/// A content that is being read.
pub(crate) struct Pieces {
    source: Source,
    digest: Digest,
    read: Digester,
}

impl Pieces {
    pub(super) fn new(source: Source, digest: Digest) -> Self {
        Self { source, digest, read: Digester::default() }
    }

    /// The next piece; none after the last.
    ///
    /// # Errors
    /// [`BlobError::Corrupt`] when the whole does not match its digest.
    pub(crate) async fn next(&mut self) -> Result<Option<Vec<u8>>, BlobError> {
        let piece = match &mut self.source {
            Source::File(file) => {
                let mut piece = vec![0; PIECE];
                let count = file.read(&mut piece).await?;
                piece.truncate(count);
                piece
            }
            Source::Stream(stream, left) => {
                while left.is_empty() {
                    match stream.next().await {
                        Some(chunk) => *left = chunk?,
                        None => break,
                    }
                }
                let rest = left.split_off(left.len().min(PIECE));
                std::mem::replace(left, rest)
            }
        };
        if piece.is_empty() {
            let found = self.read.clone().finish();
            return if found == self.digest { Ok(None) } else { Err(BlobError::Corrupt) };
        }
        self.read.update(&piece);
        Ok(Some(piece))
    }
}

impl BlobError {
    /// Whether another attempt may succeed.
    pub(crate) fn is_passing(&self) -> bool {
        match self {
            Self::TooLarge { .. } | Self::Missing | Self::Corrupt => false,
            Self::Disk(error) => error.kind() != ErrorKind::NotFound,
            Self::Bucket(_) => true,
        }
    }
}

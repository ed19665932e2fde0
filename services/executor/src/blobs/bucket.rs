//! Contents in a bucket of an S3-compatible store.

use std::path::Path;
use std::sync::Arc;

use assent_core::Digest;
use assent_runtime::BuildError;
use futures_util::StreamExt as _;
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::path::Path as Key;
use object_store::{Error, ObjectStoreExt as _, PutPayload, WriteMultipart};
use tokio::fs::File;
use tokio::io::AsyncReadExt as _;

use super::BlobError;
use super::pieces::Source;
use crate::config::Config;
use crate::secrets::Secrets;

/// Bytes of one part of a large content.
const PART: usize = 8 << 20;
/// Parts that are on their way at once.
const PARTS: usize = 4;

/// A bucket. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Bucket {
    store: Arc<AmazonS3>,
    prefix: Arc<str>,
}

impl Bucket {
    /// The bucket of `config`. Without keys of its own it takes those of the environment, as AWS's own tools do.
    ///
    /// # Errors
    /// When a secret is missing, or the settings do not fit together.
    pub(super) async fn new(config: &Config, secrets: &Secrets) -> Result<Self, BuildError> {
        let wrong = |what: String| BuildError::Config(format!("service.s3_bucket cannot be used: {what}"));
        // Harmless when the process has chosen its TLS provider before.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut builder = AmazonS3Builder::from_env().with_bucket_name(&config.s3_bucket);
        if !config.s3_region.is_empty() {
            builder = builder.with_region(&config.s3_region);
        }
        if !config.s3_endpoint.is_empty() {
            let is_plain = config.s3_endpoint.starts_with("http://");
            builder = builder.with_endpoint(&config.s3_endpoint).with_allow_http(is_plain);
        }
        if !config.s3_key_id_secret.is_empty() {
            let missing = |name: &str| wrong(format!("there is no secret `{name}`"));
            let (id, key) = (&config.s3_key_id_secret, &config.s3_key_secret);
            let id = secrets.get(id).await.ok_or_else(|| missing(id))?;
            let key = secrets.get(key).await.ok_or_else(|| missing(key))?;
            builder = builder.with_access_key_id(id).with_secret_access_key(key);
        }
        let store = builder.build().map_err(|error| wrong(error.to_string()))?;
        Ok(Self { store: Arc::new(store), prefix: Arc::from(config.s3_prefix.trim_matches('/')) })
    }

    fn key(&self, digest: Digest) -> Key {
        Key::from(format!("{}/{digest}", self.prefix))
    }

    async fn has(&self, key: &Key) -> Result<bool, BlobError> {
        match self.store.head(key).await {
            Ok(_) => Ok(true),
            Err(Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    pub(super) async fn put(&self, content: &[u8]) -> Result<Digest, BlobError> {
        let digest = Digest::of(&[content]);
        let key = self.key(digest);
        if !self.has(&key).await? {
            self.store.put(&key, PutPayload::from(content.to_vec())).await?;
        }
        Ok(digest)
    }

    pub(super) async fn open(&self, digest: Digest) -> Result<Source, BlobError> {
        let found = self.store.get(&self.key(digest)).await.map_err(|error| match error {
            Error::NotFound { .. } => BlobError::Missing,
            error => error.into(),
        })?;
        let stream = found.into_stream().map(|chunk| chunk.map(|bytes| bytes.to_vec()));
        Ok(Source::Stream(stream.boxed(), Vec::new()))
    }

    pub(super) async fn adopt(&self, draft: &Path, digest: Digest, size: u64) -> Result<(), BlobError> {
        let key = self.key(digest);
        if self.has(&key).await? {
            return Ok(());
        }
        if size <= PART as u64 {
            let content = tokio::fs::read(draft).await?;
            self.store.put(&key, PutPayload::from(content)).await?;
            return Ok(());
        }
        let mut file = File::open(draft).await?;
        let mut upload = WriteMultipart::new_with_chunk_size(self.store.put_multipart(&key).await?, PART);
        let sent = send(&mut file, &mut upload).await;
        match sent {
            Ok(()) => Ok(upload.finish().await.map(drop)?),
            Err(error) => {
                // What has arrived is of no use.
                upload.abort().await?;
                Err(error)
            }
        }
    }
}

async fn send(file: &mut File, upload: &mut WriteMultipart) -> Result<(), BlobError> {
    let mut piece = vec![0; PART];
    loop {
        let count = file.read(&mut piece).await?;
        if count == 0 {
            return Ok(());
        }
        upload.wait_for_capacity(PARTS).await?;
        upload.write(&piece[..count]);
    }
}

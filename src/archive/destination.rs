//! Where archives are: a folder (`file:`) or a bucket (`s3://`), through one library.
use std::io::ErrorKind;
use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::TryStreamExt;
use object_store::aws::AmazonS3Builder;
use object_store::buffered::BufWriter;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::prefix::PrefixStore;
use object_store::{
    ClientOptions, Error, GetOptions, GetRange, GetResult, GetResultPayload, ObjectStore,
    ObjectStoreExt, PutMode, PutOptions, RetryConfig, UpdateVersion,
};

use tokio::io::AsyncWriteExt;

use super::error::ArchiveError;
use super::parts::Parts;
use super::stored::Stored;
use crate::config::ArchiveUrl;
use crate::private;
use crate::regular;

/// For one request to a bucket, and for all its repetitions.
const REQUEST: Duration = Duration::from_secs(60);
const CONNECT: Duration = Duration::from_secs(5);
const RETRY: Duration = Duration::from_secs(60);
const RETRIES: usize = 5;
/// What is sent of a large file at once.
const PART: usize = 8 << 20;

/// What a file was when it was read, so that nothing is replaced unseen.
pub(crate) type Version = UpdateVersion;

/// Whether a file is as it was.
#[derive(Debug)]
pub(crate) enum Changed {
    No,
    To(Bytes, Version),
    Gone,
}

/// A folder or bucket.
#[derive(Debug, Clone)]
pub struct Destination {
    store: Arc<dyn ObjectStore>,
    /// The folder, if it is one on this machine.
    folder: Option<PathBuf>,
    /// Without secrets.
    shown: String,
}

impl Destination {
    /// Opens what `url` names. A bucket's keys, region and endpoint come from the variables that
    /// all of its tools read: `AWS_ACCESS_KEY_ID`, `AWS_ENDPOINT_URL`, …
    pub fn open(url: &ArchiveUrl) -> Result<Self, ArchiveError> {
        let shown = url.to_string();
        if let Some(folder) = url.path() {
            return Self::in_folder(folder, shown);
        }
        let rest = url.expose().strip_prefix("s3://").unwrap_or_default();
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        if bucket.is_empty() {
            return Err(ArchiveError::Url(format!("'{shown}' names no bucket")));
        }
        let bucket = bucket_store(bucket).map_err(|e| refused(&shown, e))?;
        let prefix = Path::parse(prefix).map_err(|e| refused(&shown, e))?;
        Ok(Self {
            store: Arc::new(PrefixStore::new(bucket, prefix)),
            folder: None,
            shown,
        })
    }

    /// The folder itself is made with the first file.
    fn in_folder(folder: &FilePath, shown: String) -> Result<Self, ArchiveError> {
        let folder = std::path::absolute(folder).map_err(|e| refused(&shown, e))?;
        let prefix = Path::from_absolute_path(&folder).map_err(|e| refused(&shown, e))?;
        // Rows are deleted once a file is there: it has to be there after a power cut too.
        let disk = LocalFileSystem::new().with_fsync(true);
        Ok(Self {
            store: Arc::new(PrefixStore::new(disk, prefix)),
            folder: Some(folder),
            shown,
        })
    }

    /// The URL, without secrets.
    pub fn shown(&self) -> &str {
        &self.shown
    }

    /// The folder on this machine, if it is one.
    pub fn folder(&self) -> Option<&FilePath> {
        self.folder.as_deref()
    }

    fn path(&self, path: &str) -> Result<Path, ArchiveError> {
        Path::parse(path).map_err(|e| ArchiveError::damaged(path, format!("is no path: {e}")))
    }

    fn failed(&self, verb: &str, path: &str, source: Error) -> ArchiveError {
        ArchiveError::destination(format!("cannot {verb} {path} in {}", self.shown), source)
    }

    /// Makes a folder, and closes what comes into it to other users.
    fn prepare(&self) -> Result<(), ArchiveError> {
        let made = self.folder.as_deref().map_or(Ok(()), private::folder);
        made.map_err(|e| ArchiveError::destination(format!("cannot use {}", self.shown), e))
    }

    /// In a folder that an operator opened to others, each document is closed to them. The
    /// library has no say in the mode of its files.
    fn close_to_others(&self, path: &str) -> Result<(), ArchiveError> {
        let file = self.folder.as_ref().map(|folder| folder.join(path));
        let closed = file.map_or(Ok(()), |file| private::close_to_others(&file));
        closed.map_err(|e| ArchiveError::destination(format!("cannot close {path} to others"), e))
    }

    /// Stores a file whole; false if there is one of that name.
    pub(crate) async fn put_new(&self, path: &str, bytes: Bytes) -> Result<bool, ArchiveError> {
        let options = PutOptions::from(PutMode::Create);
        let place = self.path(path)?;
        self.prepare()?;
        match self.store.put_opts(&place, bytes.into(), options).await {
            Ok(_) => self.close_to_others(path).map(|()| true),
            Err(Error::AlreadyExists { .. } | Error::Precondition { .. }) => Ok(false),
            Err(error) => Err(self.failed("write", path, error)),
        }
    }

    /// Puts a file in the place of the version that was read, or where there was none.
    pub(crate) async fn replace(
        &self,
        path: &str,
        bytes: Bytes,
        before: Option<Version>,
    ) -> Result<Version, ArchiveError> {
        let mode = match before {
            // A folder has no versions: the lease alone keeps others out.
            Some(_) if self.folder.is_some() => PutMode::Overwrite,
            Some(version) => PutMode::Update(version),
            None => PutMode::Create,
        };
        let options = PutOptions::from(mode);
        let place = self.path(path)?;
        self.prepare()?;
        let put = self.store.put_opts(&place, bytes.into(), options);
        let done = put.await.map_err(|e| self.failed("replace", path, e))?;
        self.close_to_others(path)?;
        Ok(done.into())
    }

    /// A whole file, if it is there.
    pub(crate) async fn get(&self, path: &str) -> Result<Option<(Bytes, Version)>, ArchiveError> {
        let Some(found) = self.find(path).await? else {
            return Ok(None);
        };
        let version = version_of(&found);
        let bytes = found.bytes().await;
        let bytes = bytes.map_err(|e| self.failed("read", path, e))?;
        Ok(Some((bytes, version)))
    }

    /// Some bytes of a file, if it is there.
    pub(crate) async fn get_part(
        &self,
        path: &str,
        bytes: std::ops::Range<u64>,
    ) -> Result<Option<Bytes>, ArchiveError> {
        self.see_file(path)?;
        match self.store.get_range(&self.path(path)?, bytes).await {
            Ok(found) => Ok(Some(found)),
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(self.failed("read", path, error)),
        }
    }

    /// The last bytes of a file, if it is there; all of a shorter one.
    pub(crate) async fn get_tail(
        &self,
        path: &str,
        bytes: u64,
    ) -> Result<Option<Bytes>, ArchiveError> {
        self.see_file(path)?;
        let options = GetOptions {
            range: Some(GetRange::Suffix(bytes)),
            ..GetOptions::default()
        };
        match self.store.get_opts(&self.path(path)?, options).await {
            Ok(found) => {
                let bytes = found.bytes().await;
                bytes.map(Some).map_err(|e| self.failed("read", path, e))
            }
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(self.failed("read", path, error)),
        }
    }

    /// A whole file if it is there, and is another than it was.
    pub(crate) async fn get_changed(
        &self,
        path: &str,
        before: Option<&Version>,
    ) -> Result<Changed, ArchiveError> {
        self.see_file(path)?;
        let options = GetOptions {
            if_none_match: before.and_then(|before| before.e_tag.clone()),
            ..GetOptions::default()
        };
        let found = match self.store.get_opts(&self.path(path)?, options).await {
            Ok(found) => found,
            Err(Error::NotModified { .. }) => return Ok(Changed::No),
            Err(Error::NotFound { .. }) => return Ok(Changed::Gone),
            Err(error) => return Err(self.failed("read", path, error)),
        };
        let version = version_of(&found);
        let bytes = found.bytes().await;
        let bytes = bytes.map_err(|e| self.failed("read", path, e))?;
        Ok(Changed::To(bytes, version))
    }

    /// Stores a file whole, in the place of what has its name.
    pub(crate) async fn put(&self, path: &str, bytes: Bytes) -> Result<(), ArchiveError> {
        let place = self.path(path)?;
        self.prepare()?;
        let put = self.store.put(&place, bytes.into()).await;
        put.map_err(|e| self.failed("write", path, e))?;
        self.close_to_others(path)
    }

    async fn find(&self, path: &str) -> Result<Option<GetResult>, ArchiveError> {
        self.see_file(path)?;
        match self.store.get(&self.path(path)?).await {
            Ok(found) => Ok(Some(found)),
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(self.failed("read", path, error)),
        }
    }

    /// Refuses what is no file: the library would wait for ever for a writer to a FIFO.
    fn see_file(&self, path: &str) -> Result<(), ArchiveError> {
        let Some(folder) = &self.folder else {
            return Ok(());
        };
        match regular::see(&folder.join(path)) {
            Err(error) if error.kind() == ErrorKind::InvalidInput => {
                Err(ArchiveError::damaged(path, error.to_string()))
            }
            // What cannot be looked at, the library names.
            _ => Ok(()),
        }
    }

    /// A document to be read where blocking is allowed, if it is there.
    pub async fn read(&self, path: &str) -> Result<Option<Stored>, ArchiveError> {
        let Some(found) = self.find(path).await? else {
            return Ok(None);
        };
        Ok(Some(match found.payload {
            // As a stream it would come in parts of 8 KiB, each from a thread of its own.
            GetResultPayload::File(file, _) => Stored::new(path, Box::new(file)),
            GetResultPayload::Stream(parts) => Stored::new(path, Box::new(Parts::of(parts))),
        }))
    }

    /// Stores a local file, in parts. In a bucket it appears when all of it is there.
    pub(crate) async fn put_file(&self, path: &str, file: &FilePath) -> Result<(), ArchiveError> {
        let place = self.path(path)?;
        self.prepare()?;
        let mut to = BufWriter::with_capacity(self.store.clone(), place, PART);
        let sent = async {
            let mut from = tokio::fs::File::open(file).await?;
            let sent =
                tokio::io::copy_buf(&mut tokio::io::BufReader::new(&mut from), &mut to).await;
            match sent {
                Ok(_) => to.shutdown().await,
                Err(error) => {
                    // What a bucket has of it would be paid for.
                    let _ = to.abort().await;
                    Err(error)
                }
            }
        };
        let what = || format!("cannot write {path} in {}", self.shown);
        sent.await.map_err(|e| ArchiveError::destination(what(), e))
    }

    /// Takes a file away, if it is there.
    pub(crate) async fn remove(&self, path: &str) -> Result<(), ArchiveError> {
        match self.store.delete(&self.path(path)?).await {
            Ok(()) | Err(Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(self.failed("remove", path, error)),
        }
    }

    /// The files below `folder`, by path.
    pub(crate) async fn list(&self, folder: &str) -> Result<Vec<String>, ArchiveError> {
        let prefix = self.path(folder)?;
        let found = self.store.list(Some(&prefix));
        let paths = found.map_ok(|meta| meta.location.to_string()).try_collect();
        let mut paths: Vec<_> = paths.await.map_err(|e| self.failed("list", folder, e))?;
        paths.sort();
        Ok(paths)
    }
}

fn version_of(found: &GetResult) -> Version {
    UpdateVersion {
        e_tag: found.meta.e_tag.clone(),
        version: found.meta.version.clone(),
    }
}

fn refused(shown: &str, why: impl std::fmt::Display) -> ArchiveError {
    ArchiveError::Url(format!("cannot use '{shown}': {why}"))
}

fn bucket_store(bucket: &str) -> Result<impl ObjectStore + use<>, Error> {
    // The first decides; all of this program is content with ring.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let plain = ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT"]
        .iter()
        .filter_map(|name| std::env::var(name).ok())
        .any(|endpoint| endpoint.starts_with("http://"));
    AmazonS3Builder::from_env()
        .with_bucket_name(bucket)
        .with_client_options(
            ClientOptions::new()
                .with_timeout(REQUEST)
                .with_connect_timeout(CONNECT)
                .with_allow_http(plain),
        )
        .with_retry(RetryConfig {
            max_retries: RETRIES,
            retry_timeout: RETRY,
            ..RetryConfig::default()
        })
        .build()
}

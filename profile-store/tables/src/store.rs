//! A local object store that keeps what it was given: every object is written
//! beside its place, synced, put in place whole, and its folder synced.
//!
//! `PutMode::Create` fails if the object exists, also against another process:
//! that is what makes a commit of a table atomic.

use async_trait::async_trait;
use futures::FutureExt as _;
use futures::stream::BoxStream;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, PutMode,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result, UploadPart,
};
use std::fs::File;
use std::io::Write as _;
use std::path::Path as FilePath;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

const NAME: &str = "synced files";

/// The store; paths are those of the file system.
#[derive(Clone, Debug)]
pub(crate) struct SyncedStore(Arc<LocalFileSystem>);

impl SyncedStore {
    pub(crate) fn new() -> Self {
        Self(Arc::new(LocalFileSystem::new()))
    }

    async fn write(&self, location: &Path, payload: PutPayload, create: bool) -> Result<PutResult> {
        let place = self.0.path_to_filesystem(location)?;
        let written = tokio::task::spawn_blocking(move || {
            let result = write_whole(&place, &payload, create);
            result.map_err(|source| match source.kind() {
                std::io::ErrorKind::AlreadyExists => {
                    Error::AlreadyExists { path: place.display().to_string(), source: source.into() }
                }
                _ => Error::Generic { store: NAME, source: source.into() },
            })
        });
        written.await??;
        Ok(PutResult { e_tag: None, version: None })
    }
}

/// Writes a file durably: all of it, or nothing.
pub(crate) fn write_whole(place: &FilePath, payload: &PutPayload, create: bool) -> std::io::Result<()> {
    // A name that ends in `#digits` is never listed by the local store.
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let folder = place.parent().unwrap_or(place);
    std::fs::create_dir_all(folder)?;
    let unique = (u64::from(std::process::id()) << 32) | (COUNT.fetch_add(1, Ordering::Relaxed) & 0xffff_ffff);
    let mut staged = place.as_os_str().to_owned();
    staged.push(format!("#{unique}"));
    let staged = FilePath::new(&staged);
    let result = stage(staged, payload)
        .and_then(|()| if create { std::fs::hard_link(staged, place) } else { std::fs::rename(staged, place) });
    if create || result.is_err() {
        // What is left behind does no harm: vacuum removes it.
        let _ = std::fs::remove_file(staged);
    }
    result?;
    sync_folder(folder)
}

fn stage(staged: &FilePath, payload: &PutPayload) -> std::io::Result<()> {
    let mut file = File::create_new(staged)?;
    for part in payload {
        file.write_all(part)?;
    }
    file.sync_all()
}

/// Makes the entries of a folder durable.
pub(crate) fn sync_folder(folder: &FilePath) -> std::io::Result<()> {
    File::open(folder)?.sync_all()
}

impl std::fmt::Display for SyncedStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(NAME)
    }
}

#[async_trait]
impl ObjectStore for SyncedStore {
    async fn put_opts(&self, location: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        match options.mode {
            PutMode::Create => self.write(location, payload, true).await,
            PutMode::Overwrite => self.write(location, payload, false).await,
            PutMode::Update(_) => {
                Err(Error::NotImplemented { operation: "conditional update".to_owned(), implementer: NAME.to_owned() })
            }
        }
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        _options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        Ok(Box::new(Upload { store: self.clone(), location: location.clone(), parts: Vec::new() }))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.0.get_opts(location, options).await
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.0.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.0.list(prefix)
    }

    fn list_with_offset(&self, prefix: Option<&Path>, offset: &Path) -> BoxStream<'static, Result<ObjectMeta>> {
        self.0.list_with_offset(prefix, offset)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.0.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.0.copy_opts(from, to, options).await
    }
}

/// An upload in parts: kept in memory (checkpoints are small) and written whole.
#[derive(Debug)]
struct Upload {
    store: SyncedStore,
    location: Path,
    parts: Vec<PutPayload>,
}

#[async_trait]
impl MultipartUpload for Upload {
    fn put_part(&mut self, part: PutPayload) -> UploadPart {
        self.parts.push(part);
        async { Ok(()) }.boxed()
    }

    async fn complete(&mut self) -> Result<PutResult> {
        let payload = std::mem::take(&mut self.parts).into_iter().flatten().collect();
        self.store.write(&self.location, payload, false).await
    }

    async fn abort(&mut self) -> Result<()> {
        self.parts.clear();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_created_file_is_never_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("log/0.json");
        write_whole(&place, &PutPayload::from_static(b"one"), true).unwrap();
        let again = write_whole(&place, &PutPayload::from_static(b"two"), true).unwrap_err();
        assert_eq!(again.kind(), std::io::ErrorKind::AlreadyExists);
        assert_eq!(std::fs::read(&place).unwrap(), b"one");
        write_whole(&place, &PutPayload::from_static(b"three"), false).unwrap();
        assert_eq!(std::fs::read(&place).unwrap(), b"three");
        assert_eq!(std::fs::read_dir(place.parent().unwrap()).unwrap().count(), 1, "nothing is left beside it");
    }
}

//! The directory of one execution. Paths are walked one component after the other without following a link, so
//! that nothing that runs inside can lead a tool outside.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{AtFlags, CWD, Mode, OFlags, mkdirat, openat, renameat, unlinkat};
use rustix::io::Errno;

use super::ToolError;

/// Largest file that is read back, in bytes.
const MAX_FILE: u64 = 64 << 20;

/// The directory of one execution. Cheap to clone; its methods block.
#[derive(Debug, Clone)]
pub(crate) struct Workspace(Arc<Path>);

impl Workspace {
    /// The workspace at `root`, which need not exist yet.
    pub(crate) fn new(root: PathBuf) -> Self {
        Self(Arc::from(root))
    }

    /// Makes the directory if it is not there.
    pub(crate) fn create(&self) -> std::io::Result<()> {
        std::fs::create_dir_all(&self.0)
    }

    /// Where it is.
    pub(crate) fn root(&self) -> &Path {
        &self.0
    }

    /// Opens a file; none when there is none.
    pub(crate) fn open(&self, path: &str) -> Result<Option<File>, ToolError> {
        let (folders, name) = components(path)?;
        let Some(folder) = self.walk(path, &folders, false)? else { return Ok(None) };
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let file = match openat(&folder, name, flags, Mode::empty()) {
            Ok(file) => File::from(file),
            Err(Errno::NOENT) => return Ok(None),
            Err(error) => return Err(refusal(path, error)),
        };
        let about = file.metadata().map_err(|e| failed(path, &e))?;
        if about.is_file() {
            return Ok(Some(file));
        }
        Err(ToolError::lasting("PATH_REFUSED", format!("`{path}` is no file")))
    }

    /// The content of a file; none when there is none.
    pub(crate) fn read(&self, path: &str) -> Result<Option<Vec<u8>>, ToolError> {
        let Some(file) = self.open(path)? else { return Ok(None) };
        if file.metadata().map_err(|e| failed(path, &e))?.len() > MAX_FILE {
            return Err(ToolError::lasting("PATH_REFUSED", format!("`{path}` is no file of a usable size")));
        }
        let mut content = Vec::new();
        file.take(MAX_FILE).read_to_end(&mut content).map_err(|e| failed(path, &e))?;
        Ok(Some(content))
    }

    /// Writes a file, and the directories that lead to it. Readers see the old content or the new one.
    pub(crate) fn write(&self, path: &str, content: &[u8], draft: &str) -> Result<(), ToolError> {
        let (folders, name) = components(path)?;
        self.create().map_err(|e| failed(path, &e))?;
        let folder = self.walk(path, &folders, true)?;
        let folder =
            folder.ok_or_else(|| ToolError::passing("FILE_FAILED", format!("`{path}` cannot be made")))?;
        match self.read(path) {
            // Something other than a file stands there.
            Err(error) if error.reason == "PATH_REFUSED" => return Err(error),
            _ => {}
        }
        let draft = format!(".assent-{draft}");
        match unlinkat(&folder, &draft, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => {}
            Err(error) => return Err(refusal(path, error)),
        }
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file =
            openat(&folder, &draft, flags, Mode::from_raw_mode(0o644)).map_err(|e| refusal(path, e))?;
        let mut file = File::from(file);
        file.write_all(content).and_then(|()| file.sync_all()).map_err(|e| failed(path, &e))?;
        renameat(&folder, &draft, &folder, name).map_err(|e| refusal(path, e))
    }

    /// Deletes a file; false when there was none.
    pub(crate) fn delete(&self, path: &str) -> Result<bool, ToolError> {
        let (folders, name) = components(path)?;
        let Some(folder) = self.walk(path, &folders, false)? else { return Ok(false) };
        match unlinkat(&folder, name, AtFlags::empty()) {
            Ok(()) => Ok(true),
            Err(Errno::NOENT) => Ok(false),
            Err(error) => Err(refusal(path, error)),
        }
    }

    /// Opens the directory that holds the file; none when it is not there and not to be made.
    fn walk(&self, path: &str, folders: &[&str], make: bool) -> Result<Option<OwnedFd>, ToolError> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mut at = match openat(CWD, &*self.0, flags, Mode::empty()) {
            Ok(root) => root,
            Err(Errno::NOENT) => return Ok(None),
            Err(error) => return Err(refusal(path, error)),
        };
        for folder in folders {
            if make {
                match mkdirat(&at, *folder, Mode::from_raw_mode(0o755)) {
                    Ok(()) | Err(Errno::EXIST) => {}
                    Err(error) => return Err(refusal(path, error)),
                }
            }
            at = match openat(&at, *folder, flags, Mode::empty()) {
                Ok(next) => next,
                Err(Errno::NOENT) => return Ok(None),
                Err(error) => return Err(refusal(path, error)),
            };
        }
        Ok(Some(at))
    }
}

/// A path as it is shown: without `./` and double slashes.
pub(crate) fn tidy(path: &str) -> Result<String, ToolError> {
    let (folders, name) = components(path)?;
    Ok(folders.into_iter().chain([name]).collect::<Vec<_>>().join("/"))
}

/// Directories and the name of the file. Nothing but plain names is accepted.
fn components(path: &str) -> Result<(Vec<&str>, &str), ToolError> {
    let refuse = || {
        let text = format!("`{path}` is no path inside the workspace");
        ToolError::lasting("PATH_REFUSED", text)
    };
    if path.contains('\0') || path.ends_with('/') {
        return Err(refuse());
    }
    let mut names = Vec::new();
    for component in Path::new(path).components() {
        match component {
            Component::Normal(name) => names.push(name.to_str().ok_or_else(refuse)?),
            Component::CurDir => {}
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => return Err(refuse()),
        }
    }
    let name = names.pop().ok_or_else(refuse)?;
    Ok((names, name))
}

fn refusal(path: &str, error: Errno) -> ToolError {
    match error {
        Errno::LOOP | Errno::NOTDIR | Errno::ISDIR | Errno::NAMETOOLONG | Errno::PERM => {
            ToolError::lasting("PATH_REFUSED", format!("`{path}` leads over a link or is no file: {error}"))
        }
        _ => failed(path, &error.into()),
    }
}

fn failed(path: &str, error: &std::io::Error) -> ToolError {
    ToolError::passing("FILE_FAILED", format!("`{path}`: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_written_read_and_deleted() {
        let folder = tempfile::tempdir().unwrap();
        let workspace = Workspace::new(folder.path().join("w"));
        assert_eq!(workspace.read("a/b.txt"), Ok(None));
        assert_eq!(workspace.delete("a/b.txt"), Ok(false));
        workspace.write("./a//b.txt", b"one", "x").unwrap();
        workspace.write("a/b.txt", b"two", "x").unwrap();
        assert_eq!(workspace.read("a/b.txt"), Ok(Some(b"two".to_vec())));
        assert_eq!(std::fs::read_dir(folder.path().join("w/a")).unwrap().count(), 1);
        assert_eq!(workspace.delete("a/b.txt"), Ok(true));
        assert_eq!(tidy("./a//b.txt").unwrap(), "a/b.txt");
    }

    #[test]
    fn nothing_leads_outside() {
        let folder = tempfile::tempdir().unwrap();
        let outside = folder.path().join("outside");
        std::fs::create_dir(&outside).unwrap();
        std::fs::write(outside.join("f"), "secret").unwrap();
        let workspace = Workspace::new(folder.path().join("w"));
        workspace.create().unwrap();
        let link =
            |name: &str, to: &Path| std::os::unix::fs::symlink(to, workspace.root().join(name)).unwrap();
        link("dir", &outside);
        link("file", &outside.join("f"));
        for path in ["/etc/passwd", "../outside/f", "a/../../outside/f", "", ".", "a/", "dir/f", "file"] {
            let refused = |result: Result<(), ToolError>| result.unwrap_err().reason == "PATH_REFUSED";
            assert!(refused(workspace.read(path).map(drop)), "read {path}");
            assert!(refused(workspace.write(path, b"x", "d")), "write {path}");
        }
        assert!(workspace.delete("dir/f").is_err());
        // The link goes, not what it leads to.
        assert_eq!(workspace.delete("file"), Ok(true));
        assert_eq!(std::fs::read_to_string(outside.join("f")).unwrap(), "secret");
    }
}

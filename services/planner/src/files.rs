//! Playbooks in files.

use std::path::Path;

use assent_plan::Catalog;
use assent_runtime::BuildError;

use crate::domain::Library;

/// The playbooks that Assent ships and those of a directory (none when empty), by file name. What cannot be used is
/// logged with file and line, and left out.
pub(crate) fn load(directory: &str, catalog: &Catalog) -> Result<Library, BuildError> {
    let mut library = Library::shipped(catalog);
    if !directory.is_empty() {
        add_directory(&mut library, Path::new(directory), catalog)?;
    }
    for left_out in library.unusable() {
        tracing::error!(
            file = left_out.file,
            line = left_out.line,
            error = left_out.reason,
            "playbook left out"
        );
    }
    Ok(library)
}

fn add_directory(library: &mut Library, directory: &Path, catalog: &Catalog) -> Result<(), BuildError> {
    let unreadable = |source| BuildError::File { path: directory.display().to_string(), source };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(directory).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.extension().is_some_and(|extension| extension == "yaml") {
            files.push(path);
        }
    }
    files.sort();
    for path in files {
        let file = path.display().to_string();
        match std::fs::read_to_string(&path) {
            Ok(text) => library.add_file(&file, &text, catalog),
            Err(error) => library.leave_out(&file, None, error.to_string()),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_file_does_not_take_the_others_away() {
        let directory = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(directory.path().join(name), text).unwrap();
        let search = include_str!("../playbooks/web-search.yaml");
        write("a.yaml", "name: x\nmatch: 5\n");
        write("b.yaml", &search.replace("name: web-search", "name: second-search"));
        write("c.yaml", search);
        write("d.txt", &search.replace("name: web-search", "name: not-yaml"));
        std::fs::write(directory.path().join("e.yaml"), [0xff, 0xfe]).unwrap();
        let catalog = Catalog::builtin().unwrap();
        let path = directory.path().to_str().unwrap();
        let library = load(path, &catalog).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(library.playbooks().count(), Library::shipped(&catalog).playbooks().count() + 1);
        let found: Vec<_> = library
            .unusable()
            .iter()
            .map(|u| (u.file.rsplit('/').next().unwrap(), u.line, u.reason.as_str()))
            .collect();
        assert_eq!((found[0].0, found[0].1), ("a.yaml", Some(2)));
        assert_eq!(found[1], ("c.yaml", Some(1), "there is a playbook `web-search` already"));
        assert_eq!((found[2].0, found[2].1, found.len()), ("e.yaml", None, 3));
        assert!(load("/nowhere", &catalog).is_err());
    }
}

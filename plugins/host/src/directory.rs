//! A directory of plugins. Owns which files are tried, in which order, and that names are unique.

use crate::load::check_trusted;
use crate::{LoadError, Plugin};
use rustix::fs::{FileType, Mode, OFlags};
use std::path::{Path, PathBuf};

/// Most plugins that are loaded from one directory.
pub const PLUGINS_MAX: usize = 64;

/// Loads every `*.so` of a directory, by file name. One bad file keeps none of the others out.
///
/// The same rule of ownership holds for the directory as for its files: who may write there may put a file in.
#[must_use]
pub fn load_dir(path: &Path) -> (Vec<Plugin>, Vec<LoadError>) {
    let files = match list(path) {
        Ok(files) => files,
        Err(error) => return (Vec::new(), vec![error]),
    };
    let mut plugins: Vec<Plugin> = Vec::new();
    let mut errors = Vec::new();
    if let Some(first) = files.get(PLUGINS_MAX) {
        errors.push(LoadError::TooMany { path: path.into(), max: PLUGINS_MAX, first: first.clone() });
    }
    for file in files.iter().take(PLUGINS_MAX) {
        match Plugin::load(file) {
            Ok(plugin) => match plugins.iter().find(|known| known.name() == plugin.name()) {
                Some(known) => errors.push(LoadError::Duplicate {
                    path: file.clone(),
                    name: plugin.name().into(),
                    first: known.path().into(),
                }),
                None => plugins.push(plugin),
            },
            Err(error) => errors.push(error),
        }
    }
    (plugins, errors)
}

fn list(path: &Path) -> Result<Vec<PathBuf>, LoadError> {
    let failed = |source| LoadError::Directory { path: path.into(), source };
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let directory = rustix::fs::open(path, flags, Mode::empty()).map_err(|e| failed(e.into()))?;
    check_trusted(path, &directory, FileType::Directory)?;
    let mut files = Vec::new();
    for entry in std::fs::read_dir(path).map_err(failed)? {
        let file = entry.map_err(failed)?.path();
        if file.extension().is_some_and(|e| e == "so") {
            files.push(file);
        }
    }
    files.sort();
    Ok(files)
}

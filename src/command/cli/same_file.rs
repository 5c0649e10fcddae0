//! Options that name the same file. A program that reads what it writes never reaches the end, and
//! two writers destroy each other's lines.

use std::{
    fs::{self, File, Metadata},
    io,
    os::{fd::AsFd, unix::fs::MetadataExt},
    path::{Path, PathBuf},
};

use super::Args;
use crate::command::metrics;

/// A file that an option names.
struct Named {
    /// The option, or the name of a standard stream.
    option: &'static str,
    /// Empty for a stream.
    path: PathBuf,
    identity: Identity,
}

/// What makes two names the same file.
#[derive(Eq, PartialEq)]
enum Identity {
    /// The device and inode of a regular file.
    File(u64, u64),
    /// The path of a file that does not exist yet, without symbolic links.
    Path(PathBuf),
}

impl Args {
    /// The first pair of options that name the same file, perhaps by different paths, as a usage
    /// error.
    pub(super) fn same_file(&self) -> Option<String> {
        let mut earlier = self.files_read();
        for file in self.files_written() {
            let is_same =
                |other: &&Named| other.option != file.option && other.identity == file.identity;
            if let Some(directory) = self.directory_of(&file.path) {
                let (option, directory) = (file.option, directory.display());
                return Some(format!(
                    "{option} cannot be in the directory that --input reads, {directory}"
                ));
            }
            if let Some(other) = earlier.iter().find(is_same) {
                let (first, second) = (other.option, file.option);
                let text = format!("{first} and {second} cannot be the same file");
                return Some(match other.path.to_str() {
                    Some("") => text,
                    _ => format!("{text}, {}", other.path.display()),
                });
            }
            earlier.push(file);
        }
        None
    }

    /// The input that is the directory of a file.
    fn directory_of(&self, file: &Path) -> Option<&Path> {
        let file = resolved(file)?;
        let is_its = |input: &&PathBuf| fs::canonicalize(input).ok().as_deref() == file.parent();
        self.input.iter().find(is_its).map(PathBuf::as_path)
    }

    fn files_read(&self) -> Vec<Named> {
        let inputs = self.input.iter().flat_map(|file| {
            if file.as_os_str() == "-" {
                return Vec::from_iter(Named::stream("standard input", &io::stdin()));
            }
            let entries = fs::read_dir(file).into_iter().flatten().flatten();
            let files = entries.filter_map(|entry| Named::new("--input", &entry.path()));
            files.chain(Named::new("--input", file)).collect()
        });
        let snapshot = self.prime_from.iter();
        let filter = self.filter.iter();
        inputs
            .chain(snapshot.filter_map(|file| Named::new("--prime-from", file)))
            .chain(filter.filter_map(|file| Named::new("--filter", file)))
            .collect()
    }

    fn files_written(&self) -> Vec<Named> {
        let mut written = Vec::new();
        if self.is_to_stdout() {
            written.extend(Named::stream("standard output", &io::stdout()));
        } else {
            written.extend(Named::new("--output", &self.output));
        }
        if let Some(file) = &self.metrics_file {
            // The temporary file is removed and created again each time.
            for file in [file, &metrics::temporary(file)] {
                written.extend(Named::new("--metrics-file", file));
            }
        }
        written
    }
}

impl Named {
    fn new(option: &'static str, file: &Path) -> Option<Named> {
        let identity = match fs::metadata(file) {
            Ok(metadata) => regular(&metadata)?,
            Err(_) => Identity::Path(resolved(file)?),
        };
        Some(Named {
            option,
            path: file.to_owned(),
            identity,
        })
    }

    /// A standard stream that is redirected to a file.
    fn stream(stream: &'static str, open: &impl AsFd) -> Option<Named> {
        let file = File::from(open.as_fd().try_clone_to_owned().ok()?);
        let (option, identity) = (stream, regular(&file.metadata().ok()?)?);
        let path = PathBuf::new();
        Some(Named {
            option,
            path,
            identity,
        })
    }
}

/// Only regular files: a terminal or /dev/null may be both read and written.
fn regular(metadata: &Metadata) -> Option<Identity> {
    let identity = Identity::File(metadata.dev(), metadata.ino());
    metadata.is_file().then_some(identity)
}

/// The path that a new file will have.
fn resolved(file: &Path) -> Option<PathBuf> {
    let file = std::path::absolute(file).ok()?;
    let directory = fs::canonicalize(file.parent()?).ok()?;
    Some(directory.join(file.file_name()?))
}

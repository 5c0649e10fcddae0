//! The output file: whether lines could be written to it.

use std::{io, path::Path};

use auditrd::sink::{self, directory_of};

use super::finding::Finding;

pub(super) fn judge(file: &Path) -> Option<Finding> {
    let Err(error) = sink::check(file) else {
        return is_full(file).then(|| full(file));
    };
    let (cause, remedy) = if error.cause().kind() == io::ErrorKind::WouldBlock {
        (
            "output_in_use",
            "stop that process, or choose another output",
        )
    } else {
        (
            "output_unwritable",
            "fix that, or choose another --output; run this as the user that auditrd runs as",
        )
    };
    Some(Finding::error(cause, error.to_string(), remedy))
}

/// Whether the file system has no room. One that does not tell has some.
fn is_full(file: &Path) -> bool {
    let statistics = rustix::fs::statvfs(directory_of(file));
    statistics.is_ok_and(|found| found.f_blocks > 0 && found.f_bavail == 0)
}

fn full(file: &Path) -> Finding {
    Finding::error(
        "output_full",
        format!("there is no room on the file system of {}", file.display()),
        "make room, or choose another --output; --max-size and --max-files limit the output",
    )
}

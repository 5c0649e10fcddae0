//! The output file: whether lines could be written to it.

use std::path::Path;

use auditrd::sink;

use super::finding::Finding;

pub(super) fn judge(file: &Path) -> Option<Finding> {
    let error = sink::check(file).err()?;
    let (cause, remedy) = if error.cause().kind() == std::io::ErrorKind::WouldBlock {
        (
            "output_in_use",
            "stop that process, or choose another output",
        )
    } else {
        (
            "output_unwritable",
            "mend that, or choose another --output; run this as the user that auditrd runs as",
        )
    };
    Some(Finding::error(cause, error.to_string(), remedy))
}

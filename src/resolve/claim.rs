//! A name in a call, and the answer where it is.

use crate::{
    model::{FileId, FileType},
    resolve::text,
};

/// The directory that a name is relative to.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Base<'q> {
    /// The working directory, if the record has a path of it.
    Cwd(Option<&'q [u8]>),
    /// This descriptor.
    Descriptor(u32),
    /// No record tells; it may be the working directory.
    Unknown(Option<&'q [u8]>),
}

/// A name in a call with everything that its record says about it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Claim<'q> {
    /// The name as the caller gave it.
    pub(crate) name: &'q [u8],
    /// What stands in it before the last part, and that part.
    pub(crate) parts: (&'q [u8], &'q [u8]),
    pub(crate) base: Base<'q>,
    /// The directory that the last part of the name was looked up in. A call on two names has two,
    /// and does not always tell which is whose.
    pub(crate) parents: [Option<FileId>; 2],
    /// The file that the name stands for.
    pub(crate) file: Option<FileId>,
    pub(crate) file_type: FileType,
    /// The call follows a symbolic link at the end of the name. If it may also create the file, the
    /// PARENT record can be about the directory of the link's target, under the name of the link's
    /// own directory (fs/namei.c, `open_last_lookups`).
    pub(crate) follows: bool,
}

/// Where a name is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Located<'a> {
    /// The path that was asked for, or as much of it as is known.
    pub(crate) path: Option<&'a [u8]>,
    /// Where the file really is, if that is known to be somewhere else.
    pub(crate) real: Option<&'a [u8]>,
    /// Whether `path` is a full path, and proved.
    pub(crate) is_full: bool,
}

impl<'a> Located<'a> {
    /// Nothing is known of it.
    pub(crate) const NOWHERE: Located<'static> = Located {
        path: None,
        real: None,
        is_full: false,
    };

    pub(crate) fn full(path: &'a [u8]) -> Located<'a> {
        Located {
            path: Some(path),
            real: None,
            is_full: true,
        }
    }

    /// A part of a path, or of the name that was asked for.
    pub(crate) fn partial(path: Option<&'a [u8]>) -> Located<'a> {
        Located {
            path,
            ..Located::NOWHERE
        }
    }

    pub(super) fn proved(path: Option<&'a [u8]>) -> Option<Located<'a>> {
        path.map(Located::full)
    }
}

impl<'q> Claim<'q> {
    /// The claim of a name of which no record tells more.
    pub(crate) fn of(name: &'q [u8], base: Base<'q>) -> Claim<'q> {
        Claim {
            name,
            parts: text::split(name),
            base,
            parents: [None, None],
            file: None,
            file_type: FileType::Unknown,
            follows: false,
        }
    }

    /// What stands before the last part.
    pub(crate) fn directory(&self) -> &'q [u8] {
        self.parts.0
    }

    /// The last part.
    pub(super) fn last(&self) -> &'q [u8] {
        self.parts.1
    }

    /// Whether the last part is the name of an entry, and not the directory itself.
    pub(super) fn is_entry(&self) -> bool {
        !matches!(self.last(), b"" | b"." | b"..")
    }

    pub(super) fn has_one_part(&self) -> bool {
        self.directory().is_empty()
    }

    /// The directory of the last part, if the record tells just one.
    pub(super) fn parent(&self) -> Option<FileId> {
        match self.parents {
            [Some(one), None] => Some(one),
            [Some(one), Some(other)] if one == other => Some(one),
            _ => None,
        }
    }

    pub(super) fn has_parent(&self) -> bool {
        self.parents[0].is_some()
    }
}

//! The names of one call, gathered as the kernel gathers them (kernel/auditsc.c,
//! kernel/auditfilter.c).
//!
//! The functions are the kernel's, so that its merged, nameless and doubled records come out as
//! they do there, and not as somebody thinks of them.

use std::{fmt::Write, sync::Arc};

use super::tree::{Dentry, Tree, device};

/// What a name is in the call (include/linux/audit.h, `AUDIT_TYPE_*`).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Type {
    Unknown,
    Normal,
    Parent,
    Delete,
    Create,
}

/// How much of the name is printed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Length {
    Full,
    Directory(usize),
}

#[derive(Clone, Debug)]
struct Name {
    kind: Type,
    name: Option<Arc<str>>,
    length: Length,
    inode: Option<usize>,
}

/// A name that a call was given: its text, and the first record of it.
#[derive(Clone, Debug)]
pub(crate) struct Filename {
    text: Arc<str>,
    record: usize,
}

/// `struct audit_context`, as far as it is about names.
#[derive(Clone, Debug, Default)]
pub(crate) struct Names {
    names: Vec<Name>,
    /// Entries that were looked at, which a watch on a directory goes by.
    pub(crate) touched: Vec<Dentry>,
    pub(crate) kernel: Kernel,
}

/// In what kernels differ.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Kernel {
    /// Before 6.14 slashes at the end counted as part of the last name.
    pub(crate) old_slashes: bool,
    /// Whether the old name of two is taken first.
    pub(crate) old_first: bool,
    /// Whether O_CREAT tells the directory of a file that is there, too.
    pub(crate) always_parent: bool,
}

impl Names {
    pub(crate) fn new(kernel: Kernel) -> Names {
        Names {
            kernel,
            ..Names::default()
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.names.len()
    }

    fn add(&mut self, kind: Type) -> usize {
        self.names.push(Name {
            kind,
            name: None,
            length: Length::Full,
            inode: None,
        });
        self.names.len() - 1
    }

    /// `__audit_getname`.
    pub(crate) fn getname(&mut self, text: &str) -> Filename {
        let record = self.add(Type::Unknown);
        let text: Arc<str> = text.into();
        self.names[record].name = Some(text.clone());
        Filename { text, record }
    }

    /// `audit_inode` with `AUDIT_INODE_PARENT`.
    pub(crate) fn parent(&mut self, tree: &Tree, name: &Filename, dentry: Dentry) {
        self.inode(tree, Some(name), dentry, true);
    }

    /// `audit_inode` without flags.
    pub(crate) fn normal(&mut self, tree: &Tree, name: &Filename, dentry: Dentry) {
        self.inode(tree, Some(name), dentry, false);
    }

    /// `audit_file`.
    pub(crate) fn file(&mut self, tree: &Tree, dentry: Dentry) {
        self.inode(tree, None, dentry, false);
    }

    fn inode(&mut self, tree: &Tree, name: Option<&Filename>, dentry: Dentry, parent: bool) {
        self.touched.push(dentry);
        let inode = tree.entries[dentry.0].inode;
        let fits = |name: &Name| match parent {
            true => matches!(name.kind, Type::Parent | Type::Unknown),
            false => name.kind != Type::Parent,
        };
        let record = name.and_then(|name| {
            let own = Some(name.record).filter(|own| fits(&self.names[*own]));
            let same = |known: &Name| known.inode == Some(inode) && fits(known);
            own.or_else(|| self.names.iter().rposition(same))
        });
        let record = record.unwrap_or_else(|| {
            let record = self.add(Type::Unknown);
            self.names[record].name = name.map(|name| name.text.clone());
            record
        });
        let known = &mut self.names[record];
        (known.kind, known.length) = match (parent, &known.name) {
            (true, Some(name)) => (Type::Parent, Length::Directory(parent_len(name))),
            (true, None) => (Type::Parent, Length::Full),
            (false, _) => (Type::Normal, Length::Full),
        };
        known.inode = Some(inode);
    }

    /// `audit_inode_child`. The entry may not be there (yet).
    pub(crate) fn child(
        &mut self,
        tree: &Tree,
        directory: Dentry,
        entry: &str,
        inode: Option<Dentry>,
        kind: Type,
    ) {
        let parent = tree.entries[directory.0].inode;
        let found_parent = self.names.iter().position(|known| {
            matches!(known.kind, Type::Parent | Type::Unknown)
                && known.inode == Some(parent)
                && known
                    .name
                    .as_ref()
                    .is_some_and(|name| self.compare(entry, name, known.length))
        });
        let length = match found_parent {
            Some(parent) => {
                self.names[parent].kind = Type::Parent;
                self.names[parent].length
            }
            None => Length::Full,
        };
        let found_child = self.names.iter().position(|known| {
            (known.kind == kind || known.kind == Type::Unknown)
                && known
                    .name
                    .as_ref()
                    .is_some_and(|name| **name == *entry || self.compare(entry, name, length))
        });
        if let Some(child) = found_child {
            self.names[child].kind = kind;
        }
        if found_parent.is_none() {
            let anonymous = self.add(Type::Parent);
            self.names[anonymous].inode = Some(parent);
        }
        let child = found_child.unwrap_or_else(|| {
            let child = self.add(kind);
            self.names[child].name =
                found_parent.and_then(|parent| self.names[parent].name.clone());
            child
        });
        self.names[child].inode = inode.map(|dentry| tree.entries[dentry.0].inode);
    }

    /// Whether the last part of a path is this (`audit_compare_dname_path`).
    fn compare(&self, entry: &str, path: &str, length: Length) -> bool {
        let length = match length {
            Length::Full => parent_len(path),
            Length::Directory(length) => length,
        };
        let Some(rest) = path.get(length..) else {
            return false;
        };
        let rest = match self.kernel.old_slashes {
            true => rest,
            false => rest.trim_end_matches('/'),
        };
        rest == entry
    }

    /// The bodies of the PATH records (`audit_log_name`).
    pub(crate) fn records(&self, tree: &Tree, cwd: &str) -> Vec<String> {
        let record = |(item, name): (usize, &Name)| {
            let text = match (&name.name, name.length) {
                (None, _) => "(null)".to_owned(),
                (Some(text), Length::Full) => untrusted(text),
                (Some(_), Length::Directory(0)) => untrusted(cwd),
                (Some(text), Length::Directory(length)) => untrusted(&text[..length]),
            };
            let mut body = format!("item={item} name={text}");
            if let Some(inode) = name.inode {
                let inode = &tree.inodes[inode];
                let (major, minor) = device(inode.device);
                let _ = write!(
                    body,
                    " inode={} dev={major:02x}:{minor:02x} mode={} ouid=0 ogid=0 rdev=00:00",
                    inode.number,
                    inode.kind.mode()
                );
            }
            let kind = match name.kind {
                Type::Unknown => "UNKNOWN",
                Type::Normal => "NORMAL",
                Type::Parent => "PARENT",
                Type::Delete => "DELETE",
                Type::Create => "CREATE",
            };
            let _ = write!(
                body,
                " nametype={kind} cap_fp=0 cap_fi=0 cap_fe=0 cap_fver=0 cap_frootid=0"
            );
            body
        };
        self.names.iter().enumerate().map(record).collect()
    }
}

/// How long the part of a path before its last name is (`parent_len`).
fn parent_len(path: &str) -> usize {
    let trimmed = path.trim_end_matches('/');
    if trimmed.is_empty() {
        return path.len().min(1);
    }
    trimmed.rfind('/').map_or(0, |slash| slash + 1)
}

/// As `audit_log_untrustedstring` prints it.
pub(crate) fn untrusted(text: &str) -> String {
    if text.bytes().all(|byte| matches!(byte, 0x21 | 0x23..=0x7e)) {
        return format!("\"{text}\"");
    }
    let mut hex = String::new();
    text.bytes().for_each(|byte| {
        let _ = write!(hex, "{byte:02X}");
    });
    hex
}

//! Adds the git commit to the output of `auditrd --version`.

use std::{env, path::Path, process::Command};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=AUDITRD_COMMIT");
    let version = env!("CARGO_PKG_VERSION");
    let commit = env::var("AUDITRD_COMMIT")
        .ok()
        .or_else(commit)
        .filter(|commit| !commit.is_empty());
    match commit {
        Some(commit) => println!("cargo::rustc-env=VERSION_AND_COMMIT={version} ({commit})"),
        None => println!("cargo::rustc-env=VERSION_AND_COMMIT={version}"),
    }
}

/// The current commit, if this directory is the top of a git working tree. Sources unpacked inside
/// another project's tree have no commit of their own.
fn commit() -> Option<String> {
    let top = git(&["rev-parse", "--show-toplevel"])?;
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).canonicalize().ok()?;
    if Path::new(&top).canonicalize().ok()? != here {
        return None;
    }
    // HEAD changes when the branch does, its reflog with each commit.
    for file in ["HEAD", "logs/HEAD"] {
        let path = git(&["rev-parse", "--git-path", file])?;
        if Path::new(&path).exists() {
            println!("cargo::rerun-if-changed={path}");
        }
    }
    git(&["rev-parse", "--short=12", "HEAD"])
}

fn git(args: &[&str]) -> Option<String> {
    let output = Command::new("git").args(args).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let line = text.trim();
    (output.status.success() && !line.is_empty()).then(|| line.to_owned())
}

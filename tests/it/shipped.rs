//! Files shipped beside the binary, checked with the tools that read them.

use std::{
    fs,
    os::unix::{fs::PermissionsExt, process::CommandExt},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::live::{audit::skip, os::is_root};

fn top() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Runs a tool on a file and asserts that it prints nothing.
fn assert_silent(tool: &str, args: &[&str], file: &str) {
    assert!(top().join(file).exists(), "{file}");
    let mut command = Command::new(tool);
    command.args(args).arg(file).current_dir(top());
    let Ok(output) = command.output() else {
        return skip(&format!("{file} needs {tool}"));
    };
    let text = String::from_utf8_lossy(&output.stderr) + String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.is_empty(), "{text}");
}

#[test]
fn mandoc_accepts_the_manual_pages() {
    for page in fs::read_dir(top().join("packaging/man")).unwrap() {
        let page = page.unwrap().file_name().into_string().unwrap();
        if !page.ends_with(".end") {
            let page = format!("packaging/man/{page}");
            assert_silent("mandoc", &["-T", "lint", "-W", "warning"], &page);
        }
    }
}

#[test]
fn the_shells_accept_their_completions() {
    assert_silent("bash", &["-n"], "packaging/completions/auditrd.bash");
    assert_silent("zsh", &["-n"], "packaging/completions/_auditrd");
    assert_silent("fish", &["-n"], "packaging/completions/auditrd.fish");
}

/// Completes an option in bash, as the tab key does.
#[test]
fn bash_completes_an_option() {
    let script = "source packaging/completions/auditrd.bash; COMP_WORDS=(auditrd --ev); \
                  COMP_CWORD=1; COMP_LINE='auditrd --ev'; COMP_POINT=12; _auditrd auditrd --ev \
                  auditrd; printf %s \"${COMPREPLY[*]}\"";
    let output = Command::new("bash")
        .args(["--norc", "-c", script])
        .current_dir(top())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(text, "--events --event-timeout");
}

#[test]
fn the_package_scripts_are_valid_shell() {
    for script in ["postinst", "prerm", "postrm"] {
        assert_silent("sh", &["-n"], &format!("packaging/deb/{script}"));
    }
    for script in ["install", "deb/build", "rpm/build", "PKGBUILD"] {
        assert_silent("bash", &["-n"], &format!("packaging/{script}"));
    }
}

#[test]
fn apparmor_parser_accepts_the_profile() {
    let mut parser = Command::new("apparmor_parser");
    parser.args([
        "--skip-kernel-load",
        "--skip-cache",
        "packaging/apparmor/auditrd",
    ]);
    let Ok(output) = parser.current_dir(top()).output() else {
        return skip("needs apparmor_parser");
    };
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");
}

/// systemd 247, that of Debian 11, has no --kill-whom, and 252 and later accept --kill-who.
#[test]
fn the_rotation_has_no_option_that_old_systemds_lack() {
    let rotation = fs::read_to_string(top().join("packaging/logrotate")).unwrap();
    assert!(rotation.contains(" --kill-who=main ") && !rotation.contains("--kill-whom="));
}

#[test]
fn the_selinux_module_compiles() {
    const MAKEFILE: &str = "/usr/share/selinux/devel/Makefile";
    if !Path::new(MAKEFILE).exists() {
        return skip("needs the development files of a SELinux policy");
    }
    let directory = tempfile::TempDir::new().unwrap();
    for file in ["auditrd.te", "auditrd.fc"] {
        let source = top().join("packaging/selinux").join(file);
        fs::copy(source, directory.path().join(file)).unwrap();
    }
    let mut make = Command::new("make");
    make.args(["-f", MAKEFILE, "auditrd.pp"]);
    let output = make.current_dir(directory.path()).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && !text.contains("Warning"),
        "{text}"
    );
}

/// makepkg cannot read the version from Cargo.toml, so PKGBUILD repeats it.
#[test]
fn the_arch_package_has_this_version() {
    let text = fs::read_to_string(top().join("packaging/PKGBUILD")).unwrap();
    let version = env!("CARGO_PKG_VERSION");
    assert!(text.contains(&format!("\npkgver={version}\n")), "{version}");
    let script = "source packaging/PKGBUILD && declare -F prepare build check package";
    let output = Command::new("bash")
        .args(["-euc", script])
        .current_dir(top())
        .output()
        .unwrap();
    assert!(output.status.success(), "a function is missing");
}

/// makepkg parses the file. It refuses to run as root.
#[test]
fn makepkg_accepts_the_arch_package() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("PKGBUILD");
    fs::copy(top().join("packaging/PKGBUILD"), &file).unwrap();
    let everybody = fs::Permissions::from_mode(0o777);
    fs::set_permissions(directory.path(), everybody).unwrap();
    let mut command = Command::new("makepkg");
    // makepkg needs a pacman in PATH, even if it does not use it.
    let command = command.arg("--printsrcinfo").env("PACMAN", "true");
    let command = command.current_dir(directory.path());
    if is_root() {
        command.uid(65534).gid(65534);
    }
    let Ok(output) = command.output() else {
        return skip("needs makepkg");
    };
    let error = String::from_utf8_lossy(&output.stderr);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && error.is_empty(), "{error}");
    assert!(text.contains("pkgbase = auditrd") && text.contains("license = MIT"));
}

#[test]
fn the_installer_accepts_a_relative_root() {
    let directory = tempfile::tempdir().unwrap();
    let output = Command::new(top().join("packaging/install"))
        .args(["some/root/", env!("CARGO_BIN_EXE_auditrd")])
        .current_dir(directory.path())
        .output()
        .unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
    for file in ["usr/bin/auditrd", "usr/share/man/man8/auditrd.8.gz"] {
        let path = directory.path().join("some/root").join(file);
        assert!(path.exists(), "{}", path.display());
    }
}

/// Every file named in a unit, the logrotate configuration or a manual page is installed.
#[test]
fn every_named_file_is_installed() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    let status = Command::new(top().join("packaging/install"))
        .args([root, Path::new(env!("CARGO_BIN_EXE_auditrd"))])
        .status()
        .unwrap();
    assert!(status.success());
    for file in [
        "usr/bin/auditrd",
        "usr/lib/systemd/system/auditrd.socket",
        "usr/lib/systemd/system/auditrd.service",
        "usr/lib/systemd/system/auditrd-multicast.service",
        "usr/lib/systemd/system/auditrd-unicast.service",
        "usr/lib/systemd/system/auditrd-rules.service",
        "usr/share/auditrd/enable.rules",
        "usr/lib/systemd/system-preset/90-auditrd.preset",
        "usr/lib/sysusers.d/auditrd.conf",
        "usr/share/man/man8/auditrd.8.gz",
        "usr/share/man/man8/auditrd-check.8.gz",
        "usr/share/man/man7/auditrd-events.7.gz",
        "usr/share/bash-completion/completions/auditrd",
        "usr/share/zsh/site-functions/_auditrd",
        "usr/share/fish/vendor_completions.d/auditrd.fish",
        "usr/share/auditrd/rules/30-auditrd.rules",
        "etc/default/auditrd",
        "etc/logrotate.d/auditrd",
    ] {
        assert!(root.join(file).exists(), "{file}");
    }
    // A misspelt variable in the file of options would go unnoticed.
    let defaults = fs::read_to_string(root.join("etc/default/auditrd")).unwrap();
    let help = Command::new(root.join("usr/bin/auditrd"))
        .arg("--help")
        .output()
        .unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    for line in defaults
        .lines()
        .filter_map(|line| line.strip_prefix("#AUDITRD_"))
    {
        let variable = line.split('=').next().unwrap();
        assert!(help.contains(&format!("AUDITRD_{variable}=")), "{variable}");
    }
}

/// The Containerfile copies files by name; a wrong name would only fail when the image is built.
#[test]
fn the_image_copies_files_that_exist() {
    let text = fs::read_to_string(top().join("packaging/Containerfile")).unwrap();
    let text = text.replace("\\\n", " ");
    let mut stages = Vec::new();
    for line in text
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
    {
        let (instruction, rest) = line.split_once(' ').unwrap();
        let words: Vec<&str> = rest.split_whitespace().collect();
        match instruction {
            "FROM" => stages.push(words.last().copied().unwrap()),
            "COPY" if rest.starts_with("--from=") => {
                let from = words[0].strip_prefix("--from=").unwrap();
                assert!(stages.contains(&from), "{line}");
            }
            "RUN" => assert!(rest.contains("cargo build --release --locked"), "{line}"),
            "COPY" | "WORKDIR" | "ENTRYPOINT" => {}
            _ => panic!("{line}"),
        }
    }
    assert_eq!(stages, ["build", "scratch"]);
}

#[test]
fn the_version_names_the_commit() {
    let output = Command::new(env!("CARGO_BIN_EXE_auditrd"))
        .arg("-V")
        .output();
    let text = String::from_utf8(output.unwrap().stdout).unwrap();
    let version = format!("auditrd {}", env!("CARGO_PKG_VERSION"));
    let rest = text.trim().strip_prefix(&version).unwrap();
    if !top().join(".git").exists() {
        return skip("the commit needs a working tree of git");
    }
    // HEAD may have moved since the binary was built.
    let commit = rest.trim_matches([' ', '(', ')']);
    let status = Command::new("git")
        .args(["rev-parse", "--quiet", "--verify"])
        .arg(format!("{commit}^{{commit}}"))
        .current_dir(top())
        .stdout(Stdio::null())
        .status();
    assert!(commit.len() == 12 && status.unwrap().success(), "{text}");
}

//! The README and the guides in `docs`: their samples, their links and their lists.

use std::{
    collections::BTreeSet,
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    common::{auditrd, data},
    formats::tools::is_there,
};

const ROOT_DOCUMENTS: [&str; 4] = [
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "README.md",
    "SECURITY.md",
];

/// For those who have the repository, so it is not installed.
const NOT_INSTALLED: &str = "CONTRIBUTING.md";

fn top() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(file: &str) -> String {
    fs::read_to_string(top().join(file)).unwrap()
}

/// All guides and the documents beside the README, as paths below the top of the repository.
pub(crate) fn documents() -> Vec<String> {
    let guides = fs::read_dir(top().join("docs")).unwrap();
    let names = guides.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let guides = names.filter(|name| name.ends_with(".md"));
    let mut documents: Vec<String> = guides.map(|name| format!("docs/{name}")).collect();
    documents.extend(ROOT_DOCUMENTS.map(str::to_owned));
    documents.sort();
    documents
}

/// The commands of all `console` blocks, each with the output below it.
fn samples(text: &str) -> Vec<(String, String)> {
    let mut samples: Vec<(String, String)> = Vec::new();
    let (mut is_console, mut continues) = (false, false);
    for line in text.lines() {
        if line.starts_with("```") {
            is_console = line == "```console";
        } else if is_console {
            match (line.strip_prefix("$ "), samples.last_mut()) {
                (Some(command), _) => {
                    continues = command.ends_with('|');
                    samples.push((command.to_owned(), String::new()));
                }
                (None, Some((command, _))) if continues => {
                    continues = line.ends_with('|');
                    *command += line;
                }
                (None, Some((_, output))) => *output += &format!("{line}\n"),
                (None, None) => panic!("output without a command: {line}"),
            }
        }
    }
    samples
}

/// Runs the command of a sample at the top of the repository and compares its output.
fn check_sample(document: &str, command: &str, expected: &str) {
    let binary = Path::new(env!("CARGO_BIN_EXE_auditrd")).parent().unwrap();
    let path = format!("{}:{}", binary.display(), env::var("PATH").unwrap());
    let output = Command::new("sh")
        .args(["-c", command])
        .current_dir(top())
        .env("PATH", &path)
        .env("LC_ALL", "C")
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(errors.is_empty(), "{document}: {command}: {errors}");
    let printed = String::from_utf8_lossy(&output.stdout);
    assert_eq!(printed, expected, "{document}: {command}");
}

#[test]
fn every_sample_prints_the_output_below_it() {
    let has_jq = is_there("jq");
    let mut count = 0;
    for document in documents() {
        for (command, expected) in samples(&read(&document)) {
            count += 1;
            if has_jq || !command.contains("jq ") {
                check_sample(&document, &command, &expected);
            }
        }
    }
    assert!(count >= 14, "{count}");
}

/// The targets of all links of a page that lead to files.
fn links(text: &str) -> BTreeSet<&str> {
    let targets = text.split("](").skip(1);
    let targets = targets.filter_map(|rest| rest.split(')').next());
    targets.filter(|target| !target.contains("://")).collect()
}

/// The anchor that GitHub gives to a heading.
fn anchor(heading: &str) -> String {
    let heading = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = heading
        .chars()
        .filter(|c| c.is_alphanumeric() || "-_ ".contains(*c));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

/// Asserts that the links of a page below `root` lead to files and headings that exist, apart from
/// links to the file `except`.
fn check_links(root: &Path, document: &str, except: Option<&str>) {
    let page = root.join(document);
    let text = fs::read_to_string(&page).unwrap();
    for link in links(&text) {
        if except.is_some_and(|except| link.starts_with(except)) {
            continue;
        }
        let (file, fragment) = link.split_once('#').unwrap_or((link, ""));
        let target = match file {
            "" => page.clone(),
            file => page.parent().unwrap().join(file),
        };
        let shown = root.display();
        assert!(target.exists(), "{document} links to {link}, below {shown}");
        if !fragment.is_empty() {
            let text = fs::read_to_string(&target).unwrap();
            let mut headings = text.lines().filter(|line| line.starts_with('#'));
            assert!(
                headings.any(|heading| anchor(heading) == fragment),
                "{document} links to {link}"
            );
        }
    }
}

/// Installs everything below a directory, as a package does.
fn install(root: &Path) {
    let status = Command::new(top().join("packaging/install"))
        .args([root, Path::new(env!("CARGO_BIN_EXE_auditrd"))])
        .status()
        .unwrap();
    assert!(status.success());
}

#[test]
fn every_link_leads_somewhere() {
    for document in documents() {
        check_links(top(), &document, None);
    }
}

#[test]
fn every_link_of_the_installed_pages_leads_somewhere() {
    let directory = tempfile::tempdir().unwrap();
    install(directory.path());
    let root = directory.path().join("usr/share/doc/auditrd");
    let installed = documents()
        .into_iter()
        .filter(|document| document != NOT_INSTALLED);
    for document in installed {
        check_links(&root, &document, Some(NOT_INSTALLED));
    }
}

#[test]
fn every_guide_is_in_the_readme() {
    let readme = read("README.md");
    let links = links(&readme);
    for document in documents() {
        let is_linked = links.contains(document.as_str());
        assert!(document == "README.md" || is_linked, "{document}");
    }
}

#[test]
fn the_readme_names_the_oldest_rust_that_builds_it() {
    let oldest = concat!(env!("CARGO_PKG_RUST_VERSION"), " or newer");
    assert!(read("README.md").contains(oldest), "{oldest}");
}

/// The names in code in the first column of a page's tables.
fn first_cells(text: &str) -> BTreeSet<&str> {
    let rows = text.lines().filter_map(|line| line.strip_prefix("| `"));
    let cells = rows.filter_map(|row| row.split(" | ").next());
    cells.flat_map(|cell| cell.split('`').step_by(2)).collect()
}

#[test]
fn the_guide_to_the_output_has_every_counter() {
    let directory = tempfile::tempdir().unwrap();
    let metrics = directory.path().join("auditrd.prom");
    let status = auditrd()
        .args(["-o", "/dev/null", "-i"])
        .arg(data("misc.log"))
        .arg("--metrics-file")
        .arg(&metrics)
        .status();
    assert!(status.unwrap().success());
    let metrics = fs::read_to_string(metrics).unwrap();
    let page = read("docs/output.md");
    let described = first_cells(&page);
    let names = metrics
        .lines()
        .filter_map(|line| line.strip_prefix("# HELP auditrd_"));
    let mut count = 0;
    for name in names.map(|line| line.split(' ').next().unwrap()) {
        let name = name.strip_suffix("_total").unwrap_or(name);
        count += 1;
        assert!(name == "build_info" || described.contains(name), "{name}");
    }
    assert!(count > 30, "{count}");
}

/// Options of other programs that the guides name.
const OF_OTHERS: &[&str] = &[
    "--binary",
    "--instructions",
    "--laurel",
    "--net",
    "--release",
    "--rounds",
    "--unbuffered",
];

/// The help of a command, and of all commands below it.
fn help(command: &[&str]) -> String {
    let output = auditrd().args(command).arg("--help").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let list = text.split("Commands:\n").nth(1).unwrap_or_default();
    let names = list.lines().take_while(|line| !line.is_empty());
    let names = names.filter_map(|line| line.strip_prefix("  ")?.split_whitespace().next());
    names.fold(text.clone(), |all, name| {
        all + &help(&[command, &[name]].concat())
    })
}

#[test]
fn every_option_that_a_guide_names_exists() {
    let help = help(&[]);
    let exists = |option: &str| {
        let mut words = help.split(|c: char| c != '-' && !c.is_ascii_lowercase());
        words.any(|word| word == option) || OF_OTHERS.contains(&option)
    };
    let mut count = 0;
    for document in documents() {
        for span in read(&document).split('`').skip(1).step_by(2) {
            let span = span.strip_prefix("auditrd ").unwrap_or(span);
            let end = span.find(|c: char| c != '-' && !c.is_ascii_lowercase());
            let option = &span[..end.unwrap_or(span.len())];
            if option.len() > 2 && option.starts_with("--") {
                count += 1;
                assert!(exists(option), "{document}: {option}");
            }
        }
    }
    assert!(count > 50, "{count}");
}

/// The paths in a command, below a root, with the one kind of pattern that the guides use.
fn paths(command: &str, root: &Path) -> Vec<PathBuf> {
    let words = command
        .split_whitespace()
        .filter_map(|word| word.strip_prefix('/'));
    let mut paths = Vec::new();
    for word in words {
        let path = root.join(word);
        let Some(start) = word.strip_suffix('*') else {
            paths.push(path);
            continue;
        };
        let (directory, start) = start.rsplit_once('/').unwrap();
        for entry in fs::read_dir(root.join(directory)).unwrap() {
            let entry = entry.unwrap();
            if entry.file_name().to_str().unwrap().starts_with(start) {
                paths.push(entry.path());
            }
        }
    }
    paths
}

fn files_below(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    paths
        .flat_map(|path| {
            if path.is_dir() {
                files_below(&path)
            } else {
                vec![path]
            }
        })
        .collect()
}

#[test]
fn the_guide_to_uninstalling_removes_every_installed_file() {
    let directory = tempfile::tempdir().unwrap();
    install(directory.path());
    let text = read("docs/uninstall.md");
    let (_, text) = text.split_once("## Installed with").unwrap();
    let (_, command) = text.split_once("sudo rm -r ").unwrap();
    let (command, _) = command.split_once("\nsudo ").unwrap();
    for path in paths(command, directory.path()) {
        let removed = if path.is_dir() {
            fs::remove_dir_all(&path)
        } else {
            fs::remove_file(&path)
        };
        removed.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }
    assert_eq!(files_below(directory.path()), Vec::<PathBuf>::new());
}

//! The documents checked against the source: the imports of each module, and the names of tests.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use crate::docs::documents;

/// The modules that each module of `src` may import with `crate::`, besides itself. The first three
/// import nothing; every other module imports only modules above it in this list.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("error", &[]),
    ("sys", &[]),
    ("model", &[]),
    ("bytes", &["sys"]),
    ("rules", &["bytes", "error", "model", "sys"]),
    ("source", &["bytes", "error", "model", "rules", "sys"]),
    ("reassemble", &["model"]),
    ("reader", &["error", "model", "reassemble", "source", "sys"]),
    ("parse", &["bytes", "model"]),
    ("redact", &["bytes", "model", "parse"]),
    ("resolve", &["bytes", "model"]),
    ("classify", &["model", "parse", "resolve"]),
    (
        "enrich",
        &["bytes", "classify", "model", "parse", "resolve"],
    ),
    ("filter", &["bytes", "model"]),
    ("encode", &["bytes", "model"]),
    ("aggregate", &["encode", "model", "reader"]),
    ("sink", &["error", "sys"]),
    ("confine", &["error", "model"]),
    ("helper", &["error", "sys"]),
    (
        "inspector",
        &["confine", "error", "helper", "model", "resolve", "sys"],
    ),
    ("scanner", &["confine", "enrich", "error", "helper", "sys"]),
    ("prime", &["confine", "error", "helper", "model"]),
    (
        "session",
        &["confine", "error", "helper", "rules", "source", "sys"],
    ),
    ("lib", &[]),
    // The command uses the library's public names.
    ("command", &[]),
    ("main", &["command"]),
];

/// Words in the code, and the only files that may contain them.
const ALONE: &[(&str, &[&str])] = &[
    ("unsafe", &["sys.rs"]),
    ("libc::syscall", &["sys.rs"]),
    (
        "crossbeam_channel",
        &[
            "reader/queue.rs",
            "reader/mod.rs",
            "main.rs",
            "command/run/mod.rs",
            "command/jobs/mod.rs",
            "command/jobs/spool.rs",
            "command/jobs/worker.rs",
        ],
    ),
    (
        "thread::",
        // The last three change the privileges or the name of the current thread before another
        // starts.
        &[
            "reader/mod.rs",
            "main.rs",
            "command/jobs/mod.rs",
            "helper.rs",
            "confine/capabilities.rs",
            "confine/user.rs",
        ],
    ),
    (
        "Instant::now",
        &[
            "reader/bell.rs",
            "reader/inline.rs",
            "reader/reading.rs",
            "reader/turns.rs",
            "command/jobs/worker.rs",
            "command/pipeline/event.rs",
            "command/pipeline/mod.rs",
            "command/run/mod.rs",
            "command/run/report.rs",
            "main.rs",
            "source/live.rs",
            "source/netlink.rs",
            "sys.rs",
        ],
    ),
    (
        "SystemTime::now",
        &["command/run/mod.rs", "prime/snapshot.rs", "source/live.rs"],
    ),
    (
        "serde_json",
        &[
            "command/check/report.rs",
            "command/rules/report.rs",
            "source/wrap/json/entries.rs",
            "source/wrap/json/groups.rs",
        ],
    ),
    ("std::env", &[]),
    ("process::exit", &["main.rs"]),
];

fn src() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// All source files except tests, as paths below `src`, with their code.
fn files() -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut directories = vec![src()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.file_stem().is_some_and(|stem| stem == "tests") {
                continue;
            }
            if path.is_dir() {
                directories.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(src()).unwrap().display().to_string();
                found.push((name, code(&fs::read_to_string(path).unwrap())));
            }
        }
    }
    assert!(found.len() > 20, "{found:?}");
    found
}

/// A file without its tests, which come last, and without comments. A `//` in a string is taken for
/// a comment, which omits no import.
fn code(text: &str) -> String {
    let text = text.split("#[cfg(test)]\nmod tests").next();
    text.unwrap_or_default()
        .lines()
        .map(|line| line.split("//").next().unwrap_or_default())
        .fold(String::new(), |code, line| code + line + "\n")
}

/// The top-level module of a file.
fn module(file: &str) -> &str {
    file.split(['/', '.']).next().unwrap_or_default()
}

/// All paths after `crate::`, with nested ones such as `use crate::{a, b::{c, d}}` expanded.
fn imports(code: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (at, root) in code.match_indices("crate::") {
        let is_whole = !code[..at].ends_with(|c: char| c == '_' || c == '$' || c.is_alphanumeric());
        if is_whole {
            paths(&code[at + root.len()..], "", &mut found);
        }
    }
    found
}

/// Adds the paths of the use tree at the start of a text, and returns the text after it.
fn paths<'t>(tree: &'t str, prefix: &str, found: &mut BTreeSet<String>) -> &'t str {
    let tree = tree.trim_start();
    if let Some(mut rest) = tree.strip_prefix('{') {
        loop {
            rest = rest.trim_start_matches([',', ' ', '\n']);
            if rest.is_empty() {
                return rest;
            }
            if let Some(rest) = rest.strip_prefix('}') {
                return rest;
            }
            rest = paths(rest, prefix, found);
        }
    }
    let end = tree
        .find(|c: char| c != '_' && c != '*' && !c.is_alphanumeric())
        .unwrap_or(tree.len());
    let (name, rest) = tree.split_at(end);
    assert!(!name.is_empty(), "not a path: {tree:.60}");
    let path = if prefix.is_empty() {
        name.to_owned()
    } else {
        format!("{prefix}::{name}")
    };
    match rest.strip_prefix("::") {
        Some(rest) => paths(rest, &path, found),
        None => {
            found.insert(path);
            let end = rest
                .find([',', '}', ';', ' ', '(', '\n'])
                .unwrap_or(rest.len());
            &rest[end..]
        }
    }
}

#[test]
fn every_module_imports_only_modules_below_it() {
    for (file, code) in files() {
        let module = module(&file);
        let (_, allowed) = MAY_IMPORT
            .iter()
            .find(|(name, _)| *name == module)
            .unwrap_or_else(|| panic!("{file}: say in MAY_IMPORT what {module} may import"));
        for import in imports(&code) {
            let (first, _) = import.split_once("::").unwrap_or((&import, ""));
            assert!(
                first == module || allowed.contains(&first),
                "{file} imports {import}"
            );
        }
        assert!(!code.contains("super::super"), "{file} climbs");
    }
}

#[test]
fn restricted_words_appear_only_in_their_files() {
    for (file, code) in files() {
        let code = code
            .replace("unsafe_code", "")
            .replace("unsafe_op_in_unsafe_fn", "");
        for (word, places) in ALONE {
            let is_there = code.contains(word);
            assert!(!is_there || places.contains(&&*file), "{word} in {file}");
        }
    }
}

#[test]
fn nested_imports_are_understood() {
    let code = "use crate::{error::Error, model::{self, Batch, record_type::{A, B}}, parse::x};\n\
                fn f(a: crate::sink::Sink) -> xcrate::no {}";
    let expected = [
        "error::Error",
        "model::Batch",
        "model::record_type::A",
        "model::record_type::B",
        "model::self",
        "parse::x",
        "sink::Sink",
    ];
    assert!(imports(code).iter().eq(expected), "{:?}", imports(code));
}

#[test]
fn the_architecture_names_every_module() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("ARCHITECTURE.md");
    let text = fs::read_to_string(path).unwrap();
    for entry in fs::read_dir(src()).unwrap() {
        let entry = entry.unwrap();
        let mut name = entry.file_name().into_string().unwrap();
        if entry.path().is_dir() {
            name.push('/');
        }
        assert!(text.contains(&format!("`{name}`")), "{name} is missing");
    }
}

/// The names in the last column of each table with a column of tests.
fn named_tests(text: &str) -> Vec<&str> {
    let mut names = Vec::new();
    let mut is_about_tests = false;
    for line in text.lines() {
        let cells = line
            .strip_prefix('|')
            .and_then(|line| line.strip_suffix('|'));
        let last = cells.and_then(|cells| cells.rsplit(" | ").next());
        match last.map(|cell| cell.split('|').next_back().unwrap_or_default().trim()) {
            None => is_about_tests = false,
            Some("test" | "test that runs it" | "held by") => is_about_tests = true,
            Some(cell) if is_about_tests => names.extend(cell.split('`').skip(1).step_by(2)),
            Some(_) => {}
        }
    }
    // Skip commands.
    names.retain(|name| !name.contains(' ') && !name.starts_with('-'));
    names
}

/// Whether a test, or a file or directory of tests, exists. The name is a path, or a test path with
/// ::.
fn is_test(name: &str) -> bool {
    let top = Path::new(env!("CARGO_MANIFEST_DIR"));
    if name.contains('/') {
        return top.join(name).exists();
    }
    let path = name.replace("::", "/");
    ["tests/it", "src"].iter().any(|root| {
        let file = |path: &str| fs::read_to_string(top.join(root).join(format!("{path}.rs")));
        let in_its_file = path.rsplit_once('/').is_some_and(|(file_path, test)| {
            let test = format!("fn {test}()");
            file(file_path).is_ok_and(|text| text.contains(&test))
        });
        in_its_file
            || file(&path).is_ok_and(|text| text.contains("#[test]") || text.contains("mod "))
    })
}

#[test]
fn every_test_named_in_a_document_exists() {
    for document in documents() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(&document);
        let text = fs::read_to_string(path).unwrap();
        let names = named_tests(&text);
        let least = match document.as_str() {
            "docs/testing.md" => 30,
            "ARCHITECTURE.md" => 10,
            _ => 0,
        };
        assert!(names.len() >= least, "{document}: {names:?}");
        for name in names {
            assert!(is_test(name), "{document} names {name}");
        }
    }
}

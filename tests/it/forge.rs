//! What a forge reads: the workflows, the templates of issues, and the checks before a release.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Command, Output},
};

use tempfile::TempDir;

use crate::{common::Value, formats::tools::python_with};

fn top() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The YAML files in a directory, by name, as JSON.
fn yaml(directory: &str) -> Option<Vec<(String, Value)>> {
    let python = python_with("import yaml")?;
    let script = "import json, sys, yaml; print(json.dumps(yaml.safe_load(sys.stdin)))";
    let entries = fs::read_dir(top().join(directory)).expect("the directory is there");
    let parsed = entries.map(|entry| {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let mut command = Command::new(&python);
        let output = command
            .args(["-c", script])
            .stdin(fs::File::open(&path).unwrap())
            .output()
            .unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{name}: {error}");
        (name, serde_json::from_slice(&output.stdout).unwrap())
    });
    Some(parsed.collect())
}

/// Every step of a workflow.
fn steps(workflow: &Value) -> Vec<&Value> {
    let jobs = workflow["jobs"].as_object().expect("jobs");
    jobs.values()
        .flat_map(|job| job["steps"].as_array().expect("steps"))
        .collect()
}

/// Whether an action is named by its commit, which nobody can move as they can a tag.
fn is_pinned(action: &str) -> bool {
    action.rsplit_once('@').is_some_and(|(_, commit)| {
        commit.len() == 40 && commit.bytes().all(|byte| byte.is_ascii_hexdigit())
    })
}

#[test]
fn the_workflows_have_few_rights_and_pinned_actions() {
    let Some(workflows) = yaml(".github/workflows") else {
        return;
    };
    assert_eq!(workflows.len(), 2);
    for (name, workflow) in &workflows {
        let read_only = serde_json::json!({"contents": "read"});
        assert_eq!(workflow["permissions"], read_only, "{name}");
        for (job, value) in workflow["jobs"].as_object().unwrap() {
            assert!(value["timeout-minutes"].is_u64(), "{name}: {job}");
            let has_more = value.get("permissions").is_some();
            assert_eq!(has_more, job == "publish", "{name}: {job}");
        }
        for step in steps(workflow) {
            if let Some(action) = step["uses"].as_str() {
                assert!(is_pinned(action), "{name}: {action}");
            }
        }
    }
}

#[test]
fn the_workflows_run_scripts_that_are_there() {
    let Some(workflows) = yaml(".github/workflows") else {
        return;
    };
    for (name, script) in [("ci.yml", ".ci/run"), ("release.yml", ".ci/release")] {
        let workflow = workflows.iter().find(|(file, _)| file == name);
        let (_, workflow) = workflow.unwrap_or_else(|| panic!("there is no {name}"));
        let runs = |step: &&Value| step["run"].as_str().is_some_and(|run| run.contains(script));
        assert!(steps(workflow).iter().any(runs), "{name} runs no {script}");
        let mode = fs::metadata(top().join(script)).unwrap().permissions();
        assert_eq!(mode.mode() & 0o111, 0o111, "{script} is a program");
    }
}

#[test]
fn a_bug_report_asks_for_what_shows_the_bug_again() {
    let Some(templates) = yaml(".github/ISSUE_TEMPLATE") else {
        return;
    };
    for (name, template) in &templates {
        if name == "config.yml" {
            continue;
        }
        for key in ["name", "description", "body"] {
            assert!(!template[key].is_null(), "{name} has no {key}");
        }
        for item in template["body"].as_array().unwrap() {
            let is_text = item["type"] == "markdown";
            assert!(is_text || item["attributes"]["label"].is_string(), "{item}");
        }
    }
    let (_, bug) = templates
        .iter()
        .find(|(name, _)| name == "bug.yml")
        .unwrap();
    for field in ["version", "kernel", "command", "status", "records"] {
        let mut items = bug["body"].as_array().unwrap().iter();
        assert!(items.any(|item| item["id"] == field), "{field}");
    }
}

/// A copy of what `.ci/release` reads, to be changed.
fn release(manifest: &str, changelog: &str, tag: &str) -> Output {
    let copy = TempDir::new().unwrap();
    fs::create_dir(copy.path().join(".ci")).unwrap();
    let script = copy.path().join(".ci/release");
    fs::copy(top().join(".ci/release"), &script).unwrap();
    fs::write(copy.path().join("Cargo.toml"), manifest).unwrap();
    fs::write(copy.path().join("CHANGELOG.md"), changelog).unwrap();
    Command::new(script)
        .args(["notes", tag, "https://forge.example/auditrd"])
        .output()
        .unwrap()
}

#[test]
fn only_a_tag_that_fits_the_sources_is_released() {
    let manifest = "[package]\nname = \"auditrd\"\nversion = \"1.2.3\"\n\
        repository = \"https://forge.example/auditrd\"\n\n[lib]\nversion = \"9\"\n";
    let changelog =
        "# Changelog\n\n## 1.2.3 (2026-01-31)\n\nNew.\n\n## 1.2.2 (2026-01-01)\n\nOld.\n";
    let output = release(manifest, changelog, "v1.2.3");
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "New.");
    let elsewhere = manifest.replace("forge.example", "elsewhere.example");
    let undated = changelog.replace("2026-01-31", "unreleased");
    let missing = changelog.replace("1.2.3", "1.2.4");
    for (manifest, changelog, tag, said) in [
        (
            manifest,
            changelog,
            "v1.2.4",
            "the version in Cargo.toml is 1.2.3",
        ),
        (
            &elsewhere,
            changelog,
            "v1.2.3",
            "the repository in Cargo.toml",
        ),
        (manifest, &undated, "v1.2.3", "has no date for 1.2.3"),
        (manifest, &missing, "v1.2.3", "lacks 1.2.3"),
    ] {
        let output = release(manifest, changelog, tag);
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{error}");
        assert!(error.contains(said), "{said}: {error}");
        assert!(output.stdout.is_empty(), "{said}");
    }
}

/// The version of `Cargo.toml` has its entry, dated or not.
#[test]
fn the_changelog_begins_with_this_version() {
    let text = fs::read_to_string(top().join("CHANGELOG.md")).unwrap();
    let first = text.lines().find_map(|line| line.strip_prefix("## "));
    let version = first.unwrap().split(' ').next();
    assert_eq!(version, Some(env!("CARGO_PKG_VERSION")));
}

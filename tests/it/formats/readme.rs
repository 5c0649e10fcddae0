//! What the README shows is what comes out.

use std::{env, fs, path::Path, process::Command};

use super::tools::is_there;

/// The commands of all `console` blocks, each with what stands below it.
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

#[test]
fn every_command_in_the_readme_prints_what_the_readme_says() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let samples = samples(&fs::read_to_string(root.join("README.md")).unwrap());
    assert!(samples.len() >= 10);
    let has_jq = is_there("jq");
    let binary = Path::new(env!("CARGO_BIN_EXE_auditrd")).parent().unwrap();
    let path = format!("{}:{}", binary.display(), env::var("PATH").unwrap());
    for (command, expected) in samples {
        if command.contains("jq ") && !has_jq {
            continue;
        }
        let output = Command::new("sh")
            .args(["-c", &command])
            .current_dir(root)
            .env("PATH", &path)
            .env("LC_ALL", "C")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.is_empty(), "{command}: {said}");
        let printed = String::from_utf8_lossy(&output.stdout);
        assert_eq!(printed, expected, "{command}");
    }
}

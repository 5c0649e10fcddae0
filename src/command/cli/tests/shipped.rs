//! What is shipped beside the binary and says the same as it does: man pages and completions. They
//! are generated from the options and from the README, and checked in, so that building a package
//! runs nothing. `BLESS=1 cargo test shipped` writes them anew.

mod markdown;

use std::{collections::BTreeSet, env, fs, path::PathBuf};

use clap::{Command, CommandFactory};
use clap_complete::{Generator, Shell, generate};
use clap_mangen::Man;
use serde_json::Value;

use crate::command::cli::Args;

/// The day that the manual pages bear: that of the release.
const DATE: &str = "2026-11-22";

fn top() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(file: &str) -> String {
    fs::read_to_string(top().join(file)).unwrap_or_default()
}

/// The command without the commit, which changes with every one.
fn command() -> Command {
    Args::command().version(env!("CARGO_PKG_VERSION"))
}

/// A section of the README.
fn section(title: &str) -> String {
    let readme = read("README.md");
    let title = format!("\n## {title}\n");
    let start = readme.find(&title).expect("the section is there") + title.len();
    let text = &readme[start..];
    let end = text.find("\n## ").unwrap_or(text.len());
    text[..end].trim().to_owned()
}

#[track_caller]
fn check(file: &str, generated: &str) {
    if env::var_os("BLESS").is_some() {
        fs::write(top().join(file), generated).unwrap();
    }
    assert!(
        read(file) == generated,
        "{file} is not what is generated now; BLESS=1 cargo test shipped writes it"
    );
}

#[test]
fn the_manual_page_is_that_of_the_options() {
    // What follows the options in the help has sections of its own here.
    let man = Man::new(command().after_help(None::<&str>))
        .title("AUDITRD")
        .section("8")
        .date(DATE)
        .source(concat!("auditrd ", env!("CARGO_PKG_VERSION")))
        .manual("System Administration");
    let mut page = Vec::new();
    man.render_title(&mut page).unwrap();
    man.render_name_section(&mut page).unwrap();
    man.render_synopsis_section(&mut page).unwrap();
    man.render_description_section(&mut page).unwrap();
    man.render_options_section(&mut page).unwrap();
    // Line breaks around an empty line are one too many for those who check such pages.
    let page = String::from_utf8(page)
        .unwrap()
        .replace("\n.br\n\n.br\n", "\n.sp\n");
    let page = page + &read("packaging/man/auditrd.8.end");
    check("packaging/man/auditrd.8", &page);
}

#[test]
fn the_completions_are_those_of_the_options() {
    for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
        let mut script = Vec::new();
        generate(shell, &mut command(), "auditrd", &mut script);
        let file = format!("packaging/completions/{}", shell.file_name("auditrd"));
        check(&file, &String::from_utf8(script).unwrap());
    }
}

#[test]
fn the_manual_page_of_the_events_is_that_of_the_readme() {
    let page = format!(
        ".TH AUDITRD\\-EVENTS 7 {DATE} \"auditrd {}\" \"Miscellaneous Information\"\n\
         .SH NAME\nauditrd\\-events \\- lines that auditrd writes\n\
         .SH DESCRIPTION\n{}.SH SAMPLE\n{}.SH KEYS\n{}.SH SEE ALSO\n\
         \\fBauditrd\\fR(8), \\fBaudit.rules\\fR(7), \\fBauditctl\\fR(8)\n",
        env!("CARGO_PKG_VERSION"),
        markdown::to_roff(
            "auditrd(8) writes one JSON object per line for each event of the Linux audit \
             subsystem."
        ),
        markdown::to_roff(&section("A sample")),
        markdown::to_roff(&section("Event keys")),
    );
    check("packaging/man/auditrd-events.7", &page);
}

#[test]
fn every_key_that_is_ever_written_is_in_the_manual() {
    let text = section("Event keys");
    let mut keys = BTreeSet::new();
    for entry in fs::read_dir(top().join("tests/data")).unwrap() {
        let path = entry.unwrap().path();
        if path
            .extension()
            .is_some_and(|extension| extension == "ndjson")
        {
            for line in fs::read_to_string(path).unwrap().lines() {
                let event: Value = serde_json::from_str(line).unwrap();
                keys.extend(event.as_object().unwrap().keys().cloned());
            }
        }
    }
    assert!(keys.len() > 30, "{keys:?}");
    for key in keys {
        // Any key may have one of these beside it, which is said once.
        let name = key.strip_suffix("_hex").unwrap_or(&key);
        assert!(text.contains(&format!("`{name}`")), "{key}");
    }
}

#[test]
fn every_option_is_in_the_readme_and_no_other() {
    let text = section("Options");
    let rows = text.lines().filter(|line| line.starts_with("| `-"));
    let terms: String = rows.filter_map(|row| row.split(" | ").next()).collect();
    let said: BTreeSet<&str> = terms
        .split(|c: char| c != '-' && !c.is_ascii_lowercase())
        .filter_map(|word| word.strip_prefix("--"))
        .collect();
    let command = command();
    let arguments = command.get_arguments();
    let mut options: BTreeSet<&str> = arguments.filter_map(|a| a.get_long()).collect();
    // These two are said by their letters.
    assert!(options.remove("verbose") && options.remove("quiet"));
    assert!(terms.contains("`-v`, `-q`"));
    assert_eq!(said, options);
}

#[test]
fn the_help_has_an_example_for_each_group_of_options() {
    let help = command().render_long_help().to_string();
    let examples = help.split("Examples:").nth(1).expect("there are examples");
    for argument in command().get_arguments() {
        if let Some(group) = argument.get_help_heading() {
            assert!(examples.contains(&format!("  {group}:")), "{group}");
        }
    }
}

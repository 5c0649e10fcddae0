//! Man pages, completions and the guide to the options, which are generated from the command line
//! and from the guide to the events. They are checked in, so that building a package does not
//! generate anything. `BLESS=1 cargo test shipped` updates them.

mod markdown;

use std::{collections::BTreeSet, env, fmt::Write, fs, path::PathBuf};

use clap::{Arg, Command, CommandFactory};
use clap_complete::{Generator, Shell, generate};
use clap_mangen::Man;
use serde_json::Value;

use crate::command::cli::Args;

/// The date of the manual pages: that of the release.
const DATE: &str = "2026-11-22";

fn top() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(file: &str) -> String {
    fs::read_to_string(top().join(file)).unwrap_or_default()
}

/// The command, without the commit in its version.
fn command() -> Command {
    Args::command().version(env!("CARGO_PKG_VERSION"))
}

/// The commands below it, each with a full name, such as `auditrd-check`.
fn commands() -> Vec<Command> {
    let mut whole = command();
    whole.build();
    whole.get_subcommands().cloned().collect()
}

fn full_name(command: &Command) -> String {
    let name = command.get_display_name();
    name.unwrap_or(command.get_name()).to_owned()
}

/// A section of the guide to the events.
fn section(title: &str) -> String {
    let guide = read("docs/events.md");
    let title = format!("\n## {title}\n");
    let start = guide.find(&title).expect("the section exists") + title.len();
    let text = &guide[start..];
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
        "{file} is out of date; BLESS=1 cargo test shipped updates it"
    );
}

/// Checks the manual page of a command. The exit status, signals and examples of its help are
/// sections of their own there, in a file beside the page.
fn check_manual(command: Command) {
    let name = full_name(&command);
    let man = Man::new(command.after_help(None::<&str>))
        .title(name.to_uppercase())
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
    // mandoc warns about line breaks around an empty line.
    let page = String::from_utf8(page)
        .unwrap()
        .replace("\n.br\n\n.br\n", "\n.sp\n");
    let file = format!("packaging/man/{name}.8");
    let page = page + &read(&format!("{file}.end"));
    check(&file, &page);
}

#[test]
fn the_manual_pages_match_the_options() {
    check_manual(command());
    for command in commands() {
        check_manual(command);
    }
}

#[test]
fn the_completions_match_the_options() {
    for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
        let mut script = Vec::new();
        generate(shell, &mut command(), "auditrd", &mut script);
        let file = format!("packaging/completions/{}", shell.file_name("auditrd"));
        check(&file, &String::from_utf8(script).unwrap());
    }
}

#[test]
fn the_manual_page_of_the_events_is_that_of_the_guide() {
    let mut page = format!(
        ".TH AUDITRD\\-EVENTS 7 {DATE} \"auditrd {}\" \"Miscellaneous Information\"\n\
         .SH NAME\nauditrd\\-events \\- lines that auditrd writes\n\
         .SH DESCRIPTION\n",
        env!("CARGO_PKG_VERSION"),
    );
    page += &markdown::to_roff(
        "auditrd(8) writes one JSON object per line for each event of the Linux audit subsystem.",
    );
    for title in ["Sample", "Keys", "Kinds", "Losses", "Status"] {
        writeln!(page, ".SH {}", title.to_uppercase()).unwrap();
        page += &markdown::to_roff(&section(title));
    }
    page += ".SH SEE ALSO\n\\fBauditrd\\fR(8), \\fBaudit.rules\\fR(7), \\fBauditctl\\fR(8)\n";
    check("packaging/man/auditrd-events.7", &page);
}

#[test]
fn every_key_that_is_ever_written_is_in_the_manual() {
    let text = section("Keys");
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
        // The text below the table describes this suffix for all keys.
        let name = key.strip_suffix("_hex").unwrap_or(&key);
        assert!(text.contains(&format!("`{name}`")), "{key}");
    }
}

/// A row of the table of options: its names, its help, and its default.
fn option_row(option: &Arg) -> String {
    let mut names = format!("--{}", option.get_long().unwrap());
    if let Some(letter) = option.get_short() {
        names = format!("-{letter}, {names}");
    }
    if option.get_action().takes_values() {
        let values = option.get_value_names().unwrap_or_default();
        write!(names, " {}", values.concat()).unwrap();
    }
    let help = option.get_help().unwrap().to_string();
    // A default that depends on another option is in the help itself, in the same form.
    let (help, mut default) = match help
        .strip_suffix(']')
        .and_then(|help| help.split_once(" ["))
    {
        Some((help, default)) => (help.to_owned(), default.to_owned()),
        None => (help, String::new()),
    };
    if option.get_action().takes_values() {
        for value in option.get_default_values() {
            default += &format!("`{}`", value.to_str().unwrap());
        }
    }
    let values = option.get_possible_values();
    let mut choices = String::new();
    if option.get_action().takes_values() && !values.is_empty() {
        let names: Vec<_> = values
            .iter()
            .map(|value| format!("`{}`", value.get_name()))
            .collect();
        choices = format!(" ({})", names.join(", "));
    }
    format!("| `{names}` | {help}{choices} | {default} |\n")
}

fn table_head(title: &str) -> String {
    format!("\n## {title}\n\n| option | meaning | default |\n|---|---|---|\n")
}

/// The tables of a command and of those below it, as far as they have options.
fn command_tables(command: &Command) -> String {
    let is_own = |option: &&Arg| !option.is_positional() && option.get_id() != "help";
    let rows: String = command
        .get_arguments()
        .filter(is_own)
        .map(option_row)
        .collect();
    let mut tables = String::new();
    if !rows.is_empty() {
        tables = table_head(&full_name(command).replace('-', " ")) + &rows;
    }
    tables.extend(command.get_subcommands().map(command_tables));
    tables
}

#[test]
fn the_guide_to_the_options_is_that_of_the_options() {
    let (begin, end) = ("shipped -->\n", "<!-- End of the generated part -->");
    let guide = read("docs/options.md");
    let (head, rest) = guide.split_once(begin).unwrap();
    let (_, tail) = rest.split_once(end).unwrap();
    let mut tables = String::new();
    let mut last = None;
    for option in command().get_opts() {
        let heading = option.get_help_heading().unwrap_or("Other").to_owned();
        if last.as_ref() != Some(&heading) {
            tables += &table_head(&heading);
            last = Some(heading);
        }
        tables += &option_row(option);
    }
    for command in commands() {
        tables += &command_tables(&command);
    }
    check(
        "docs/options.md",
        &format!("{head}{begin}{tables}\n{end}{tail}"),
    );
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

//! Files of rules, and directories of them as augenrules(8) merges them.

use std::{fmt, fs, io, path::Path, sync::Arc};

use crate::{
    error::{Error, plain},
    rules::{Command, Host, lint, natural, options::Fault, parse, words::is_silent},
};

/// A line of a file.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Place {
    /// The file, or the name of the text.
    pub file: Arc<Path>,
    /// The line, from 1 on.
    pub line: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = self.file.to_string_lossy();
        write!(f, "{}:{}", plain(&file), self.line)
    }
}

/// How bad a problem is.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Severity {
    /// The rules load, but do not do what they seem to.
    Warning,
    /// The rules do not load.
    Error,
}

/// A problem in a file of rules.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Problem {
    /// The line.
    pub place: Place,
    /// The column, in characters from 1 on.
    pub column: usize,
    /// How bad it is.
    pub severity: Severity,
    /// The mistake.
    pub text: String,
    /// Whether such problems are expected on some hosts: [`Ruleset::add_common_text`].
    pub is_expected: bool,
}

impl Problem {
    /// Logs the problem.
    pub fn log(&self) {
        let level = match self.is_expected {
            true => log::Level::Info,
            false => log::Level::Warn,
        };
        log::log!(level, "{self}");
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Warning => "warning",
            Severity::Error => "error",
        };
        let (place, column, text) = (&self.place, self.column, plain(&self.text));
        write!(f, "{place}:{column}: {severity}: {text}")
    }
}

/// A line that asks for something.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Statement {
    /// The file and the line.
    pub place: Place,
    /// The request.
    pub command: Command,
    /// The meaning of an error in it.
    pub errors: Errors,
}

/// The meaning of an error in a line for the others.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Errors {
    /// No line is loaded.
    Fatal,
    /// The line is left out, because of an earlier `-i` or `-c`.
    Ignored,
    /// The line is left out, because not every host can have it.
    Expected,
}

/// What is said of a line that is left out.
pub(crate) const LEFT_OUT: &str = "; the line is left out";

/// Rules and settings, in the order in which they are to be loaded.
///
/// ```
/// use std::path::Path;
/// use auditrd::rules::{Host, Ruleset};
///
/// let text = b"-D\n-w /etc/shadow -p wa -k shadow\n-a always,exit -S nosuch\n";
/// let mut rules = Ruleset::default();
/// rules.add_text(Path::new("my.rules"), text, &Host::current());
/// assert_eq!(rules.statements.len(), 2);
/// assert!(rules.problems[0].to_string().starts_with("my.rules:3:19: error: "));
/// ```
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Ruleset {
    /// The lines without errors.
    pub statements: Vec<Statement>,
    /// The mistakes in the lines.
    pub problems: Vec<Problem>,
    /// The files, in the order in which they were read.
    files: Vec<Arc<Path>>,
    /// Whether the exit status reports errors that are ignored: `-c` came.
    reports_errors: bool,
}

impl Ruleset {
    /// Adds the lines of a file, or of the files of a directory as augenrules(8) merges them.
    ///
    /// # Errors
    ///
    /// If one cannot be read. Mistakes in rules are [`problems`](Self::problems).
    pub fn read(&mut self, path: &Path, host: &Host) -> Result<(), Error> {
        if path.is_dir() {
            return self.add_directory(path, host);
        }
        self.add_text(path, &read(path)?, host);
        Ok(())
    }

    /// Adds the lines of a text, named `file` in messages.
    pub fn add_text(&mut self, file: &Path, text: &[u8], host: &Host) {
        self.add_text_with(Errors::Fatal, file, text, host);
    }

    /// As [`add_text`](Self::add_text), for a text that is the same for all hosts: the lines that
    /// this host cannot have are left out, as after a line `-i`, and that is expected.
    pub fn add_common_text(&mut self, file: &Path, text: &[u8], host: &Host) {
        self.add_text_with(Errors::Expected, file, text, host);
    }

    fn add_text_with(&mut self, errors: Errors, file: &Path, text: &[u8], host: &Host) {
        let file: Arc<Path> = file.into();
        self.files.push(Arc::clone(&file));
        self.add_lines(errors, lines(&file, text), host);
    }

    /// Adds the files of a directory as augenrules(8) merges them: those ending in `.rules`, in
    /// the order of `ls -v`. The last `-D`, `-b` and `-f` come first, and the last `-e` comes last.
    fn add_directory(&mut self, directory: &Path, host: &Host) -> Result<(), Error> {
        let failed = |error| Error::new(format!("read {}", directory.display()), error);
        let mut files = Vec::new();
        for entry in fs::read_dir(directory).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            let name = path.file_name().map(|name| name.as_encoded_bytes());
            if name.is_some_and(|name| name.ends_with(b".rules") && !name.starts_with(b".")) {
                files.push(path);
            }
        }
        files.sort_by(|one, other| natural::compare(&name(one), &name(other)));
        let mut texts = Vec::new();
        for path in files {
            let file: Arc<Path> = Arc::from(&*path);
            self.files.push(Arc::clone(&file));
            texts.push((file, read(&path)?));
        }
        let lines = texts.iter().flat_map(|(file, text)| lines(file, text));
        self.add_lines(Errors::Fatal, merged(lines.collect()).into_iter(), host);
        Ok(())
    }

    /// Adds lines that belong together: `-i` and `-c` are for those after it, but for no other
    /// text.
    fn add_lines<'t>(
        &mut self,
        mut errors: Errors,
        lines: impl Iterator<Item = Line<'t>>,
        host: &Host,
    ) {
        for line in lines {
            let place = Place {
                file: line.file,
                line: line.number,
            };
            match parse::line(line.text, host) {
                Ok(commands) => {
                    for command in commands {
                        if let Command::IgnoreErrors(reports_errors) = command {
                            if errors == Errors::Fatal {
                                errors = Errors::Ignored;
                            }
                            self.reports_errors |= reports_errors && errors != Errors::Expected;
                        }
                        self.statements.push(Statement {
                            place: place.clone(),
                            command,
                            errors,
                        });
                    }
                }
                Err(fault) => self
                    .problems
                    .push(problem(place, line.text, &fault, errors)),
            }
        }
    }

    /// Whether errors that are ignored are reported by the exit status, because of a line `-c` in a
    /// text that is not common to all hosts.
    pub fn reports_errors(&self) -> bool {
        self.reports_errors
    }

    /// The problems, with those of rules that are valid but cannot do what they seem to.
    pub fn check(&self, host: &Host) -> Vec<Problem> {
        let mut problems = self.problems.clone();
        problems.extend(lint::warnings(self, host));
        let file = |place: &Place| self.files.iter().position(|file| *file == place.file);
        problems.sort_by_key(|problem| {
            let Problem { place, column, .. } = problem;
            (file(place), place.line, *column)
        });
        problems
    }

    /// Whether a line has an error.
    pub fn has_errors(&self) -> bool {
        self.errors().next().is_some()
    }

    /// The problems that keep the rules from being loaded.
    pub(crate) fn errors(&self) -> impl Iterator<Item = &Problem> {
        let problems = self.problems.iter();
        problems.filter(|problem| problem.severity == Severity::Error)
    }
}

/// A mistake in a line, and the consequence.
fn problem(place: Place, line: &[u8], fault: &Fault, errors: Errors) -> Problem {
    let before = line.get(..fault.at).unwrap_or(line);
    let (severity, ignored) = match errors {
        Errors::Fatal => (Severity::Error, ""),
        Errors::Ignored | Errors::Expected => (Severity::Warning, LEFT_OUT),
    };
    let hint = match line.ends_with(b"\r") {
        true => "; the line ends with a carriage return, which is part of its last word",
        false => "",
    };
    Problem {
        place,
        column: String::from_utf8_lossy(before).chars().count() + 1,
        severity,
        text: format!("{}{hint}{ignored}", fault.text),
        is_expected: errors == Errors::Expected,
    }
}

/// A line of a file, as read.
struct Line<'t> {
    file: Arc<Path>,
    number: usize,
    text: &'t [u8],
}

impl Line<'_> {
    /// Whether the line has this option first. augenrules(8) looks no further.
    fn starts_with(&self, option: &[u8]) -> bool {
        self.text.trim_ascii_start().starts_with(option)
    }
}

/// The lines of a text that say something.
fn lines<'t>(file: &Arc<Path>, text: &'t [u8]) -> impl Iterator<Item = Line<'t>> {
    let lines = (1..).zip(text.split(|byte| *byte == b'\n'));
    lines
        .filter(|(_, text)| !is_silent(text))
        .map(|(number, text)| Line {
            file: Arc::clone(file),
            number,
            text,
        })
}

/// The lines of a directory in the order in which augenrules(8) writes them.
fn merged(lines: Vec<Line<'_>>) -> Vec<Line<'_>> {
    let (mut delete, mut backlog, mut failure, mut enabled) = (None, None, None, None);
    let mut others = Vec::new();
    for line in lines {
        let text = line.text.trim_ascii();
        if text.starts_with(b"#") || text.is_empty() {
            continue;
        }
        if line.starts_with(b"-e") {
            enabled = Some(line);
        } else if text == b"-D" {
            delete = Some(line);
        } else if line.starts_with(b"-f") {
            failure = Some(line);
        } else if line.starts_with(b"-b") {
            backlog = Some(line);
        } else {
            others.push(line);
        }
    }
    let first = [delete, backlog, failure].into_iter().flatten();
    first.chain(others).chain(enabled).collect()
}

fn name(path: &Path) -> Vec<u8> {
    let name = path.file_name().unwrap_or_default();
    name.as_encoded_bytes().to_owned()
}

fn read(path: &Path) -> Result<Vec<u8>, Error> {
    fs::read(path).map_err(|error| {
        let denied = error.kind() == io::ErrorKind::PermissionDenied;
        let error = Error::new(format!("read {}", path.display()), error);
        match denied {
            true => error.help("rules are often readable only by root; try sudo"),
            false => error,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::{PathKind, Setting};

    fn host() -> Host {
        Host {
            user: |_| None,
            group: |_| None,
            kind: |_| PathKind::Other,
            ..Host::current()
        }
    }

    fn texts(rules: &Ruleset) -> Vec<String> {
        let problems = rules.problems.iter();
        problems.map(Problem::to_string).collect()
    }

    #[test]
    fn a_mistake_has_its_line_and_column() {
        let mut rules = Ruleset::default();
        let text = "# é\n\n-b 64\n  -w /é -p q\n-a always,exit -F uid=nobody-at-all\n-r 5\r\n";
        rules.add_text(Path::new("a.rules"), text.as_bytes(), &host());
        assert_eq!(
            texts(&rules),
            [
                "a.rules:4:12: error: q has letters other than r, w, x and a",
                "a.rules:5:23: error: there is no user nobody-at-all",
                "a.rules:6:4: error: 5? is not a number; the line ends with a carriage return, \
                 which is part of its last word",
            ]
        );
        assert!(rules.has_errors());
        let backlog = Command::Set(Setting::BacklogLimit(64));
        assert_eq!(rules.statements[0].command, backlog);
    }

    #[test]
    fn mistakes_after_an_option_that_ignores_them_are_warnings() {
        let mut rules = Ruleset::default();
        let text = b"-i\n-a nosuch\n-a always,exit -S 1\n";
        rules.add_text(Path::new("a.rules"), text, &host());
        assert!(!rules.has_errors());
        assert!(texts(&rules)[0].starts_with("a.rules:2:4: warning: "));
        assert!(rules.statements[1].errors == Errors::Ignored);
    }

    #[test]
    fn errors_are_ignored_in_the_text_that_says_so_and_in_no_other() {
        let mut rules = Ruleset::default();
        let (ignoring, wrong) = (b"-i\n-a nosuch\n", b"-a nosuch\n-b 1\n");
        rules.add_text(Path::new("a"), ignoring, &host());
        rules.add_common_text(Path::new("b"), &[b"-c\n", &wrong[..]].concat(), &host());
        assert!(!rules.has_errors() && !rules.reports_errors());
        rules.add_text(Path::new("c"), wrong, &host());
        let severities: Vec<_> = rules.problems.iter().map(|one| one.severity).collect();
        let (warning, error) = (Severity::Warning, Severity::Error);
        assert_eq!(severities, [warning, warning, error]);
        let errors: Vec<_> = rules.statements.iter().map(|one| one.errors).collect();
        let (ignored, expected) = (Errors::Ignored, Errors::Expected);
        assert_eq!(errors, [ignored, expected, expected, Errors::Fatal]);
    }

    #[test]
    fn a_directory_is_merged_as_augenrules_does() {
        let directory = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| fs::write(directory.path().join(name), text).unwrap();
        write("10-b.rules", "\t# a comment\n-e 1\n-b 1\n-w /b\n");
        write("9-a.rules", "-w /a\n-D\n-f 1\n-D -k x\n");
        write("20-c.rules", "-b 2\n -e 0\n-w /c");
        write(".hidden.rules", "-w /hidden\n");
        write("other.conf", "-w /other\n");
        let mut rules = Ruleset::default();
        rules.read(directory.path(), &host()).unwrap();
        assert_eq!(texts(&rules), [""; 0]);
        let shown = |statement: &Statement| match &statement.command {
            Command::Add { rule, .. } => rule.to_string(),
            other => format!("{other:?}"),
        };
        let shown: Vec<String> = rules.statements.iter().map(shown).collect();
        assert_eq!(
            shown,
            [
                "DeleteAll(None)",
                "Set(BacklogLimit(2))",
                "Set(Failure(1))",
                "-w /a -p rwxa",
                "DeleteAll(Some([120]))",
                "-w /b -p rwxa",
                "-w /c -p rwxa",
                "Set(Enabled(0))",
            ]
        );
        assert_eq!(rules.statements[6].place.line, 3);
    }

    #[test]
    fn a_file_that_cannot_be_read_is_an_error() {
        let path = Path::new("/no/such.rules");
        let error = Ruleset::default().read(path, &host()).unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("cannot read /no/such.rules: ")
        );
    }
}

//! Audit rules: the language of audit.rules(7) and auditctl(8), and the kernel's form of rules.
//!
//! [`Rule::parse`] reads a rule as auditctl(8) does. What that program silently changes, such as a
//! number with letters after it, is an error here.

mod calls;
mod field;
mod host;
mod lint;
mod load;
mod natural;
mod options;
mod parse;
mod rule;
mod ruleset;
mod text;
mod values;
mod wire;
mod words;

pub use field::{Field, Operator};
pub use host::{Host, PathKind};
pub use load::{Difference, Kernel, Loaded, Settings, differences};
pub use parse::{Command, Setting};
pub use rule::{Action, Condition, List, Rule, Syscalls, Value, Watched};
pub use ruleset::{Errors, Place, Problem, Ruleset, Severity, Statement};

impl Rule {
    /// Reads a line that adds a rule.
    ///
    /// # Errors
    ///
    /// If the line has a mistake, or does anything else.
    pub fn parse(line: &[u8], host: &Host) -> Result<Rule, String> {
        let mut commands = parse::line(line, host).map_err(|fault| fault.text)?;
        match (commands.pop(), commands.pop()) {
            (Some(Command::Add { rule, .. }), None) => Ok(rule),
            _ => Err("the line does not add a rule".to_owned()),
        }
    }
}

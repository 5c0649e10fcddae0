//! The file that a program interprets.

use crate::{model::ProcessDetail, parse::Facts};

/// Interpreters of a script that the kernel starts one after the other (fs/exec.c,
/// `exec_binprm`).
const MAX_INTERPRETERS: usize = 5;

/// The script that was executed, if the file is one.
///
/// The kernel then runs the interpreter that the file names, with the file as an argument
/// (fs/binfmt_script.c, `load_script`), and has a PATH record of each. So there is an interpreter
/// among the PATH records that the arguments begin with, and the file follows behind it. A caller can
/// give a binary such arguments too, but not another file in `exe`, which is the interpreter's of a
/// script.
pub(super) fn of<'a>(
    facts: &Facts<'a>,
    exe: Option<&[u8]>,
    detail: &ProcessDetail<'a>,
) -> Option<&'a [u8]> {
    let (first, arguments) = detail.argv?.split_first()?;
    let (file, others) = facts.paths.split_first()?;
    let name = file.name?;
    let mut interpreters = others.iter().take(MAX_INTERPRETERS);
    // Behind each interpreter there may be one argument of its own.
    let at = interpreters.position(|path| path.name == Some(*first))?;
    let mut arguments = arguments.iter().take(2 * (at + 1));
    let is_script = arguments.any(|argument| *argument == name);
    detail.path.filter(|_| is_script && !is_binary(exe, detail))
}

/// Whether the program that runs is the file that was to be executed. `exe` has its real path, in
/// which `/bin` and `/lib` are often links to directories in `/usr`.
fn is_binary(exe: Option<&[u8]>, detail: &ProcessDetail) -> bool {
    let Some(exe) = exe else { return false };
    let is_exe = |path: &[u8]| path == exe || exe.strip_prefix(b"/usr") == Some(path);
    detail.path.is_some_and(is_exe) || detail.real_path.is_some_and(is_exe)
}

//! As much of Markdown as the README's sections on events have, as a manual page.

/// Paragraphs, tables and code blocks in the language of man(7).
pub(super) fn to_roff(text: &str) -> String {
    let mut page = String::new();
    let mut is_code = false;
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        if line.starts_with("```") {
            page += if is_code { ".EE\n" } else { ".PP\n.EX\n" };
            is_code = !is_code;
        } else if is_code {
            page += &guard(&escape(line));
        } else if line.is_empty() {
            page += ".PP\n";
        } else if line.starts_with('|') {
            let next_is_rule = lines.peek().is_some_and(|next| next.starts_with("|---"));
            if !next_is_rule && !line.starts_with("|---") {
                page += &row(line);
            }
        } else {
            page += &guard(&inline(line));
        }
    }
    // What follows breaks the line by itself.
    page.replace(".PP\n.PP\n", ".PP\n")
        .replace(".PP\n.TP\n", ".TP\n")
}

/// A row of a table: what it is about, then the rest of it behind that.
fn row(line: &str) -> String {
    let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
    let [term, rest @ ..] = &cells[..] else {
        return String::new();
    };
    let rest: Vec<String> = rest.iter().map(|cell| inline(cell)).collect();
    format!(".TP\n{}{}", guard(&inline(term)), guard(&rest.join(": ")))
}

/// Code and stress, which are both bold in a manual page.
fn inline(line: &str) -> String {
    let line = escape(line).replace("**", "`");
    let mut text = String::new();
    for (number, part) in line.split('`').enumerate() {
        if number > 0 {
            text += if number % 2 == 1 { "\\fB" } else { "\\fR" };
        }
        text += part;
    }
    text.replace('*', "")
}

fn escape(text: &str) -> String {
    let text = text.replace('\\', "\\e").replace('-', "\\-");
    text.replace('…', "...").replace('≥', ">=")
}

/// A line that begins like a request is none.
fn guard(line: &str) -> String {
    let begins_like_a_request = line.starts_with(['.', '\'']);
    format!("{}{line}\n", if begins_like_a_request { "\\&" } else { "" })
}

#[test]
fn markdown_becomes_a_manual_page() {
    let text = "Keys are `a-b`.\n\n| key | type |\n|---|---|\n| `x` | *opt* int |\n\n```json\n{\"a\\n\":1}\n```\n'q'";
    assert_eq!(
        to_roff(text),
        "Keys are \\fBa\\-b\\fR.\n.TP\n\\fBx\\fR\nopt int\n.PP\n.EX\n{\"a\\en\":1}\n.EE\n\\&'q'\n"
    );
}

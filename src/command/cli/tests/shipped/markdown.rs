//! Converts the Markdown in the guide to the events to a manual page.

/// Converts paragraphs, tables and code blocks to man(7).
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
    // These requests start a paragraph themselves.
    page.replace(".PP\n.PP\n", ".PP\n")
        .replace(".PP\n.TP\n", ".TP\n")
}

/// A row of a table: the first cell as a term, followed by the others.
fn row(line: &str) -> String {
    let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
    let [term, rest @ ..] = &cells[..] else {
        return String::new();
    };
    let rest: Vec<String> = rest.iter().map(|cell| inline(cell)).collect();
    format!(".TP\n{}{}", guard(&inline(term)), guard(&rest.join(": ")))
}

/// Code and emphasis, which are both bold in a manual page, and the text of links.
fn inline(line: &str) -> String {
    let line = escape(&without_targets(line)).replace("**", "`");
    let mut text = String::new();
    for (number, part) in line.split('`').enumerate() {
        if number > 0 {
            text += if number % 2 == 1 { "\\fB" } else { "\\fR" };
        }
        text += part;
    }
    text.replace('*', "")
}

/// The text with each link replaced by its own text.
fn without_targets(text: &str) -> String {
    let mut parts = text.split("](");
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        if let Some(start) = plain.rfind('[') {
            plain.remove(start);
        }
        plain += part.split_once(')').map_or("", |(_, rest)| rest);
    }
    plain
}

fn escape(text: &str) -> String {
    let text = text.replace('\\', "\\e").replace('-', "\\-");
    text.replace('…', "...").replace('≥', ">=")
}

/// Protects a line that begins like a request.
fn guard(line: &str) -> String {
    let begins_like_a_request = line.starts_with(['.', '\'']);
    format!("{}{line}\n", if begins_like_a_request { "\\&" } else { "" })
}

#[test]
fn markdown_becomes_a_manual_page() {
    let text = "Keys are `a-b`.\n\n| key | type |\n|---|---|\n| `x` | *opt* [int](x.md#y) |\n\n```json\n{\"a\\n\":1}\n```\n'q'";
    assert_eq!(
        to_roff(text),
        "Keys are \\fBa\\-b\\fR.\n.TP\n\\fBx\\fR\nopt int\n.PP\n.EX\n{\"a\\en\":1}\n.EE\n\\&'q'\n"
    );
}

//! Splits the `key=value` text of a record into tokens.
//!
//! Nothing is decoded here: a token keeps whether its value was quoted, because only that
//! distinguishes hex from a literal (see [`Value::text`]).

use crate::{
    bytes::find_either,
    model::RecordType,
    parse::{Value, enriched},
};

/// One token of a record: a pair, or a single word, whose `key` is empty.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Token<'a> {
    /// The text before the `=`.
    pub key: &'a [u8],
    /// The text after it, without quotes.
    pub value: Value<'a>,
}

/// An iterator over the tokens of a record. Created by [`tokenize`].
#[derive(Clone, Debug)]
pub struct Tokens<'a> {
    rest: &'a [u8],
}

/// Splits the body of a record into tokens.
///
/// A value in double quotes ends at the next double quote, because the kernel never writes one
/// inside. A value in single quotes ends at the *last* single quote of the text, because user space
/// may write any text inside. A bare value ends at the next space. An unclosed quote extends to the
/// end: the record was cut. Backslashes have no special meaning.
///
/// ```
/// let body = br#"argc=2 a0="cat" a1=6120622E747874"#;
/// let keys: Vec<_> = auditrd::parse::tokenize(body).map(|token| token.key).collect();
/// assert_eq!(keys, [&b"argc"[..], b"a0", b"a1"]);
/// ```
#[doc(alias = "Tokenize")]
pub fn tokenize(body: &[u8]) -> Tokens<'_> {
    Tokens { rest: body }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    #[inline]
    fn next(&mut self) -> Option<Token<'a>> {
        while let [b' ', tail @ ..] = self.rest {
            self.rest = tail;
        }
        if self.rest.is_empty() {
            return None;
        }
        let Some(end) = find_either(b'=', b' ', self.rest) else {
            return Some(self.word(self.rest.len()));
        };
        let (key, rest) = self.rest.split_at(end);
        let [b'=', rest @ ..] = rest else {
            return Some(self.word(end));
        };
        let (value, rest) = Value::read(rest);
        self.rest = rest;
        Some(Token { key, value })
    }
}

impl<'a> Tokens<'a> {
    /// The text after the last token.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    fn word(&mut self, end: usize) -> Token<'a> {
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        Token {
            key: b"",
            value: Value {
                bytes: word,
                quoted: false,
            },
        }
    }
}

/// The tokens of one record as a map, for programs that interpret records themselves.
///
/// If a key occurs twice, [`get`](Self::get) returns the last one; `tokens` has all.
///
/// ```
/// use auditrd::{parse::AuditMessageTokenMap, record_type::AUDIT_SYSCALL};
///
/// let map = AuditMessageTokenMap::new(AUDIT_SYSCALL, b"arch=c000003e syscall=59 success=yes");
/// assert_eq!(map.get("syscall"), Some(&b"59"[..]));
/// assert_eq!(map.get("exit"), None);
/// ```
#[derive(Clone, Debug)]
pub struct AuditMessageTokenMap<'a> {
    /// The type of the record.
    pub record_type: RecordType,
    /// Its pairs, in order.
    pub tokens: Vec<Token<'a>>,
}

impl<'a> AuditMessageTokenMap<'a> {
    /// Tokenizes the body of a record.
    pub fn new(record_type: RecordType, body: &'a [u8]) -> AuditMessageTokenMap<'a> {
        let (raw, _) = enriched::split(record_type, body);
        AuditMessageTokenMap {
            record_type,
            tokens: tokenize(raw).filter(|t| !t.key.is_empty()).collect(),
        }
    }

    /// The value of a key as written in the record, without quotes.
    pub fn get(&self, key: &str) -> Option<&'a [u8]> {
        self.tokens
            .iter()
            .rev()
            .find(|t| t.key == key.as_bytes())
            .map(|t| t.value.bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(body: &str, expected: &[(&str, &str)]) {
        let got: Vec<_> = tokenize(body.as_bytes())
            .map(|t| {
                (
                    str::from_utf8(t.key).unwrap(),
                    str::from_utf8(t.value.bytes).unwrap(),
                )
            })
            .collect();
        assert_eq!(got, expected, "{body}");
    }

    #[test]
    fn pairs_are_split_at_spaces_outside_quotes() {
        check("a=1 b=\"x y\" c=", &[("a", "1"), ("b", "x y"), ("c", "")]);
        check("  a=1   b=2  ", &[("a", "1"), ("b", "2")]);
        check("a==b c=d=e", &[("a", "=b"), ("c", "d=e")]);
    }

    #[test]
    fn an_empty_value_does_not_swallow_the_next_pair() {
        check("subj= res=success", &[("subj", ""), ("res", "success")]);
    }

    #[test]
    fn words_without_a_value_stay_words() {
        check(
            "login pid=1 old auid=2",
            &[("", "login"), ("pid", "1"), ("", "old"), ("auid", "2")],
        );
    }

    #[test]
    fn a_backslash_has_no_special_meaning() {
        check(
            r#"a="back\slash" b=\"#,
            &[("a", r"back\slash"), ("b", r"\")],
        );
    }

    #[test]
    fn msg_ends_at_the_last_quote() {
        check(
            r#"msg='op=x acct="system-property('xsl:vendor')/>" res=failed'"#,
            &[(
                "msg",
                r#"op=x acct="system-property('xsl:vendor')/>" res=failed"#,
            )],
        );
    }

    #[test]
    fn an_unclosed_quote_extends_to_the_end() {
        check("a=\"cut mid", &[("a", "cut mid")]);
        check("msg='cut mid", &[("msg", "cut mid")]);
        check("a=\"", &[("a", "")]);
    }
}

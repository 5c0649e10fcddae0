//! The arguments of a program, from its EXECVE records.
//!
//! The kernel splits a long list into several records, and a long argument into several pieces:
//! `argc=3 a0="echo" a1_len=40000 a1[0]=79…`, then ` a1[1]=79…` and so on (kernel/auditsc.c,
//! `audit_log_execve_info`). Each piece is quoted or hex independently. A relay may reorder the
//! records, so all pieces are collected first and sorted then.
//!
//! Linux before 4.8 writes nothing for an empty argument: `argc=3 a0="ls" a2="/etc"`.

use std::ops::Range;

use bumpalo::{Bump, collections::Vec};

use crate::{
    bytes::integer,
    parse::{Value, exact::Exact, layout::Fields},
};

/// The EXECVE records of an event. Most events have only one.
#[derive(Debug, Default)]
pub(crate) struct Records<'a> {
    first: Option<&'a [u8]>,
    /// The pieces of all records, if there are several.
    pieces: Option<Pieces<'a>>,
}

impl<'a> Records<'a> {
    /// Adds the body of a record.
    #[inline]
    pub(crate) fn add(&mut self, body: &'a [u8], arena: &'a Bump) {
        match self.first {
            None => self.first = Some(body),
            Some(first) => {
                let pieces = || Pieces::of(first, arena);
                self.pieces.get_or_insert_with(pieces).add(body);
            }
        }
    }

    /// Reads the arguments. `None` if there was no EXECVE record.
    #[inline]
    pub(crate) fn finish(self, arena: &'a Bump) -> Option<Argv<'a>> {
        match (self.first?, self.pieces) {
            (first, None) => usual(first, arena).or_else(|| Pieces::of(first, arena).finish(arena)),
            (_, Some(pieces)) => pieces.finish(arena),
        }
    }
}

/// The arguments in a record that has each of them as a whole, in order. `None` for any other
/// record.
#[inline(never)]
fn usual<'a>(body: &'a [u8], arena: &'a Bump) -> Option<Argv<'a>> {
    let mut text = Exact::new(body);
    text.skip(b"argc=")?;
    let argc = text.number()?;
    let keys = KEYS.get(..argc as usize)?;
    let mut args = Vec::with_capacity_in(keys.len(), arena);
    for key in keys {
        text.skip(key)?;
        args.push(text.value()?.text(arena));
    }
    text.rest().is_empty().then(|| Argv {
        args: args.into_bump_slice(),
        complete: true,
    })
}

/// The keys of the first arguments.
const KEYS: [&[u8; 4]; 10] = [
    b" a0=", b" a1=", b" a2=", b" a3=", b" a4=", b" a5=", b" a6=", b" a7=", b" a8=", b" a9=",
];

/// The pieces found so far.
#[derive(Debug)]
struct Pieces<'a> {
    found: Vec<'a, Piece<'a>>,
    argc: Option<i64>,
    /// Arguments that a record passed over, from the first up to the next that it has.
    passed_over: Vec<'a, Range<u32>>,
}

/// The largest number of arguments that are taken for empty because a record passed over them. A
/// forged record may pass over billions.
const MAX_PASSED_OVER: usize = 64;

#[derive(Clone, Copy, Debug)]
struct Piece<'a> {
    argument: u32,
    part: u32,
    value: Value<'a>,
}

/// The arguments of a program.
#[derive(Clone, Copy, Debug, Default)]
pub struct Argv<'a> {
    /// The arguments that arrived, in order, including empty ones.
    pub args: &'a [&'a [u8]],
    /// Whether every piece of all `argc` arguments arrived, or is known to be empty.
    pub complete: bool,
}

impl<'a> Pieces<'a> {
    /// The pieces of one EXECVE record.
    fn of(body: &'a [u8], arena: &'a Bump) -> Pieces<'a> {
        let mut pieces = Pieces {
            // Most programs have at most eight arguments.
            found: Vec::with_capacity_in(8, arena),
            argc: None,
            passed_over: Vec::new_in(arena),
        };
        pieces.add(body);
        pieces
    }

    /// Adds the pieces of another.
    fn add(&mut self, body: &'a [u8]) {
        let start = self.found.len();
        self.read(body);
        self.note_passed_over(start, body.trim_ascii_start().starts_with(b"argc="));
    }

    /// Notes the arguments between those of one record, the pieces from `start` on. Only the record
    /// with `argc` is known to begin with the first argument.
    fn note_passed_over(&mut self, start: usize, is_first: bool) {
        let pieces = self.found.get(start..).unwrap_or_default();
        let numbers = pieces.iter().map(|piece| piece.argument);
        if is_first
            && numbers
                .clone()
                .zip(0..)
                .all(|(number, next)| number == next)
        {
            return;
        }
        let mut next = is_first.then_some(0);
        for number in numbers {
            if let Some(next) = next.filter(|next| *next < number) {
                self.passed_over.push(next..number);
            }
            next = Some(number.saturating_add(1));
        }
    }

    fn read(&mut self, body: &'a [u8]) {
        let mut fields = Fields::new(body);
        loop {
            while let Some((argument, value)) = fields.take_argument() {
                self.found.push(Piece {
                    argument,
                    part: 0,
                    value,
                });
            }
            let mut tokens = fields.tokens();
            let Some(token) = tokens.next() else { return };
            fields.skip_to(&tokens);
            if token.key == b"argc" {
                // Old kernels write a second record, with fewer arguments, for a script.
                self.argc = self.argc.max(token.value.integer());
            } else if let Some((argument, part)) = position(token.key) {
                self.found.push(Piece {
                    argument,
                    part,
                    value: token.value,
                });
            }
        }
    }

    /// Joins the pieces into arguments. `None` if there are none.
    fn finish(mut self, arena: &'a Bump) -> Option<Argv<'a>> {
        if self.found.is_empty() && self.argc.is_none() {
            return None;
        }
        let is_whole = |(piece, number): (&Piece, u32)| (piece.argument, piece.part) == (number, 0);
        let (args, complete) = match self.found.iter().zip(0..).all(is_whole) {
            true => {
                let texts = self.found.iter().map(|piece| piece.value.text(arena));
                (Vec::from_iter_in(texts, arena), true)
            }
            false => self.assemble(arena),
        };
        let complete = complete && self.argc == i64::try_from(args.len()).ok();
        Some(Argv {
            args: args.into_bump_slice(),
            complete,
        })
    }

    /// Joins pieces that are not just one for each argument, in order. Returns the arguments, and
    /// whether every piece arrived.
    fn assemble(&mut self, arena: &'a Bump) -> (Vec<'a, &'a [u8]>, bool) {
        let position = |piece: &Piece| (piece.argument, piece.part);
        if !self.found.is_sorted_by_key(position) {
            self.found.sort_by_key(position);
        }
        self.found.dedup_by_key(|piece| position(piece));
        let mut complete = true;
        let mut args: Vec<'a, &'a [u8]> = Vec::with_capacity_in(self.found.len(), arena);
        let most = self.found.len() + MAX_PASSED_OVER;
        for pieces in self.found.chunk_by(|a, b| a.argument == b.argument) {
            let is_gap = |gap: &&Range<u32>| {
                gap.start as usize == args.len()
                    && pieces
                        .first()
                        .is_some_and(|piece| piece.argument == gap.end)
            };
            if let Some(gap) = self.passed_over.iter().find(is_gap)
                && (gap.end as usize) < most
            {
                args.resize(gap.end as usize, b"");
            }
            complete &= pieces
                .iter()
                .map(|p| p.argument as usize)
                .all(|n| n == args.len());
            complete &= pieces
                .iter()
                .zip(0..)
                .all(|(piece, part)| piece.part == part);
            args.push(match pieces {
                [piece] => piece.value.text(arena),
                pieces => join(pieces, arena),
            });
        }
        (args, complete)
    }
}

fn join<'a>(pieces: &[Piece<'a>], arena: &'a Bump) -> &'a [u8] {
    let size = pieces.iter().map(|piece| piece.value.bytes.len()).sum();
    let mut whole = Vec::with_capacity_in(size, arena);
    for piece in pieces {
        whole.extend_from_slice_copy(piece.value.text(arena));
    }
    whole.into_bump_slice()
}

/// The argument and part that a key names: `a3` is (3, 0), `a3[2]` is (3, 2). `None` for `a3_len`
/// and other keys.
pub(crate) fn position(key: &[u8]) -> Option<(u32, u32)> {
    let number = |digits: &[u8]| {
        let digits = digits
            .first()
            .is_some_and(u8::is_ascii_digit)
            .then_some(digits)?;
        u32::try_from(integer(digits)?).ok()
    };
    let rest = key.strip_prefix(b"a")?;
    match memchr::memchr(b'[', rest) {
        None => Some((number(rest)?, 0)),
        Some(at) => {
            let (argument, part) = rest.split_at(at);
            Some((
                number(argument)?,
                number(part.strip_prefix(b"[")?.strip_suffix(b"]")?)?,
            ))
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Parts of EXECVE records.
    fn part() -> impl Strategy<Value = &'static str> {
        prop::sample::select(std::vec![
            "a0=\"x\"",
            "a0=\"3005\" ",
            "a0=\"\" ",
            "a1=\"of more than 16 bytes here\" ",
            "a1=6120620063 ",
            "a1=6120620063",
            "a1=61206200636162006361620063 ",
            "a2=word ",
            "a2='x y' ",
            "a2=\"x y ",
            "a3=\"y\"",
            "a10=\"y\" ",
            "a2_len=4 a2[0]=61 ",
            "a00=\"y\" ",
            " ",
            "word ",
        ])
    }

    proptest! {
        #[test]
        fn the_usual_arguments_are_read_as_any_others(
            argc in 0..5u32,
            start in prop::sample::select(std::vec!["", "a0=\"a\" ", "a0=\"a\" a1=62 "]),
            parts in prop::collection::vec(part(), 0..3),
        ) {
            let body = format!("argc={argc} {start}{}", parts.concat());
            let arena = Bump::new();
            if let Some(argv) = usual(body.as_bytes(), &arena) {
                let any = Pieces::of(body.as_bytes(), &arena).finish(&arena);
                prop_assert_eq!(format!("{:?}", Some(argv)), format!("{any:?}"));
            }
        }
    }

    #[test]
    fn whole_arguments_in_order_are_usual() {
        let arena = Bump::new();
        for body in ["argc=1 a0=\"ls\"", "argc=3 a0=\"a\" a1=622063 a2=\"\""] {
            assert!(usual(body.as_bytes(), &arena).is_some(), "{body}");
        }
    }

    fn check(records: &[&str], expected: &[&str], complete: bool) {
        let arena = Bump::new();
        let mut all = Records::default();
        for record in records {
            all.add(record.as_bytes(), &arena);
        }
        let argv = all.finish(&arena).unwrap();
        let args: std::vec::Vec<_> = argv
            .args
            .iter()
            .map(|a| str::from_utf8(a).unwrap())
            .collect();
        assert_eq!(
            (&args[..], argv.complete),
            (expected, complete),
            "{records:?}"
        );
    }

    #[test]
    fn an_argument_that_looks_like_hex_is_text_when_quoted() {
        check(&[r#"argc=2 a0="id" a1="3005""#], &["id", "3005"], true);
        check(
            &[r#"argc=3 a0="useradd" a1="-c" a2=75736520776F726473"#],
            &["useradd", "-c", "use words"],
            true,
        );
    }

    #[test]
    fn empty_arguments_are_kept() {
        check(
            &[r#"argc=3 a0="/bin/echo" a1="" a2="x""#],
            &["/bin/echo", "", "x"],
            true,
        );
    }

    #[test]
    fn arguments_are_sorted_by_number() {
        let record = r#"argc=12 a0="a" a1="b" a10="k" a11="l" a2="c" a3="d" a4="e" a5="f" a6="g" a7="h" a8="i" a9="j""#;
        check(
            &[record],
            &["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"],
            true,
        );
    }

    #[test]
    fn pieces_are_joined_in_any_order_of_arrival() {
        let first = r#"argc=3 a0="echo" a1_len=8 a1[0]=6162"#;
        let (second, third) = (r#" a1[1]="cd""#, r#" a1[2]=65 a2="end""#);
        check(&[first, second, third], &["echo", "abcde", "end"], true);
        check(&[third, second, first], &["echo", "abcde", "end"], true);
    }

    #[test]
    fn a_missing_piece_or_argument_makes_the_list_incomplete() {
        check(
            &[r#"argc=2 a0="echo" a1_len=6 a1[0]=61"#, " a1[2]=63"],
            &["echo", "ac"],
            false,
        );
        check(&[r#"argc=2 a0="echo""#], &["echo"], false);
        check(&[r#"argc=3 a0="echo""#, r#"a2="x""#], &["echo", "x"], false);
        check(&[r#"a1="echo" a2="x""#], &["echo", "x"], false);
    }

    #[test]
    fn an_argument_that_a_record_passes_over_is_empty() {
        check(&[r#"argc=3 a0="echo" a2="x""#], &["echo", "", "x"], true);
        check(&[r#"argc=2 a1="x""#], &["", "x"], true);
        check(
            &[r#"argc=5 a0="a" a3="d""#, r#"a4="e""#],
            &["a", "", "", "d", "e"],
            true,
        );
        // Where that is cannot be told from a record that is lost.
        check(&[r#"argc=3 a0="a" a1="b""#], &["a", "b"], false);
        let most = format!(r#"argc=66 a65="{}""#, "x");
        check(&[&most], &["x"], false);
        check(&[r#"argc=4294967295 a4294967294="x""#], &["x"], false);
    }

    #[test]
    fn a_wrong_argc_makes_the_list_incomplete() {
        check(&[r#"argc=0 a0="echo""#], &["echo"], false);
        check(&["argc=2000000000"], &[], false);
        check(
            &[r#"argc=1 a0="x" a99999999999="y" a1[="z" a["z"="#],
            &["x"],
            true,
        );
    }

    #[test]
    fn a_repeated_argument_counts_once() {
        check(&[r#"argc=1 a0="x""#, r#"argc=1 a0="x""#], &["x"], true);
    }
}

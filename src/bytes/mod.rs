//! Searching, and reading and writing of numbers and strings, by hand where measurements justify
//! it.
//!
//! Most texts in a record are short: a value has 1 to 20 bytes. A call to a general routine costs
//! more than it saves there, so the functions of this module look at the first 16 bytes inline
//! and leave the rest to a function that is not inlined, or to the memchr crate. Records are read
//! and lines are encoded with these functions only.
//!
//! Read this before changing any of them:
//!
//! - `cargo bench --bench stages -- --instructions` counts the instructions of each stage. When
//!   these functions came in, the replay of 60,000 records went from 165.7 to 158.7 million
//!   instructions for values, ids and numbers read from one window; from 163.0 to 160.3 for stamps
//!   and types compared as numbers; and from 158.7 to 155.6 for the test for plain text. Later,
//!   from 144.6 to 140.4 for plain text, escapes and keys compared 16 bytes at once; and from 130.7
//!   to 128.6 for line ends found 64 bytes at once, by AVX2; and from 100.2 to 99.4 for escaped
//!   text copied 16 bytes at once.
//! - Loops over a fixed chunk have no branches, so that the compiler vectorizes them. A small edit
//!   can undo that without failing a test: count the instructions again.
//! - Each function has an exhaustive or differential test against the obvious version.

mod decimal;
mod hex;
mod json;
mod lanes;
mod number;
mod plain;
mod search;
mod sum;
mod word;

pub(crate) use crate::sys::append;
pub(crate) use decimal::{Decimal, Integer, pair};
pub(crate) use hex::unhex;
pub(crate) use json::{json_ascii, json_string};
pub(crate) use number::{hex, integer, leading_number, number, short_number};
pub(crate) use plain::{append_plain, is_plain};
pub(crate) use search::{
    contains, find, find_all, find_either, find_last, find_near, has_pair, leading_word,
};
pub(crate) use sum::sum;
pub(crate) use word::{Prefix, first_word, small_text};

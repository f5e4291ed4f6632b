//! What the dashboard shows: of a grid that was recorded, of arbitrary events, in terminals of all kinds.

#![expect(clippy::match_same_arms, reason = "tables of cases, one to a line")]
#![expect(clippy::case_sensitive_file_extension_comparisons, reason = "the program itself writes them")]
#![expect(clippy::unnecessary_wraps, reason = "made-up scores are of one signature")]

mod curves;
mod fixture;
mod grid;
mod history;
mod machine;
mod made;
mod properties;
mod run;
mod runs;
mod svg;
mod table;
mod whole;

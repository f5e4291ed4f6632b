//! What the dashboard shows: of a grid that was recorded, of arbitrary events, in terminals of all kinds.

mod curves;
mod fixture;
mod grid;
mod history;
mod machine;
mod made;
mod pictures;
mod properties;
mod run;
mod runs;
mod svg;
mod table;
mod tune;
mod whole;

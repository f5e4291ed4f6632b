//! The pictures of `docs/dashboard`, which are screens of the recorded grid.

use std::fs;
use std::path::{Path, PathBuf};

use mmtl_dash::{State, Ui, svg};

use crate::fixture::{COLOURS, at, done, press, screen};
use crate::machine::{busy, costs, looked_at};

/// Columns and lines of a picture.
const SIZE: (u16, u16) = (120, 34);

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/dashboard").join(format!("{name}.svg"))
}

/// The picture of a view is what the view shows; `MMTL_PICTURES=write` draws it anew.
fn hold(name: &str, mut state: State, keys: &str) {
    let mut ui = Ui::new(COLOURS);
    press(&mut ui, &mut state, keys);
    let picture = svg(&screen(&state, &mut ui, SIZE), &ui.theme);
    if std::env::var("MMTL_PICTURES").is_ok_and(|wish| wish == "write") {
        fs::write(file(name), &picture).expect("docs/dashboard is there");
    }
    let kept = fs::read_to_string(file(name)).unwrap_or_default();
    let again = "`MMTL_PICTURES=write cargo test -p mmtl-dash pictures` draws it anew";
    assert!(kept == picture, "docs/dashboard/{name}.svg is not what the view shows: {again}");
}

#[test]
fn every_view_is_in_the_docs_as_it_is() {
    hold("grid", at(0.7), "1");
    hold("runs", at(0.7), "2");
    hold("curves", at(0.7), "2<space>jj<space>jj<space>3");
    hold("run", at(0.7), "2jjjj4");
    hold("table", done(), "5");
    let mut machine = looked_at(busy());
    machine.apply(costs());
    hold("machine", machine, "6");
}

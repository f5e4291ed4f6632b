//! Data flows one way through the house: a crate uses only what stands above it.

use std::fs;
use std::path::{Path, PathBuf};

/// The rooms, top to bottom.
const ROOMS: [&str; 12] =
    ["plan", "metrics", "data", "zoo", "reference", "cpu", "kernels", "train", "grid", "report", "bench", "dash"];

#[test]
fn every_arrow_points_upwards() {
    let manifests = manifests();
    assert!(manifests.len() >= 10, "found only {} manifests", manifests.len());
    let wrong: Vec<String> = manifests.iter().flat_map(|(room, path)| wrong_arrows(room, &read(path))).collect();
    assert!(wrong.is_empty(), "arrows that run the wrong way: {wrong:#?}");
}

#[test]
fn an_arrow_downwards_is_found() {
    let manifest =
        "[dependencies]\nmmtl-grid.workspace = true\n[dev-dependencies]\nmmtl-cpu.workspace = true\n".parse().unwrap();
    assert_eq!(wrong_arrows("zoo", &manifest), ["zoo -> grid", "zoo -> cpu"]);
    assert!(wrong_arrows("report", &manifest).is_empty());
}

fn wrong_arrows(room: &str, manifest: &toml::Table) -> Vec<String> {
    let place = |name: &str| {
        ROOMS.iter().position(|r| *r == name).unwrap_or_else(|| panic!("`{name}` is no room of the house"))
    };
    ["dependencies", "dev-dependencies", "build-dependencies"]
        .iter()
        .filter_map(|section| manifest.get(*section)?.as_table())
        .flat_map(toml::Table::keys)
        .filter_map(|dependency| dependency.strip_prefix("mmtl-"))
        .filter(|used| place(used) >= place(room))
        .map(|used| format!("{room} -> {used}"))
        .collect()
}

/// (room, manifest) of every crate below the root package, which may use all of them.
fn manifests() -> Vec<(String, PathBuf)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let crates = fs::read_dir(root.join("crates")).unwrap().map(|entry| entry.unwrap().path());
    crates
        .chain([root.join("kernels")])
        .map(|dir| (dir.file_name().unwrap().to_string_lossy().into_owned(), dir.join("Cargo.toml")))
        .filter(|(_, manifest)| manifest.exists())
        .collect()
}

fn read(path: &Path) -> toml::Table {
    fs::read_to_string(path).unwrap().parse().unwrap()
}

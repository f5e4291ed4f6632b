use std::str::FromStr;

use mmtl_grid::events::{GridEvent, GridLine, GridState, Happened, RunStatus};
use mmtl_grid::store::FormatVersion;
use mmtl_grid::{Row, TrialKey};
use proptest::prelude::*;

use super::*;

fn run(architecture: &str, seed: u64, status: RunStatus) -> RunState {
    let key = TrialKey::from_str("ab12cd34ab12cd34").expect("16 digits");
    let row = Row {
        architecture: architecture.into(),
        values: vec![
            ("protocol".into(), Value::Text("joint".into())),
            ("mmoe.experts".into(), Value::Int(8)),
            ("train.optimiser".into(), Value::Text("Adam".into())),
        ],
        ablation: Some("Far \"too\" fast".into()),
        baseline: false,
        tuning: false,
    };
    let (architecture, protocol) = (architecture.to_owned(), "joint".to_owned());
    let event = GridEvent::Planned { key: key.clone(), architecture, protocol, seed, rows: vec![row], status };
    let mut grid = GridState::default();
    grid.apply(Happened::Grid(GridLine { v: FormatVersion(2), attempt: 1, seq: 1, at: 0, event }));
    grid.run(&key).expect("it was planned").clone()
}

fn values() -> Vec<String> {
    ["protocol", "mmoe.experts", "experts", "optimiser"].map(str::to_owned).to_vec()
}

fn has(filter: &str, run: &RunState) -> bool {
    Filter::parse(filter, &values()).expect(filter).has(run, &RunText::of(run))
}

#[test]
fn terms_look_at_their_columns() {
    let failed = run("ple", 2, RunStatus::Failed { reason: "the loss is not finite".into() });
    for filter in [
        "",
        "  ",
        "ple",
        "PLE joint",
        "arch:ple",
        "architecture:PL",
        "arch=ple seed:2 state:failed",
        "state:fail",
        "state:running,failed",
        "-state:finished",
        "seed:1..3",
        "seed:2..",
        "seed:..2",
        "seed>1 seed<=2",
        "key:ab12",
        "protocol:joint",
        "reason:finite",
        "not finite",
        "\"is not\"",
        "ablation:fast",
        "experts:8",
        "experts>4",
        "experts:4..8",
        "mmoe.experts=8",
        "optimiser:adam",
        "arch:mmoe,ple",
        "-arch:mmoe,star",
        "arch:",
        "-arch:",
        "row:\"ple joint",
        "progress:0",
        "-score>0",
        "priority:0",
    ] {
        assert!(has(filter, &failed), "{filter}");
    }
    for filter in [
        "mmoe",
        "arch:mmoe",
        "arch=pl",
        "-ple",
        "-arch:ple",
        "state:finished",
        "seed:3..",
        "seed<2",
        "seed:1",
        "experts:4",
        "experts<8",
        "optimiser=ada",
        "score>0",
        "ple mmoe",
        "arch:ple seed:1",
    ] {
        assert!(!has(filter, &failed), "{filter}");
    }
}

#[test]
fn mistakes_are_named_with_the_nearest_choice() {
    let says = |filter: &str| Filter::parse(filter, &values()).expect_err(filter).to_string();
    assert!(says("ach:ple").starts_with("no column is called `ach`, did you mean `arch`?; there are state, arch, "));
    assert!(says("expert:8").contains("did you mean `experts`?"));
    assert!(says("zzzzzzzzzz:8").starts_with("no column is called `zzzzzzzzzz`; there are"));
    assert!(says("state:faild").starts_with("no state is called `faild`, did you mean `failed`?"));
    assert!(says("seed:x").starts_with("`seed` is a number: expected one as in `seed:2`"));
    assert!(says("seed>1..2").contains("not `1..2`"));
    assert!(says("arch>ple").starts_with("`arch` is no number"));
    assert!(says("experts>many").starts_with("`experts` is a number"));
}

#[test]
fn a_filter_for_exactly_one_text_is_read_back() {
    let finished = run("ple", 1, RunStatus::Finished);
    let label = finished.rows[0].to_string();
    assert!(label.contains('"'), "{label}");
    assert!(has(&exactly("row", &label), &finished));
    assert!(!has(&exactly("row", &label[..label.len() - 1]), &finished));
}

#[test]
fn the_names_of_states_are_all_known() {
    let reason = || "so".to_owned();
    let statuses = [
        RunStatus::Queued,
        RunStatus::Running { host: "vm".into(), pid: 1 },
        RunStatus::Paused,
        RunStatus::Finished,
        RunStatus::Failed { reason: reason() },
        RunStatus::Cancelled,
        RunStatus::Pruned,
        RunStatus::NotApplicable { reason: reason() },
    ];
    assert_eq!(statuses.each_ref().map(RunStatus::name), STATES[..8]);
}

proptest! {
    #[test]
    fn any_text_is_a_filter_or_a_mistake(text in any::<String>(), typed in "[-a-z:=<>\"\\\\,. 0-9]{0,24}") {
        let run = run("ple", 2, RunStatus::Finished);
        for text in [text, typed] {
            if let Ok(filter) = Filter::parse(&text, &values()) {
                filter.has(&run, &RunText::of(&run));
            }
        }
    }

    #[test]
    fn quoted_texts_are_read_back(text in any::<String>()) {
        let wanted = tokens(&exactly("row", &text));
        prop_assert_eq!(wanted.len(), 1);
        prop_assert_eq!(&wanted[0].wanted, &[text]);
    }
}

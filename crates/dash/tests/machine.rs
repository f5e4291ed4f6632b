//! The view of the machine.

use mmtl_dash::{Bench, Event, Gpu, MachineSample, Reached, Role, State, Ui};
use mmtl_grid::TrialKey;
use mmtl_grid::events::{RunState, RunStatus};
use ratatui::style::Modifier;

use crate::fixture::{COLOURS, at, done, find, press, screen, snapshots, text};

/// The recorded grid in its midst, with workers at work.
pub fn busy() -> State {
    let share = (1..20).map(|part| f64::from(part) / 20.0).find(|share| {
        let state = at(*share);
        let trains = |run: &RunState| run.stage.is_none() && run.fits.iter().any(|fit| fit.rows_per_second > 0.0);
        workers(&state).len() == 2 && running(&state).into_iter().any(trains)
    });
    at(share.expect("two runs ran at once"))
}

fn running(state: &State) -> Vec<&RunState> {
    state.grid().runs().filter(|run| matches!(run.status, RunStatus::Running { .. })).collect()
}

fn workers(state: &State) -> Vec<(String, u32, TrialKey)> {
    let of = |run: &RunState| match &run.status {
        RunStatus::Running { host, pid } => Some((host.clone(), *pid, run.key.clone())),
        _ => None,
    };
    state.grid().runs().filter_map(of).collect()
}

fn sample(state: &State, second: u64) -> MachineSample {
    let workers = workers(state);
    let wave = |at: u64| 0.5 + 0.4 * (at as f64 / 40.0).sin();
    MachineSample {
        at: state.now() + 1000 * second,
        host: workers.first().map_or("vm".to_owned(), |(host, ..)| host.clone()),
        processor: "AMD EPYC 9B14".to_owned(),
        cores: vec![wave(second), wave(second + 30)],
        memory_used: 3_435_973_837 + second * 1_000_000,
        memory: 8 << 30,
        gpus: vec![],
        without_gpu: Some("no NVIDIA driver: libnvidia-ml.so.1 cannot be opened".to_owned()),
        workers: workers.iter().map(|(_, pid, _)| (*pid, 0.98, 512 << 20)).collect(),
    }
}

/// Five minutes of samples.
pub fn looked_at(mut state: State) -> State {
    for second in 0..300 {
        state.apply(Event::Machine(Box::new(sample(&state, second))));
    }
    state
}

/// Operations of a row's forward pass, by architecture.
const FORWARD: [(&str, u64); 4] = [("shared-bottom", 35_200), ("mmoe", 61_440), ("ple", 88_000), ("star", 40_000)];

pub fn costs() -> Event {
    let of = |(name, flops): (&str, u64)| {
        [(format!("{name} joint"), vec![flops]), (format!("{name} per-scene"), vec![flops; 7])]
    };
    Event::Costs(FORWARD.into_iter().flat_map(of).collect())
}

fn reached(name: &str, gflops: f64, share: f64) -> Reached {
    Reached { name: name.to_owned(), case: "mmoe".to_owned(), gflops, intensity: Some(gflops / 4.0), share }
}

fn bench() -> Bench {
    Bench {
        numerics: "cuda f32".to_owned(),
        threads: 2,
        peak: 60_000.0,
        copy: Some(4100.0),
        steps: vec![reached("mmoe", 4000.0, 0.066)],
        kernels: vec![reached("embed", 12.0, 0.81), reached("linear", 30_000.0, 0.5), reached("gate", 900.0, 0.31)],
    }
}

fn gpu(used: f64) -> Gpu {
    let (memory_used, memory) = (12 << 30, 139 << 30);
    Gpu { name: "NVIDIA H200".to_owned(), used, memory_used, memory, celsius: Some(61), watts: Some(412.4) }
}

fn shown(state: &mut State, keys: &str, size: (u16, u16)) -> String {
    let mut ui = Ui::new(COLOURS);
    press(&mut ui, state, keys);
    text(&screen(state, &mut ui, size))
}

#[test]
fn at_work() {
    let mut state = looked_at(busy());
    state.apply(costs());
    snapshots("machine", &mut state, "6");
}

#[test]
fn with_gpus_and_a_roofline() {
    let mut state = busy();
    for second in 0..400 {
        let gpus = vec![gpu(0.9), gpu(second as f64 / 400.0)];
        let cores = (0..96).map(|core| (core as f64 / 95.0 + second as f64 / 50.0).fract()).collect();
        let sample = MachineSample { gpus, without_gpu: None, cores, ..sample(&state, second) };
        state.apply(Event::Machine(Box::new(sample)));
    }
    state.apply(costs());
    state.apply(Event::Bench(Box::new(bench())));
    snapshots("machine_gpu", &mut state, "6");
}

#[test]
fn operations_a_second_are_three_times_the_forward_pass_of_a_rows_record() {
    let mut state = looked_at(busy());
    let before = shown(&mut state, "6", (120, 40));
    assert!(before.contains("no run's operations are known yet"), "{before}");
    assert!(before.contains("`mmtl bench --json FILE` measures"), "{before}");
    state.apply(costs());
    let training =
        running(&state).into_iter().find(|run| run.stage.is_none() && run.fits[run.fit].rows_per_second > 0.0);
    let run = training.expect("one trains");
    let (_, flops) = FORWARD.into_iter().find(|(name, _)| *name == run.architecture).expect("one of the four");
    let expected = run.fits[run.fit].rows_per_second * 3.0 * flops as f64 * 1e-9;
    assert_eq!(state.roofline().gflops(run), Some(expected));
    let after = shown(&mut state, "6", (120, 40));
    assert!(after.contains(&format!("{expected:.1}")), "{expected} in {after}");
}

#[test]
fn processes_are_found_here_missed_here_or_elsewhere() {
    let mut state = looked_at(busy());
    let (host, pid, _) = workers(&state)[0].clone();
    let seen = shown(&mut state, "6", (120, 40));
    assert!(seen.contains("512 MiB") && seen.contains("0.98") && seen.contains(&pid.to_string()), "{seen}");
    let gone = MachineSample { workers: vec![], ..sample(&state, 400) };
    state.apply(Event::Machine(Box::new(gone)));
    let missed = shown(&mut state, "6", (120, 40));
    assert!(missed.contains("process not seen") && !missed.contains("512 MiB"), "{missed}");
    let other = MachineSample { host: "laptop".to_owned(), ..sample(&state, 500) };
    state.apply(Event::Machine(Box::new(other)));
    let elsewhere = shown(&mut state, "6", (120, 40));
    assert!(elsewhere.contains(&format!("elsewhere: {host}")), "{elsewhere}");
}

#[test]
fn nothing_known_is_said() {
    let unknown = shown(&mut at(0.0), "6", (80, 24));
    assert!(unknown.contains("this machine has not been looked at yet"), "{unknown}");
    assert!(unknown.contains("no run runs now"), "{unknown}");
    let ended = shown(&mut looked_at(done()), "6", (80, 24));
    assert!(ended.contains("no run runs now") && ended.contains("CPU"), "{ended}");
}

/// The words of a screen's lines, and of wider ones to compare them with.
fn words(shown: &str) -> Vec<&str> {
    shown.lines().flat_map(|line| line.trim_matches(['│', ' ']).split("  ")).map(str::trim).collect()
}

#[test]
fn on_a_narrow_screen_columns_go_and_words_are_cut_but_none_is_written_over() {
    let mut state = looked_at(busy());
    let processor =
        "AMD EPYC 9B14 96-Core Processor whose name takes more than a line of any screen below a hundred columns"
            .to_owned();
    state.apply(Event::Machine(Box::new(MachineSample { processor, ..sample(&state, 300) })));
    state.apply(costs());
    state.apply(Event::Bench(Box::new(bench())));
    let wide = shown(&mut state, "6", (200, 30));
    for width in 20..100 {
        let narrow = shown(&mut state, "6", (width, 30));
        let heads = ["pid", "worker of run", "done", "cores", "memory", "rows/s", "GFLOP/s"];
        let line = narrow.lines().find(|line| line.contains("pid")).expect("heads");
        for head in words(line) {
            let cut = head.strip_suffix('…').is_some_and(|begin| heads.iter().any(|head| head.starts_with(begin)));
            assert!(head.is_empty() || cut || heads.contains(&head), "`{head}` at {width}: {narrow}");
        }
        // Whatever stands here stands there, or begins so.
        let of_roof = |line: &&str| line.contains("embed") || line.contains("linear") || line.contains("gate");
        for word in narrow.lines().filter(of_roof).flat_map(words) {
            let begin = word.trim_end_matches('…');
            assert!(words(&wide).iter().any(|other| other.starts_with(begin)), "`{word}` at {width}: {narrow}");
        }
        let first = narrow.lines().nth(2).expect("the host");
        assert_eq!(first.contains("last 10 minutes"), width >= 54, "at {width}: {first}");
        assert!(!first.contains("last") || first.contains("…  last 10 minutes"), "at {width}: {first}");
    }
    let narrow = shown(&mut state, "6", (60, 30));
    let heads = narrow.lines().find(|line| line.contains("pid")).expect("heads");
    let heads: Vec<&str> = words(heads).into_iter().filter(|head| !head.is_empty()).collect();
    assert_eq!(heads, ["pid", "worker of run", "done", "memory", "rows/s"], "{narrow}");
    assert!(narrow.contains("512 MiB"), "{narrow}");
}

#[test]
fn scarce_memory_is_a_warning_with_a_sign() {
    let mut state = busy();
    let full = MachineSample { memory_used: 8 << 30, ..sample(&state, 1) };
    state.apply(Event::Machine(Box::new(full)));
    let mut ui = Ui::new(COLOURS);
    press(&mut ui, &mut state, "6");
    let buffer = screen(&state, &mut ui, (120, 40));
    assert!(find(&buffer, "8.0 GiB of 8.0 GiB !").is_some(), "{}", text(&buffer));
    let (x, y) = find(&buffer, "Memory").expect("it is measured");
    assert_eq!(buffer[(x + 8, y)].fg, COLOURS.style(Role::Warning).fg.expect("a colour"));
}

#[test]
fn the_cursor_goes_over_workers_and_enter_shows_the_run() {
    let mut state = looked_at(busy());
    let keys: Vec<TrialKey> = workers(&state).into_iter().map(|(_, _, key)| key).collect();
    let mut ui = Ui::new(COLOURS);
    press(&mut ui, &mut state, "6j");
    assert_eq!(ui.chosen().focus.as_ref(), Some(&keys[1]));
    let buffer = screen(&state, &mut ui, (120, 40));
    let (_, y) = find(&buffer, "worker of run").expect("heads are there");
    let reversed = |y: u16| buffer[(20, y)].modifier.contains(Modifier::REVERSED);
    assert_eq!([y + 1, y + 2].map(reversed), [false, true]);
    press(&mut ui, &mut state, "<enter>");
    assert_eq!(ui.tab(), mmtl_dash::Tab::Run);
}

#[test]
fn eight_gpus_leave_room_for_workers() {
    let mut state = busy();
    let gpus = (0..8).map(|number| gpu(f64::from(number) / 8.0)).collect();
    let sample = MachineSample { gpus, without_gpu: None, ..sample(&state, 1) };
    state.apply(Event::Machine(Box::new(sample)));
    let shown = shown(&mut state, "6", (80, 24));
    assert!(shown.contains("GPU 7") && shown.contains("NVIDIA H200"), "{shown}");
    assert!(shown.contains("worker of run") && shown.contains("512 MiB"), "{shown}");
}

//! Devices from the command line: what there is, what is asked for, and what they are held to.

use crate::program::{Finished, Program, SMALL};

#[test]
fn devices_are_listed_with_what_is_missing() {
    let listed = Program::new().run(&["devices"]);
    assert_eq!(listed.code, 0, "{listed:?}");
    assert!(listed.out.contains("wgpu:0"), "expected a device with Vulkan (mesa-vulkan-drivers): {listed:?}");
    assert!(listed.out.lines().any(|line| line.contains("cuda")), "{listed:?}");
}

#[test]
fn an_engine_that_is_not_there_is_refused() {
    let program = Program::new();
    for (engine, parts) in [
        ("cdua", ["engine `cdua` is not to be had", "did you mean `cuda`?"]),
        ("wgpu:99", ["engine `wgpu:99` is not to be had", "the last device is `wgpu:"]),
        ("wgpu:x", ["engine `wgpu:x`", "expected a number after the colon, such as `wgpu:0`"]),
    ] {
        let refused = program.run(&["verify", "--engine", engine]);
        assert_eq!((refused.code, refused.out.as_str()), (2, ""), "{refused:?}");
        assert!(parts.iter().all(|part| refused.err.contains(part)), "{refused:?}");
    }
    let refused = program.run(&["verify", "--engine", "wgpu", "--precision", "bf16"]);
    assert_eq!(refused.code, 2, "{refused:?}");
    assert!(
        refused.err.contains("precision `bf16` needs matrix units that its device has not, expected `f32`"),
        "{refused:?}"
    );
}

/// What a name stands for is what the list of devices says.
#[test]
fn engines_are_chosen_from_those_that_are_listed() {
    let program = Program::new();
    let listed = program.run(&["devices"]).out;
    let device = |kind: &str| listed.lines().find(|line| line.trim_start().starts_with(&format!("{kind}:0 ")));
    let verify = |engine: &str| program.run(&["verify", "--engine", engine, "--filter", "gate masked, 1"]);
    let best = ["cuda", "wgpu"].into_iter().find(|kind| device(kind).is_some_and(|line| !line.contains("(software)")));
    let auto = verify("auto");
    let numerics = format!("{} f32", best.unwrap_or("cpu"));
    assert!(auto.code == 0 && auto.out.starts_with(&numerics), "expected {numerics}: {auto:?}");
    let cuda = verify("cuda");
    if device("cuda").is_some() {
        assert_eq!(cuda.code, 0, "{cuda:?}");
    } else {
        let missing = listed.lines().find_map(|line| line.strip_prefix("cuda: ")).expect("it is said why");
        assert_eq!((cuda.code, cuda.out.as_str()), (2, ""), "{cuda:?}");
        assert_eq!(cuda.err, format!("mmtl: engine `cuda` is not to be had: {missing}\n"));
    }
}

#[test]
fn an_engine_is_verified() {
    let program = Program::new();
    let verified = program.run(&["verify", "--engine", "wgpu", "--filter", "gate"]);
    assert_eq!(verified.code, 0, "{verified:?}");
    assert!(verified.out.contains("0 beyond what is allowed"), "{verified:?}");
    let nothing = program.run(&["verify", "--filter", "no such plan"]);
    assert_eq!(nothing.code, 2, "{nothing:?}");
    assert!(nothing.err.contains("no plan's name contains `no such plan`"), "{nothing:?}");
}

#[test]
fn kernels_are_timed_beside_the_devices_peaks() {
    let program = Program::new();
    let file = program.path("bench.json");
    let case = ["bench", "large", "--rows", "16", "--seconds", "0", "--json", file.to_str().unwrap()];
    let timed = program.run(&[&case[..], &["--engine", "wgpu"]].concat());
    assert_eq!(timed.code, 0, "{timed:?}");
    assert!(timed.out.contains("operations a byte; ╱"), "{timed:?}");
    let json: serde_json::Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    let kernels = json["kernels"].as_array().unwrap();
    let named = |name| kernels.iter().filter(move |kernel| kernel["kernel"] == name);
    let products: Vec<_> = named("linear").collect();
    let numbers = products.iter().map(|kernel| kernel["number"].as_u64());
    assert!(numbers.eq((1..=products.len() as u64).map(Some)) && products.len() > 1, "{json}");
    assert_eq!(
        named("tail, forward and back").filter(|kernel| kernel["gflops"].as_f64() > Some(0.0)).count(),
        1,
        "{json}"
    );
    assert!(products.iter().all(|kernel| kernel["gflops"].as_f64() > Some(0.0)), "{json}");
    let alone = |kernel: &serde_json::Value| kernel["gigabytes"].as_f64() > Some(0.0) && kernel["number"].is_null();
    assert_eq!(named("mix, gradient").filter(|kernel| alone(kernel)).count(), 1, "{json}");
    for peak in ["copy", "multiply_add", "launch"] {
        assert!(json["device"][peak]["median"].as_f64() > Some(0.0), "{json}");
    }
    let (case, beside) = (&json["cases"][0], &json["beside"]["cases"][0]);
    assert_eq!((case["rows"].as_u64(), beside["rows"].as_u64()), (Some(16), Some(16)), "{json}");
    let step = &json["steps"][0];
    assert!(step["gigabytes"].as_f64() > Some(0.0) && step["share"].as_f64() > Some(0.0), "{json}");
    assert!(step["launches"].as_array().is_some_and(|launches| !launches.is_empty()), "{json}");
}

#[test]
fn what_cannot_be_timed_is_refused() {
    let program = Program::new();
    for (options, part) in [
        (&["--filter", "no such case"][..], "no case's name contains `no such case`"),
        (&["auc", "--beside", "cpo"], "did you mean `cpu`?"),
    ] {
        let refused = program.run(&[&["bench"], options].concat());
        assert_eq!((refused.code, refused.err.lines().count()), (2, 1), "{refused:?}");
        assert!(refused.err.contains(part), "{refused:?}");
    }
}

/// Runs a small grid of one architecture on the software device.
fn grid_on_a_device(seeds: &str, patience: Option<&str>) -> (Program, Finished) {
    let program = Program::new();
    let text = SMALL.replace("\"shared-bottom\", ", "").replace("seed = [1, 2]", seeds);
    program.write("small.toml", &text);
    let mut command = program.command(&["run", "--plain", "--engine", "wgpu", "--jobs", "1", "small.toml"]);
    // Mesa keeps what it compiled on disk, for other processes.
    command.env("MESA_SHADER_CACHE_DISABLE", "true");
    if let Some(seconds) = patience {
        command.env("MMTL_DEVICE_PATIENCE", seconds);
    }
    let finished = Finished::from(command.output().unwrap());
    (program, finished)
}

#[test]
fn a_run_tells_of_the_kernels_that_are_compiled_for_it() {
    let (program, finished) = grid_on_a_device("seed = [1]", None);
    assert_eq!(finished.code, 0, "{finished:?}");
    let compiles = |line: &str| line.starts_with("preparing star seed 1 (") && line.contains("): compiling kernels ");
    assert!(finished.out.lines().any(compiles), "{finished:?}");
    let events = program.listing().into_iter().find(|path| path.ends_with("events.jsonl")).unwrap();
    let events = std::fs::read_to_string(events).unwrap();
    let at = |text: &str| events.find(text).unwrap_or_else(|| panic!("no `{text}` in {events}"));
    let stages = [at(r#""stage":{"name":"compiling kernels "#), at(r#" kernels compiled"}"#)];
    assert!(at(r#""started""#) < stages[0] && stages[0] < stages[1], "{events}");
    assert!(stages[1] < at(r#""evaluated""#), "{events}");
}

#[test]
fn a_run_that_a_device_has_no_room_for_fails_and_the_grid_goes_on() {
    let program = Program::new();
    let text = SMALL.replace("\"shared-bottom\", ", "").replace("seed = [1, 2]", "seed = [1]");
    let text = text
        .replace("batch_size = 64", "")
        .replace("[8]", "[2048]")
        .replace("rows = 3000", "rows = 300")
        .replace("epochs = 2", "epochs = 1");
    program.write("small.toml", &(text + "\"train.batch_size\" = [500000, 64]\n"));
    let finished = program.run(&["run", "--plain", "--engine", "wgpu", "--jobs", "1", "small.toml"]);
    assert_eq!(finished.code, 1, "{finished:?}");
    let failed = finished.out.lines().find(|line| line.starts_with("failed    star batch_size=500000 seed 1 ("));
    let said = ["500000 rows' slots in one buffer (", " rows would fit), "];
    assert!(failed.is_some_and(|line| said.iter().all(|part| line.contains(part))), "{finished:?}");
    assert!(finished.out.contains("finished  star batch_size=64 seed 1 ("), "{finished:?}");
}

/// With no patience at all, whatever the device does is a hang.
#[test]
fn runs_on_a_device_that_hangs_fail_and_the_grid_goes_on() {
    let (_program, finished) = grid_on_a_device("seed = [1, 2]", Some("0"));
    assert_eq!(finished.code, 1, "{finished:?}");
    let given_up = "fit `all`: the device failed: it took no work and gave no answer for 0 s and was given up";
    for seed in 1..=2 {
        let start = format!("failed    star seed {seed} (");
        let failed = finished.out.lines().find(|line| line.starts_with(&start));
        assert!(failed.is_some_and(|line| line.contains(given_up)), "{finished:?}");
    }
    assert!(finished.err.contains("2 runs failed"), "{finished:?}");
    let (_program, refused) = grid_on_a_device("seed = [1]", Some("soon"));
    assert_eq!(refused.code, 2, "{refused:?}");
    assert!(refused.err.contains("MMTL_DEVICE_PATIENCE is `soon`, expected a whole number of seconds"), "{refused:?}");
}

use mmtl_bench::{BenchError, Counted};
use mmtl_cpu::CpuEngine;

#[test]
fn every_counted_step_is_training() {
    let engine = CpuEngine::new(1).expect("one thread is always to be had");
    for counted in Counted::all() {
        assert_eq!(Counted::of(counted.name).expect("a listed one is found"), counted);
        counted.run(&engine).expect(counted.name);
    }
}

#[test]
fn an_unknown_one_is_refused() {
    let error = Counted::of("wide-exakt").expect_err("there is none");
    assert!(matches!(&error, BenchError::Case { nearest: Some(near), .. } if near == "wide-exact"), "{error}");
}

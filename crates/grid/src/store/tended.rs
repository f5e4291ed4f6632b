//! Which runs nobody sees to.

use crate::key::TrialKey;
use crate::store::Store;

/// Of runs that are told to run those whose worker is gone, and what could not be found out, a sentence each.
pub fn without_worker<'a>(store: &Store, running: impl Iterator<Item = &'a TrialKey>) -> (Vec<TrialKey>, Vec<String>) {
    let (mut without, mut unknown) = (vec![], vec![]);
    for key in running {
        match store.run(key).worker() {
            Ok(None) => without.push(key.clone()),
            // It was started by hand, or notices in a moment that its scheduler is gone.
            Ok(Some(_)) => {}
            Err(error) => unknown.push(error.to_string()),
        }
    }
    (without, unknown)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::store::Acquired;

    #[test]
    fn runs_without_a_living_worker_are_found_and_leases_of_newer_programs_are_unknown() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::create(folder.path()).unwrap();
        let keys: Vec<TrialKey> = (0..3).map(|run| format!("{run:016x}").parse().unwrap()).collect();
        for key in &keys {
            fs::create_dir_all(store.run(key).root()).unwrap();
        }
        let lease = |key| match store.run(key).lease().unwrap() {
            Acquired::Ours(lease) => lease,
            Acquired::Held(_) => panic!("it was free"),
        };
        let (_first, second) = (lease(&keys[0]), lease(&keys[1]));
        assert_eq!(without_worker(&store, keys.iter()), (vec![keys[2].clone()], vec![]));
        // The first as of a process that had this one's number and is gone.
        let path = store.run(&keys[0]).file("lease");
        let number = |pid: u32| format!("\"pid\": {pid}");
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, text.replace(&number(std::process::id()), &number(i32::MAX.cast_unsigned()))).unwrap();
        second.release().unwrap();
        assert_eq!(without_worker(&store, keys.iter()), (keys.clone(), vec![]));
        fs::write(&path, "{\"version\":9}").unwrap();
        let (without, unknown) = without_worker(&store, keys.iter());
        assert_eq!(without, keys[1..]);
        assert!(unknown[0].contains("has format 9, and this program reads up to 1"), "{unknown:?}");
    }
}

//! Where the jobs of a device's own thread are done: on that thread, or on CubeCL's.

use std::sync::{Mutex, PoisonError};

use cubecl::prelude::*;

use crate::buffer::is_software;

/// Held by the thread whose job is done: whoever comes to CubeCL's thread while it is busy spins, too.
static TURN: Mutex<()> = Mutex::new(());

/// Does a job and returns when it is done.
type Perform = Box<dyn Fn(&mut (dyn FnMut() + Send)) + Send>;

/// Where jobs are done. Launches go to CubeCL's thread by a queue, and whoever finds it full spins. For a device of its own
/// that is right: one thread prepares a launch while the other hands over those before it. A processor that plays a device is
/// busy with the launches themselves, and a core that spins is missing there: its jobs are done on CubeCL's thread, where
/// nothing is queued, one after the other.
pub struct Stage(Option<Perform>);

impl Stage {
    /// For the device behind `client`.
    pub fn of<R: Runtime>(client: &ComputeClient<R>) -> Self {
        let inside = is_software(client).then(|| client.clone());
        Self(inside.map(|client| -> Perform {
            Box::new(move |job| {
                let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
                // Of a job that panics there is no answer, and the failure is remembered.
                drop(client.exclusive(job));
            })
        }))
    }

    /// What comes of a job; `None` where it panicked.
    pub fn run<T: Send>(&self, job: impl FnOnce() -> T + Send) -> Option<T> {
        let Some(perform) = &self.0 else { return Some(job()) };
        let (mut job, mut answer) = (Some(job), None);
        perform(&mut || answer = job.take().map(|job| job()));
        answer
    }
}

#[cfg(all(test, feature = "wgpu"))]
mod tests {
    use std::thread;

    use cubecl::wgpu::{WgpuDevice, WgpuRuntime};

    use super::*;
    use crate::wgpu_devices;

    #[test]
    fn a_software_devices_jobs_are_done_on_its_thread_and_others_where_they_are() {
        // Opens the device with all that CubeCL has to be told.
        wgpu_devices::engine(0).expect("there is a device");
        let place = || thread::current().name().map(str::to_owned);
        let mut done = 0;
        let mut job = || {
            done += 1;
            place()
        };
        let inside = Stage::of(&WgpuRuntime::client(&WgpuDevice::Cpu));
        assert!(inside.run(&mut job).flatten().is_some_and(|name| name.starts_with("DS")));
        assert_eq!(Stage(None).run(&mut job), Some(place()));
        assert_eq!(done, 2);
    }
}

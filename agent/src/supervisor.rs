//! The workers that run, by mount and generation. Owns who is there; each worker sees to itself (see `worker`).
//! Must not know: deadlines, backoff, how many may be stuck: the core decides all that.

use crate::process::Program;
use crate::telemetry::chain;
use crate::worker::{Ears, Worker};
use std::collections::HashMap;
use storewarden_agent_core::{Event, Generation};
use storewarden_proto::convert::{encode_request, encode_start};
use storewarden_proto::frame::encode_frame;
use storewarden_types::{WorkerOp, WorkerStart};

/// Starts, asks and kills workers. Dropping it kills them all without waiting for any.
#[derive(Debug)]
pub(crate) struct Supervisor {
    program: Program,
    ears: Ears,
    workers: HashMap<(String, Generation), Worker>,
}

impl Supervisor {
    pub(crate) fn new(program: Program, ears: Ears) -> Self {
        Self { program, ears, workers: HashMap::new() }
    }

    /// Starts a worker and says `start` to it. When it cannot be started, the event that says so.
    pub(crate) fn spawn(
        &mut self,
        mount_point: String,
        generation: Generation,
        start: &WorkerStart,
    ) -> Option<Event> {
        self.workers.retain(|_, worker| !worker.is_over());
        let frame = match encode_frame(&encode_start(start)) {
            Ok(frame) => frame,
            Err(error) => {
                let how = format!("it could not be told what to do: {}", chain(&error));
                return Some(Event::WorkerGone { mount_point, generation, how });
            }
        };
        match Worker::start(&self.program, &mount_point, generation, self.ears.clone()) {
            Ok(worker) => {
                worker.write(frame);
                self.workers.insert((mount_point, generation), worker);
                None
            }
            Err(error) => {
                let how = format!("{} could not be started: {error}", self.program.path.display());
                Some(Event::WorkerGone { mount_point, generation, how })
            }
        }
    }

    /// Asks a worker. One that cannot be asked is found out by the core's clock or by its end.
    pub(crate) fn request(&self, mount_point: &str, generation: Generation, id: u64, op: &WorkerOp) {
        let Some(worker) = self.workers.get(&(mount_point.to_owned(), generation)) else { return };
        match encode_frame(&encode_request(id, op)) {
            Ok(frame) => {
                if !worker.write(frame) {
                    tracing::debug!(mount = mount_point, "the worker does not read its requests");
                }
            }
            Err(error) => {
                tracing::error!(mount = mount_point, error = chain(&error), "a request was too large");
            }
        }
    }

    /// Inspects and kills a worker, without waiting for either.
    pub(crate) fn doom(&self, mount_point: &str, generation: Generation) {
        if let Some(worker) = self.workers.get(&(mount_point.to_owned(), generation)) {
            worker.doom();
        }
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        for worker in self.workers.values() {
            worker.kill();
        }
    }
}

#[cfg(test)]
mod tests;

//! Answers for people: pure functions from messages to text. No file here reads a clock, a terminal or the network
//! (but for [`terminal_width`]).

mod agent;
mod deletion;
mod event;
mod evidence;
mod ink;
mod measure;
mod preflight;
#[cfg(test)]
mod samples;
mod store;
mod word;

pub(crate) use agent::agents;
pub(crate) use deletion::{accepted, changed, deletion, deletions, ended, summary, tracked};
pub(crate) use event::event;
pub(crate) use ink::{Ink, clean, terminal_width};
pub(crate) use measure::wall_ms;
pub(crate) use preflight::preflight;
pub(crate) use store::{store, store_changed, stores};

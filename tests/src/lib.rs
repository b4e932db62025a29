//! Storewarden tested as a whole: the simulation, the end-to-end tests with real processes, and the rules of the house.
//!
//! [`sim`] is the simulated world (its own documentation says how to read and replay a seed). [`site`] starts the real
//! binaries: controller, agents, workers with their plugins, and the command line; the tests in `tests/` and the demo use
//! it.

#![forbid(unsafe_code)]

pub mod lab;
pub mod sim;
pub mod site;

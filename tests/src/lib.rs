//! Storewarden tested as a whole. [`sim`] is the simulated world (its own documentation says how to read and replay a
//! seed).

#![forbid(unsafe_code)]

pub mod sim;

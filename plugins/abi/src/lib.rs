//! The C ABI v1 of Storewarden probes, as Rust sees it: the mirror of `include/storewarden_probe.h`.
//!
//! Owns the layouts, the numbers and the one rule of growth (R1: a reader looks at no byte beyond `size`). The header
//! is the text for people; its six rules hold here too. Must not know: what a probe is for, how it is loaded, any other
//! crate.
//!
//! Names are those of the header, so that one search finds both sides.

#![allow(non_camel_case_types)]

mod layout;
mod number;
mod prefixed;
mod structs;

pub use number::*;
pub use prefixed::{Prefixed, TooSmall, read};
pub use structs::*;

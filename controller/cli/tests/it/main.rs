//! The program as its users meet it: the real binary against a real gRPC server in this process that answers by script.
//!
//! Owns exit codes, streams of bytes and requests sent; how the views look is tested beside them.

#![forbid(unsafe_code)]
// A test that cannot go on has failed; the lint spares tests, but not what they share.
#![allow(clippy::unwrap_used)]

mod exit;
mod help;
mod json;
mod pipe;
mod program;
mod request;
mod samples;
mod server;
mod stream;
mod terminal;
mod unknown;
mod wait;

//! The file system on real mounts. Needs root and `/dev/fuse`; `STOREWARDEN_NO_FUSE=1` leaves these tests out, nothing else
//! does.

#![allow(clippy::unwrap_used)] // a test may panic

mod bed;
mod faults;
mod hang;
mod honesty;
mod program;

//! A pass-through file system with a switch for faults, for tests and the demo: what an NFS mount does when its server is
//! sick, without a server. Needs root and `/dev/fuse`; no libfuse, no setuid helper.
//!
//! Every call that reaches the file system meets the [`Switch`] first and is then done on the backing directory. With a
//! `ttl` of zero the kernel keeps nothing, so a fault, or a change behind the mount's back, is seen by the next call.
//!
//! | fault | what callers meet |
//! |---|---|
//! | `none` | the backing directory |
//! | `stale`, `eio` | ESTALE or EIO from every call |
//! | `enospc` | ENOSPC from whatever needs room or makes data durable; no room by statfs; reading and removing work |
//! | `readonly` | EROFS from whatever changes anything |
//! | `slow:MS` | the right answer, late |
//! | `hang` | no answer until the fault changes, and a killed caller stays: its request is already taken |
//!
//! Two more come free from the process that serves a mount. Stopped (SIGSTOP), it leaves requests untaken: callers hang,
//! but a fatal signal frees them, as on a hard NFS mount. Killed, it leaves a dead mount (ENOTCONN) to `umount -l`.
//!
//! It differs from NFS in this: statfs and mountinfo say FUSE; the root's file handle is the same on every FUSE mount
//! (node 1, generation 0), so a wrong store shows by its source or its identity file only; ENOSPC comes at open and
//! write, not at close; and after a silly rename the event says that the real name was deleted.
//!
//! Code map: [`Switch`] decides; `tree` and `names` do; `table` remembers what the kernel knows; `fs` speaks FUSE;
//! [`mount`] and [`Connection`] bring it up and, whatever hangs, down again. Nothing here knows what Storewarden is.

#![forbid(unsafe_code)]

mod attributes;
mod connection;
mod fs;
mod mount;
mod names;
mod switch;
mod table;
mod tree;

pub use connection::Connection;
pub use mount::{MountError, Mounted, Options, UnmountError, mount};
pub use switch::{Fault, ParseFaultError, SLOW_MAX, Switch};

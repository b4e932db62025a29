//! The simulated world: real agent cores and a real controller core, in virtual time, from one seed.
//!
//! Around the cores everything is simulated and goes wrong: messages are lost, delayed, doubled and overtake each other;
//! either side crashes at any action boundary; mounts go stale, hang, vanish and are mounted over; files come and go
//! with and without a file event; wall clocks jump; whole hosts freeze. After *every* event the oracle checks the promises
//! of the product as named invariants. At the end everything is healed and liveness is demanded.
//!
//! One seed is one history. A failing seed is printed with its last steps; `SEED=n cargo test -p storewarden-system-tests
//! --test simulation` replays it, `SEEDS=n` runs more of them.

mod agent_host;
mod control;
mod disk;
mod drive;
mod mischief;
mod network;
mod oracle;
mod share;
mod world;

pub use world::{Options, Outcome, World};

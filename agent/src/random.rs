//! Random numbers from the kernel (getrandom(2)), for what must never meet its like: epochs, instances, agent ids.

use rustix::rand::{GetRandomFlags, getrandom};

/// `N` random bytes.
///
/// # Panics
/// Never on Linux 3.17 or newer: up to 256 bytes come whole once the kernel's pool is ready.
#[must_use]
pub fn bytes<const N: usize>() -> [u8; N] {
    const { assert!(N <= 256, "getrandom(2) returns up to 256 bytes without being interrupted") };
    let mut buffer = [0; N];
    let got = rustix::io::retry_on_intr(|| getrandom(&mut buffer, GetRandomFlags::empty()))
        .expect("getrandom(2) exists since Linux 3.17");
    assert!(got == N, "getrandom(2) returns up to 256 bytes whole");
    buffer
}

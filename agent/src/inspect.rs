//! What a process is doing, read from /proc just before it is killed: the evidence of a hang.
//!
//! Reads state, wchan, syscall and stack of each thread. Never cmdline, environ, maps or smaps: they take the memory-map
//! lock, which a process stuck in a page fault may hold. Must not know: why anybody asks.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use storewarden_types::limits::{TEXT_BYTES_MAX, clip};

/// Most threads described.
const THREADS_MAX: usize = 8;
/// Most kernel stack frames told of a thread.
const FRAMES_MAX: usize = 8;

/// Each thread of process `pid` in words, or an empty text when nothing could be read (it is gone).
///
/// Blocking calls on /proc only; call it where a surprise would not hurt.
#[must_use]
pub fn inspect(pid: i32) -> String {
    let mut found = String::new();
    let Ok(threads) = fs::read_dir(format!("/proc/{pid}/task")) else { return found };
    for thread in threads.flatten().take(THREADS_MAX) {
        if let Some(words) = describe(&thread.path()) {
            if !found.is_empty() {
                found.push_str("; ");
            }
            found.push_str(&words);
        }
    }
    clip(&found, TEXT_BYTES_MAX).to_owned()
}

fn describe(thread: &Path) -> Option<String> {
    let read = |name: &str| fs::read_to_string(thread.join(name)).ok();
    let stat = read("stat")?;
    let (name, state) = parse_stat(&stat)?;
    let id = thread.file_name()?.to_string_lossy();
    let mut words = format!("thread {id} ({name}) state {state}");
    if let Some(wchan) = read("wchan").filter(|w| !w.is_empty() && w != "0") {
        let _ = write!(words, ", waits in {wchan}");
    }
    // "running", "-1 SP PC" (in the kernel, but not in a system call), or the number and its arguments.
    if let Some(number) =
        read("syscall").as_deref().and_then(|s| s.split_whitespace().next()?.parse::<u32>().ok())
    {
        let _ = write!(words, ", system call {number}");
    }
    // Root only (CAP_SYS_ADMIN): "[<0>] request_wait_answer+0x1a5/0x240" a line, innermost first.
    let frames: Vec<String> = read("stack").as_deref().map(parse_stack).unwrap_or_default();
    if !frames.is_empty() {
        let _ = write!(words, ", kernel stack {}", frames.join(" < "));
    }
    Some(words)
}

/// Name and state out of /proc/PID/stat (proc_pid_stat(5)): the name is in parentheses and may itself hold some.
fn parse_stat(stat: &str) -> Option<(&str, char)> {
    let (head, tail) = stat.rsplit_once(')')?;
    let (_, name) = head.split_once('(')?;
    Some((name, tail.trim_start().chars().next()?))
}

fn parse_stack(stack: &str) -> Vec<String> {
    stack
        .lines()
        .filter_map(|line| line.split_whitespace().last())
        .filter_map(|frame| frame.split('+').next())
        .map(ToOwned::to_owned)
        .take(FRAMES_MAX)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_shapes_that_the_kernel_writes() {
        assert_eq!(parse_stat("42 (a) b) D 1 2 3"), Some(("a) b", 'D')));
        assert_eq!(parse_stat("nonsense"), None);
        let stack = "[<0>] request_wait_answer+0x1a5/0x240\n[<0>] fuse_statfs+0xd1/0x170\n";
        assert_eq!(parse_stack(stack), ["request_wait_answer", "fuse_statfs"]);
    }

    #[test]
    fn finds_this_very_process_and_nothing_of_one_that_is_not() {
        let me = inspect(i32::try_from(std::process::id()).unwrap());
        assert!(me.contains("state "), "{me}");
        assert_eq!(inspect(i32::MAX), "");
    }
}

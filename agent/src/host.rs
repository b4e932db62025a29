//! The host: its name, a first name for an agent on it, and how many descriptors it allows.

use crate::random;
use rustix::process::{Resource, getrlimit, setrlimit};
use storewarden_types::AgentId;

/// Longest part of the host name that goes into an agent id.
const HOST_BYTES_MAX: usize = 64;

/// The host's name as the kernel has it (uname(2)).
#[must_use]
pub fn name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// A new agent id: `<host name>-<8 hex digits>`. The digits keep clones of one machine image apart.
#[must_use]
pub fn fresh_agent_id() -> AgentId {
    agent_id(&name(), u32::from_le_bytes(random::bytes()))
}

/// Raises the limit of open descriptors to what the host allows: each worker takes three, and the usual soft limit of
/// 1024 would not do for as many mounts as an agent may have.
pub fn raise_descriptor_limit() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(errno) = setrlimit(Resource::Nofile, limit) {
        tracing::debug!(error = %errno, "the limit of open descriptors stays as it is");
    }
}

fn agent_id(host: &str, digits: u32) -> AgentId {
    let clean: String = host
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_') { c } else { '-' })
        .take(HOST_BYTES_MAX)
        .collect();
    AgentId::parse(&format!("{clean}-{digits:08x}")).expect("at most 73 characters, all of the allowed set")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_host_name_makes_an_agent_id() {
        assert_eq!(agent_id("ssvm-1.zone", 0xab).as_str(), "ssvm-1.zone-000000ab");
        assert_eq!(agent_id("", 1).as_str(), "-00000001");
        assert_eq!(agent_id("büro/2", 1).as_str(), "b-ro-2-00000001");
        assert!(agent_id(&"x".repeat(300), 1).as_str().len() <= 73);
    }
}

//! Agents for people: one row for each mount of each agent.

use super::ink::{Ink, Tone};
use super::measure::age_or;
use super::word;
use comfy_table::Cell;
use storewarden_proto::v1::{Agent, AgentMount, ListAgentsResponse};

const HEADER: [&str; 8] = ["AGENT", "HOST", "VERSION", "SESSION", "HEARD", "MOUNT", "CONDITION", "WATCH"];

/// `storewarden agents`.
pub(crate) fn agents(answer: &ListAgentsResponse, ink: Ink) -> String {
    if answer.agents.is_empty() {
        return "no agent is known yet".to_owned();
    }
    let mut rows = Vec::new();
    for agent in &answer.agents {
        if agent.mounts.is_empty() {
            rows.push(row(agent, None, ink));
        }
        rows.extend(agent.mounts.iter().map(|mount| row(agent, Some(mount), ink)));
    }
    ink.table(&HEADER, rows, &[0, 3, 6, 7])
}

fn row(agent: &Agent, mount: Option<&AgentMount>, ink: Ink) -> Vec<Cell> {
    let session =
        if agent.connected { ink.cell(Tone::Good, "connected") } else { ink.cell(Tone::Doubt, "away") };
    let mut row = vec![
        ink.cell(Tone::Plain, &agent.id),
        ink.cell(Tone::Plain, &agent.host),
        ink.cell(Tone::Plain, &agent.version),
        session,
        ink.cell(Tone::Plain, &age_or(agent.last_heard_ago_ms, "not since start")),
    ];
    let Some(mount) = mount else {
        row.extend(["none", "-", "-"].map(|word| ink.cell(Tone::Plain, word)));
        return row;
    };
    let condition = word::condition(mount.condition);
    row.push(ink.cell(Tone::Plain, &format!("{} ({})", mount.mount_point, mount.source)));
    row.push(match mount.reasons.as_slice() {
        [] => condition.cell(ink),
        reasons => condition.with(&word::codes(reasons)).cell(ink),
    });
    row.push(match &mount.watch {
        Some(watch) if mount.stuck_workers == 0 => word::watch(watch.state).cell(ink),
        Some(watch) => word::watch(watch.state).with(&format!("{} stuck", mount.stuck_workers)).cell(ink),
        None => ink.cell(Tone::Plain, "-"),
    });
    row
}

#[cfg(test)]
mod tests {
    use super::super::samples;
    use super::*;

    #[test]
    fn a_row_for_each_mount() {
        assert_eq!(
            agents(&samples::agents(), Ink::PLAIN),
            "\
AGENT   HOST    VERSION  SESSION    HEARD            MOUNT                                       CONDITION                   WATCH
ssvm-1  s-1-VM  0.1.0    connected  1 s ago          /mnt/SecStorage/a (nas1:/export/secondary)  UNAVAILABLE (STALE_HANDLE)  WATCHING (1 stuck)
ssvm-1  s-1-VM  0.1.0    connected  1 s ago          /mnt/b (nas2:/export/secondary)             AVAILABLE                   -
ssvm-2  s-2-VM  0.1.0    away       not since start  none                                        -                           -"
        );
        assert_eq!(agents(&ListAgentsResponse::default(), Ink::PLAIN), "no agent is known yet");
    }
}

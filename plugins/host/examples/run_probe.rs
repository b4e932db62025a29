//! Runs one probe once, without an agent: `run_probe LIBRARY MOUNT_POINT [CONFIG_JSON [DEADLINE_MS]]`.
//!
//! For authors, and for tests of probes that take their process along. Prints `probing` right before the call.

use std::error::Error;
use std::path::Path;
use std::time::Duration;
use storewarden_plugin_host::{CancelFlag, Deadline, Plugin, ProbeTarget};

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [library, mount_point, more @ ..] = args.as_slice() else {
        return Err("usage: run_probe LIBRARY MOUNT_POINT [CONFIG_JSON [DEADLINE_MS]]".into());
    };
    let plugin = Plugin::load(Path::new(library))?;
    let config = more.first().map_or("{}", String::as_str);
    let deadline_ms = more.get(1).map_or(Ok(plugin.default_deadline_ms()), |ms| ms.parse())?;
    let deadline = Deadline::after(Duration::from_millis(deadline_ms));
    let cancel = CancelFlag::default();
    println!("{} {}", plugin.name(), plugin.version());
    let mut instance = plugin.create(config, deadline, &cancel)?;
    let target = ProbeTarget { mount_point: mount_point.as_bytes(), ..ProbeTarget::default() };
    println!("probing");
    let report = instance.probe(&target, deadline, &cancel)?;
    println!("verdict {} {} {}", report.verdict, report.reason, report.message);
    for (name, value) in &report.metrics {
        println!("metric {name} {value}");
    }
    for line in &report.log {
        println!("log {} {}", line.level, line.text);
    }
    Ok(())
}

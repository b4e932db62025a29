//! On a terminal: colour, NO_COLOR, and the line that is written over.

use crate::program::{code, command_at, run_at};
use crate::samples::{deletion, tracked, well};
use crate::server::{Script, Scripted, Step, say};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use std::fs::File;
use std::io::Read;
use std::process::Command;
use storewarden_proto::v1::DeletionState;

/// Runs on a terminal of its own; what it wrote there, stdout and stderr together.
fn on_terminal(mut command: Command) -> (i32, String) {
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&master).unwrap();
    unlockpt(&master).unwrap();
    let name = ptsname(&master, Vec::new()).unwrap().into_string().unwrap();
    let slave = File::options().read(true).write(true).open(name).unwrap();
    command.stdout(slave.try_clone().unwrap()).stderr(slave.try_clone().unwrap());
    let mut child = command.spawn().unwrap();
    drop((command, slave));
    // Reads until nobody has the terminal any more, which Linux tells as EIO.
    let reader = std::thread::spawn(move || {
        let mut screen = Vec::new();
        let mut buffer = [0; 4096];
        let mut master = File::from(master);
        while let Ok(read @ 1..) = master.read(&mut buffer) {
            screen.extend_from_slice(&buffer[..read]);
        }
        String::from_utf8(screen).unwrap()
    });
    (code(&mut child), reader.join().unwrap())
}

#[test]
fn a_terminal_is_coloured_unless_no_color_says_otherwise() {
    let controller = Scripted::start(well());
    for args in [&["stores"][..], &["store", "show", "s"], &["deletion", "show", "d1"], &["events", "tail"]] {
        let (code, screen) = on_terminal(command_at(&controller, args));
        assert_eq!(code, 0);
        assert!(screen.contains("\x1b["), "{args:?}: {screen:?}");

        let mut plain = command_at(&controller, args);
        plain.env("NO_COLOR", "1");
        let (code, screen) = on_terminal(plain);
        assert_eq!(code, 0);
        assert!(!screen.contains('\x1b'), "{args:?}: {screen:?}");

        let (_, screen) = on_terminal(command_at(&controller, &[args, &["--color", "never"]].concat()));
        assert!(!screen.contains('\x1b'), "{args:?}: {screen:?}");
    }
}

#[test]
fn a_pipe_is_coloured_only_when_told() {
    let controller = Scripted::start(well());
    assert!(!run_at(&controller, &["stores"]).stdout.contains('\x1b'));
    assert!(run_at(&controller, &["stores", "--color", "always"]).stdout.contains('\x1b'));
}

#[test]
fn json_is_never_coloured() {
    let controller = Scripted::start(well());
    let (_, screen) = on_terminal(command_at(&controller, &["stores", "-o", "json", "--color", "always"]));
    assert!(!screen.contains('\x1b'), "{screen:?}");
}

#[test]
fn a_wait_writes_one_line_over_and_over_and_leaves_none_of_it() {
    let steps = vec![
        Step::Tell(deletion("d1", DeletionState::Pending)),
        Step::Tell(deletion("d1", DeletionState::Confirmed)),
        Step::Tell(deletion("d2", DeletionState::Confirmed)),
    ];
    let script = Script { track: say(tracked(&["d1", "d2"])), wait: say(steps), ..well() };
    let controller = Scripted::start(script);
    let args = ["deletion", "track", "s", "a", "b", "--wait", "--color", "never"];
    let (code, screen) = on_terminal(command_at(&controller, &args));
    assert_eq!(code, 0);
    let progress = "\r1 of 2 ended: 1 confirmed\x1b[K";
    assert!(screen.contains(progress), "{screen:?}");
    // Each line of the answer begins on a line that was wiped.
    assert!(screen.contains("\r\x1b[KCONFIRMED  d1  d1.qcow2"), "{screen:?}");
    assert!(screen.ends_with("\r\x1b[K2 deletions: 2 confirmed\r\n"), "{screen:?}");
    assert!(!run_at(&controller, &args).stderr.contains('\r'), "nothing of it without a terminal");
}

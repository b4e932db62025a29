//! The guest's command port. `tests/lab/guest/labd.c` describes the protocol; knows nothing of Storewarden.

use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

/// How long a command may take in the guest before it is killed there. Emulated, a process costs 50 ms.
const COMMAND_MAX: Duration = Duration::from_secs(60);
/// Longest frame that labd sends.
const FRAME_MAX: usize = 1 << 18;

/// A running guest.
#[derive(Clone, Debug)]
pub struct Guest {
    port: u16,
}

/// What a command in the guest left behind.
#[derive(Clone, Debug)]
pub struct Said {
    /// Exit code; 124 when it was killed for taking too long.
    pub code: i32,
    /// Standard output and standard error as they came.
    pub text: String,
}

impl Guest {
    /// The guest whose command port is this one of the host's loopback.
    #[must_use]
    pub fn at(port: u16) -> Self {
        Self { port }
    }

    /// Runs a bash script in the guest and waits for its end.
    ///
    /// # Errors
    /// When the guest cannot be reached or breaks off.
    pub fn run(&self, script: &str) -> io::Result<Said> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
        stream.set_nodelay(true)?;
        // The guest keeps the time; this one is for a guest that is gone.
        stream.set_read_timeout(Some(COMMAND_MAX * 2))?;
        stream
            .write_all(format!("EXEC {} {}\n{script}", COMMAND_MAX.as_millis(), script.len()).as_bytes())?;
        let mut text = Vec::new();
        loop {
            let mut head = [0; 5];
            stream.read_exact(&mut head)?;
            let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]) as usize;
            if length > FRAME_MAX {
                return Err(io::Error::other(format!("a frame of {length} bytes")));
            }
            let mut data = vec![0; length];
            stream.read_exact(&mut data)?;
            if head[0] == b'X' {
                let end = String::from_utf8_lossy(&data).into_owned();
                let code = end.split(' ').next().and_then(|c| c.parse().ok());
                let code = code.ok_or_else(|| io::Error::other(format!("not an end: {end}")))?;
                return Ok(Said { code, text: String::from_utf8_lossy(&text).into_owned() });
            }
            text.extend(data);
        }
    }

    /// Runs a script that must succeed; returns what it said.
    ///
    /// # Panics
    /// When it fails.
    #[track_caller]
    pub fn must(&self, script: &str) -> String {
        let said = self.run(script).unwrap_or_else(|error| panic!("the guest: {error}"));
        assert_eq!(said.code, 0, "{script}\n{}", said.text);
        said.text
    }
}

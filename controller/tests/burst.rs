//! A burst of honest small messages costs nobody the connection.
//!
//! HTTP/2 libraries break connections off whose small frames pile up unread (hyperium/h2#939); a network that forwards
//! a second's worth of messages at once must not make its agent look like an attacker.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod support;

use std::net::SocketAddr;
use storewarden_types::AgentMessage;
use support::agent::*;
use support::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Messages in the burst, each a frame of its own.
const MESSAGES: usize = 500;

/// A way to the controller that holds back what one client sends while `holding` says so, and then lets it go at once.
async fn gateway(
    to: SocketAddr,
    mut holding: watch::Receiver<bool>,
    held_bytes: watch::Sender<usize>,
) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (client, _) = listener.accept().await.unwrap();
        let (mut from_client, mut to_client) = client.into_split();
        let (mut from_server, mut to_server) = TcpStream::connect(to).await.unwrap().into_split();
        tokio::spawn(async move { tokio::io::copy(&mut from_server, &mut to_client).await });
        let (mut held, mut buffer) = (Vec::new(), vec![0; 65536]);
        loop {
            let hold = *holding.borrow_and_update();
            if !hold && !held.is_empty() {
                to_server.write_all(&std::mem::take(&mut held)).await.unwrap();
            }
            held_bytes.send_replace(held.len());
            tokio::select! {
                read = from_client.read(&mut buffer) => match read {
                    Ok(0) | Err(_) => return,
                    Ok(n) => held.extend_from_slice(&buffer[..n]),
                },
                changed = holding.changed() => if changed.is_err() { return },
            }
        }
    });
    address
}

#[tokio::test]
async fn a_burst_of_small_messages_does_not_end_a_session() {
    let dir = TestDir::new();
    let running = Running::start(dir.path()).await;
    let (hold, holding) = watch::channel(false);
    let (held_bytes, mut held) = watch::channel(0);
    let by_gateway = gateway(running.address, holding, held_bytes).await;
    let (mut agent, _) = FakeAgent::connect_at(by_gateway, "ssvm-1", 1).await;
    hold.send_replace(true);
    for _ in 0..MESSAGES {
        let before = *held.borrow_and_update();
        agent.say(&AgentMessage::Heartbeat).await;
        // Written, and so a frame of its own.
        soon(held.wait_for(|bytes| *bytes > before)).await.unwrap();
    }
    hold.send_replace(false);
    agent.facts(vec![sighting("after")]).await;
    running.stop().await;
}

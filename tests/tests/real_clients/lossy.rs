//! A proxy that loses answers: the gateway has the events and the client does not know it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

/// Connections whose first answer is lost.
const LOST: u32 = 2;
/// What the client sees instead: every client sends again after it.
const UNAVAILABLE: &str = "HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\n\
    content-length: 44\r\nconnection: close\r\n\r\n{\"code\":\"unavailable\",\"message\":\"try again\"}";

/// The running proxy; dropping it ends it and its connections.
pub(crate) struct LossyProxy {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl LossyProxy {
    /// Starts a proxy before `gateway`.
    pub(crate) async fn start(gateway: SocketAddr) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let task = tokio::spawn(async move {
            let left = Arc::new(AtomicU32::new(LOST));
            let mut connections = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                let loses = left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok();
                connections.spawn(relay(client, gateway, loses));
            }
        });
        Ok(Self { address, task })
    }

    /// Where clients send to.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for LossyProxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn relay(mut client: TcpStream, gateway: SocketAddr, loses: bool) -> std::io::Result<()> {
    let mut server = TcpStream::connect(gateway).await?;
    if !loses {
        return copy_bidirectional(&mut client, &mut server).await.map(drop);
    }
    let (mut from_client, mut to_client) = client.split();
    let (mut from_server, mut to_server) = server.split();
    let mut first_of_answer = [0; 1];
    tokio::select! {
        copied = tokio::io::copy(&mut from_client, &mut to_server) => copied.map(drop)?,
        // The gateway answers once the events are durable.
        read = from_server.read_exact(&mut first_of_answer) => read.map(drop)?,
    }
    to_client.write_all(UNAVAILABLE.as_bytes()).await?;
    to_client.shutdown().await
}

//! A pump: what comes on a connection goes out on another, and back, unread. No proxy on these sockets can be cheaper.

use anyhow::Result;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};

/// Pumps from a port of the loopback to another until the process is ended, on one thread.
pub(crate) async fn run(port: u16, to: u16) -> Result<()> {
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    loop {
        let (mut client, _) = listener.accept().await?;
        tokio::task::spawn_local(async move {
            let Ok(mut server) = TcpStream::connect(("127.0.0.1", to)).await else { return };
            // a connection that breaks off ends here, whoever broke it
            if client.set_nodelay(true).is_ok() && server.set_nodelay(true).is_ok() {
                let _ = copy_bidirectional(&mut client, &mut server).await;
            }
        });
    }
}

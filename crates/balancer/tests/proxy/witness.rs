//! A server behind the balancer that writes down every byte it gets, and answers what it is told to.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::task::TaskTracker;

use crate::strict::{self, Read, Rest};

/// The mark of the balancer's own questions.
const PROBE: &[u8] = b"user-agent: ondol-balancer";

/// What a request is answered with; `None` closes without a word.
pub(crate) type Reply = Arc<dyn Fn(&Read) -> Option<Vec<u8>> + Send + Sync>;

/// A witness. Of each connection it keeps what it was sent.
pub(crate) struct Witness {
    pub(crate) address: SocketAddr,
    heard: Arc<Mutex<Vec<Vec<u8>>>>,
    tasks: TaskTracker,
    listening: tokio::task::JoinHandle<()>,
}

impl Witness {
    pub(crate) async fn new(reply: Reply) -> Witness {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (heard, tasks) = (Arc::<Mutex<Vec<Vec<u8>>>>::default(), TaskTracker::new());
        let (all, tracker) = (heard.clone(), tasks.clone());
        #[expect(clippy::disallowed_methods, reason = "it is aborted at the end")]
        let listening = tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let (all, reply) = (all.clone(), reply.clone());
                tracker.spawn(async move {
                    let bytes = listen(socket, &reply).await;
                    all.lock().expect("nobody panics while holding it").push(bytes);
                });
            }
        });
        Witness { address, heard, tasks, listening }
    }

    /// Echoes method, path and body.
    pub(crate) async fn echo() -> Witness {
        Witness::new(Arc::new(|read| {
            let text = [format!("{} {} ", read.method, read.path).as_bytes(), &read.body].concat();
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", text.len());
            let body = if read.method == "HEAD" { Vec::new() } else { text };
            Some([head.into_bytes(), body].concat())
        }))
        .await
    }

    /// Waits for the end of every connection; what each was sent, probes left out.
    pub(crate) async fn ended(self) -> Vec<Vec<u8>> {
        self.tasks.close();
        self.tasks.wait().await;
        self.listening.abort();
        std::mem::take(&mut *self.heard.lock().expect("nobody panics while holding it"))
    }
}

/// Answers every whole request; all bytes that came, but for those of probes.
async fn listen(mut socket: TcpStream, reply: &Reply) -> Vec<u8> {
    let (mut all, mut rest) = (Vec::new(), Vec::new());
    let mut buffer = vec![0; 64 << 10];
    loop {
        let count = match socket.read(&mut buffer).await {
            Ok(0) | Err(_) => break,
            Ok(count) => count,
        };
        rest.extend_from_slice(&buffer[..count]);
        if rest.windows(PROBE.len()).any(|window| window == PROBE) {
            rest.clear();
            if socket.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await.is_err() {
                break;
            }
            continue;
        }
        all.extend_from_slice(&buffer[..count]);
        let (requests, after) = strict::read(&rest);
        if after != Rest::Clean {
            continue;
        }
        rest.clear();
        for request in &requests {
            let Some(answer) = reply(request) else { return all };
            if socket.write_all(&answer).await.is_err() {
                return all;
            }
        }
    }
    all
}

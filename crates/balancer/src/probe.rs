//! Asks a backend again and again how it is, each time on a new connection; good ones are kept as spares.

use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::time::timeout;

use crate::backend::Backend;
use crate::config::Config;
use crate::core::health::{Event, State};
use crate::desk::Desk;
use crate::letter::Letter;
use crate::line::Line;

/// A backend that is out is asked so many times as often.
const HASTE: u32 = 4;

/// Looks after one backend until it is gone.
pub(crate) async fn watch(desk: Arc<Desk>, backend: Arc<Backend>, config: Arc<ArcSwap<Config>>) {
    loop {
        let settings = config.load_full();
        let every = match desk.state(backend.id) {
            Some(State::Up) | None => settings.probe_every.0,
            Some(_) => settings.probe_every.0 / HASTE,
        };
        look(&desk, &backend, &settings).await;
        let pause = tokio::time::sleep(spread(every, backend.id));
        tokio::select! {
            () = backend.gone.cancelled() => return backend.empty(),
            () = backend.look.notified() => {}
            () = pause => {}
        }
    }
}

/// A little less for some, so that they do not all ask at once.
fn spread(every: Duration, id: u64) -> Duration {
    every - every / 10 * u32::try_from(id % 4).unwrap_or(0) / 4
}

async fn look(desk: &Arc<Desk>, backend: &Backend, settings: &Config) {
    let asked = timeout(settings.probe_time_max.0, ask(backend, settings)).await;
    let event = match asked {
        Ok(Ok(line)) => {
            if backend.tidy(settings.idle_time_max.0) < settings.spare_connections {
                backend.keep(line, settings.idle_connections_max);
            }
            Event::ProbeWell
        }
        Ok(Err((event, why))) => {
            tracing::debug!(backend = backend.address, why, "probe failed");
            backend.blame(why);
            event
        }
        Err(_) => {
            let limit = settings.probe_time_max.0.as_millis();
            backend.blame(format!("no answer to {} for {limit} ms", settings.probe_path));
            Event::ProbeFailed
        }
    };
    desk.note(backend, event);
    backend.asked.send_modify(|asked| *asked += 1);
}

/// One question; the connection on which it was answered well.
async fn ask(backend: &Backend, settings: &Config) -> Result<Line, (Event, String)> {
    let connected = backend.connect(settings.connect_time_max.0).await;
    let line = connected.map_err(|why| (Event::ConnectFailed, why))?;
    answered(line, backend, settings).await.map_err(|why| (Event::ProbeFailed, why))
}

async fn answered(mut line: Line, backend: &Backend, settings: &Config) -> Result<Line, String> {
    let question = Letter::question(&settings.probe_path, &backend.address);
    let head = line.send(question, &backend.tasks).await.map_err(|stuck| stuck.to_string())?;
    if head.status.is_server_error() {
        return Err(format!("it answers {}", head.status));
    }
    while let Some(piece) = poll_fn(|cx| line.poll_piece(cx)).await {
        piece?;
    }
    // a server that closes after each answer is well all the same; such a line is not kept
    Ok(line)
}

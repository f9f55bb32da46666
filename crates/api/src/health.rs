//! `/api/health`: whether the service can do its work, for balancers, for clients and for those who run it.
//!
//! The database is truly asked, by one question at a time: whoever comes while it is open waits for the same answer, and
//! an answer serves everybody for a moment. So no crowd of askers becomes a load, and a database that hangs holds up one
//! question, not one per asker.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract;
use axum::http::Request;
use axum::response::Response;
use base::error::{Fault, Kind, chain};
use serde_json::{Value, json};
use store::{Pulse, Store};
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};
use web::{Problem, reply};

use crate::caller::Caller;
use crate::service::Inner;

/// For how long an answer of the database serves all askers.
const FRESH: Duration = Duration::from_millis(500);

/// A question to the database.
type Question = Pin<Box<dyn Future<Output = Result<Pulse, store::Error>> + Send>>;

/// What the database last answered, and the question that is open.
pub(crate) struct Heart {
    began: Instant,
    time_max: Duration,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    last: Option<(Instant, Result<Pulse, Illness>)>,
    open: Option<Question>,
}

/// Why the database can't be used.
#[derive(Clone, Debug)]
pub(crate) struct Illness {
    /// In words for anybody.
    message: String,
    /// In the engine's words, for the log.
    cause: Option<String>,
}

impl Heart {
    pub(crate) fn new(time_max: Duration) -> Heart {
        Heart { began: Instant::now(), time_max, state: Mutex::default() }
    }

    /// Whether the database answers; asked anew when the last answer is no longer fresh.
    pub(crate) async fn beat(&self, store: &Store) -> Result<Pulse, Illness> {
        let ask = || -> Question {
            let store = store.clone();
            Box::pin(async move { store.pulse().await })
        };
        self.beat_by(ask).await
    }

    async fn beat_by(&self, ask: impl FnOnce() -> Question) -> Result<Pulse, Illness> {
        let mut state = self.state.lock().await;
        if let Some((at, answer)) = &state.last
            && at.elapsed() < FRESH
        {
            return answer.clone();
        }
        // a question that was not answered in time stays open: the next asker waits for it, too
        let question = state.open.get_or_insert_with(ask);
        let answer = match timeout(self.time_max, question.as_mut()).await {
            Ok(answer) => {
                state.open = None;
                answer.map_err(|error| Illness::of(&error))
            }
            Err(_) => Err(self.late()),
        };
        let was_well = state.last.as_ref().is_none_or(|(_, last)| last.is_ok());
        match &answer {
            Err(Illness { message, cause }) if was_well => {
                tracing::error!(cause, "the database is not well: {message}");
            }
            Ok(_) if !was_well => tracing::info!("the database is well again"),
            _ => {}
        }
        state.last = Some((Instant::now(), answer.clone()));
        answer
    }

    fn late(&self) -> Illness {
        let message = format!("The database did not answer within {}.", base::unit::Span(self.time_max));
        Illness { message, cause: None }
    }
}

impl Illness {
    fn of(error: &store::Error) -> Illness {
        let message = match error.kind() {
            Kind::Internal => "The database answers with a failure; the log says which.".into(),
            _ => format!("The database can't be used: {}.", error.public()),
        };
        Illness { message, cause: Some(chain(error)) }
    }
}

/// `GET /api/health`: 200 when the database answers, else 503 with what is wrong. Everybody learns the role; those who
/// may read the metrics and superusers learn the rest, and from which address their request came, to see whether the
/// proxies are set right.
pub(crate) async fn check(
    extract::State(service): extract::State<Arc<Inner>>,
    request: Request<Body>,
) -> Result<Response, Problem> {
    let (head, _) = request.into_parts();
    let pulse = service.heart.beat(service.records.store()).await;
    let pulse = pulse.map_err(|illness| Problem::unavailable(illness.message))?;
    let mut data = json!({ "role": pulse.role.word() });
    let caller = Caller::of(&service, &head).await?;
    if caller.request.is_superuser() || service.operators.admit(&head.extensions, &head.headers) {
        add(&mut data, details(&service, &pulse));
        data["realIP"] = caller.address.to_string().into();
    }
    reply::json(&json!({ "code": 200, "message": "API is healthy.", "data": data }))
}

fn details(service: &Inner, pulse: &Pulse) -> Value {
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "engine": { "name": pulse.engine, "version": pulse.version },
        "delay_ms": ms(pulse.delay),
        "position": pulse.position.0,
        "uptime_ms": ms(service.heart.began.elapsed()),
        "listeners": service.hub.listeners(),
    })
}

fn add(data: &mut Value, more: Value) {
    if let (Value::Object(data), Value::Object(more)) = (data, more) {
        data.extend(more);
    }
}

fn ms(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

    use futures_util::future::join_all;
    use store::{Position, Role};

    use super::*;

    fn pulse() -> Pulse {
        let (engine, version) = ("sqlite", "3".to_owned());
        Pulse { role: Role::Primary, engine, version, position: Position(7), delay: Duration::ZERO }
    }

    #[tokio::test(start_paused = true)]
    async fn many_askers_are_one_question_and_a_fresh_answer_is_none() {
        let (heart, asked) = (Heart::new(Duration::from_secs(2)), AtomicUsize::new(0));
        let ask = || -> Question {
            asked.fetch_add(1, SeqCst);
            Box::pin(async {
                tokio::time::sleep(Duration::from_millis(100)).await;
                Ok(pulse())
            })
        };
        let answers = join_all((0..100).map(|_| heart.beat_by(ask))).await;
        assert!(answers.iter().all(Result::is_ok));
        assert_eq!(asked.load(SeqCst), 1);
        tokio::time::advance(FRESH - Duration::from_millis(1)).await;
        heart.beat_by(ask).await.expect("still fresh");
        assert_eq!(asked.load(SeqCst), 1);
        tokio::time::advance(Duration::from_millis(1)).await;
        heart.beat_by(ask).await.expect("asked anew");
        assert_eq!(asked.load(SeqCst), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_database_that_hangs_is_told_in_time_and_asked_only_once() {
        let (heart, asked) = (Heart::new(Duration::from_secs(2)), AtomicUsize::new(0));
        let began = Instant::now();
        let ask = || -> Question {
            asked.fetch_add(1, SeqCst);
            Box::pin(async move {
                tokio::time::sleep_until(began + Duration::from_secs(9)).await;
                Ok(pulse())
            })
        };
        for _ in 0..3 {
            let illness = heart.beat_by(ask).await.expect_err("hangs");
            assert_eq!(illness.message, "The database did not answer within 2 s.");
            tokio::time::advance(FRESH).await;
        }
        assert_eq!(heart.beat_by(ask).await.expect("at last").position, Position(7));
        assert_eq!(asked.load(SeqCst), 1);
    }
}

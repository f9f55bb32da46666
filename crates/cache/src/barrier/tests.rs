//! Who is let through by which question.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;

use futures_util::future::join_all;
use futures_util::poll;
use tokio::sync::{Semaphore, oneshot};

use super::*;

#[tokio::test]
async fn somebody_alone_asks_at_once() {
    let barrier = Barrier::default();
    assert!(barrier.pass(|| async { true }).await);
    assert!(!barrier.pass(|| async { false }).await);
}

#[tokio::test]
async fn who_comes_during_a_question_is_not_let_through_by_it() {
    let barrier = Barrier::default();
    let (first_end, first) = oneshot::channel();
    let mut early = Box::pin(barrier.pass(|| async { first.await.unwrap() }));
    assert_eq!(poll!(&mut early), Poll::Pending);
    let (second_end, second) = oneshot::channel();
    let mut late = Box::pin(barrier.pass(|| async { second.await.unwrap() }));
    assert_eq!(poll!(&mut late), Poll::Pending);
    first_end.send(true).unwrap();
    assert_eq!(poll!(&mut early), Poll::Ready(true));
    assert_eq!(poll!(&mut late), Poll::Pending);
    second_end.send(true).unwrap();
    assert_eq!(poll!(&mut late), Poll::Ready(true));
}

#[tokio::test]
async fn all_who_come_during_a_question_share_the_next() {
    let barrier = Barrier::default();
    let (questions, gate) = (AtomicU64::new(0), Semaphore::new(0));
    let pass = || {
        barrier.pass(|| async {
            questions.fetch_add(1, Ordering::SeqCst);
            gate.acquire().await.unwrap().forget();
            true
        })
    };
    let mut first = Box::pin(pass());
    assert_eq!(poll!(&mut first), Poll::Pending);
    let mut others = Box::pin(join_all((0..100).map(|_| pass())));
    assert!(poll!(&mut others).is_pending());
    gate.add_permits(2);
    assert!(first.await);
    assert!(others.await.into_iter().all(|is_good| is_good));
    assert_eq!(questions.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_question_that_fails_lets_nobody_through_and_the_next_one_may_be_well() {
    let barrier = Barrier::default();
    let (end, asked) = oneshot::channel::<bool>();
    let mut first = Box::pin(barrier.pass(|| async { asked.await.unwrap() }));
    assert_eq!(poll!(&mut first), Poll::Pending);
    let answers = Semaphore::new(0);
    let failing = || {
        barrier.pass(|| async {
            answers.acquire().await.unwrap().forget();
            false
        })
    };
    let mut both = Box::pin(join_all([failing(), failing()]));
    assert!(poll!(&mut both).is_pending());
    answers.add_permits(1);
    end.send(true).unwrap();
    assert!(first.await);
    assert_eq!(both.await, [false, false]);
    assert!(barrier.pass(|| async { true }).await);
}

#[tokio::test]
async fn when_the_one_who_asks_goes_away_another_asks() {
    let barrier = Barrier::default();
    let mut asker = Box::pin(barrier.pass(std::future::pending));
    assert_eq!(poll!(&mut asker), Poll::Pending);
    let mut others = Box::pin(join_all((0..3).map(|_| barrier.pass(|| async { true }))));
    assert!(poll!(&mut others).is_pending());
    drop(asker);
    assert_eq!(others.await, [true; 3]);
}

/// Each caller notes what was committed when it came; the question that lets it through must have seen that.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nobody_is_let_through_before_what_was_committed_when_they_came_is_seen() {
    let barrier = Arc::new(Barrier::default());
    let (committed, seen, questions) =
        (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let mut callers = tokio::task::JoinSet::new();
    for caller in 0..64_u64 {
        let (barrier, committed, seen, questions) =
            (barrier.clone(), committed.clone(), seen.clone(), questions.clone());
        callers.spawn(async move {
            for round in 0..200 {
                let mine = committed.fetch_add(1, Ordering::SeqCst) + 1;
                let ask = || async {
                    questions.fetch_add(1, Ordering::SeqCst);
                    let now = committed.load(Ordering::SeqCst);
                    tokio::task::yield_now().await;
                    seen.fetch_max(now, Ordering::SeqCst);
                    true
                };
                let mut pass = Box::pin(barrier.pass(ask));
                let is_good = match (caller + round) % 7 {
                    // goes away, perhaps while asking, unless it is answered at once
                    0 => match poll!(&mut pass) {
                        Poll::Pending => continue,
                        Poll::Ready(is_good) => is_good,
                    },
                    _ => pass.await,
                };
                assert!(is_good);
                assert!(seen.load(Ordering::SeqCst) >= mine, "let through too early");
            }
        });
    }
    callers.join_all().await;
    assert!(questions.load(Ordering::SeqCst) < 64 * 200);
}

//! Groups of writes: what they share, and what they don't.

use super::*;

#[tokio::test]
async fn writes_that_wait_together_share_one_commit() {
    let dir = tempfile::tempdir().unwrap();
    let store = opened(&dir, |_| {}).await;
    let mut tail = store.tail(Position(0));
    let let_go = hold_writer(&store).await;
    let ids: Vec<_> = (0..20).map(|n| n.to_string()).collect();
    let writes = join_all(ids.iter().map(|id| insert(&store, id)));
    let (done, ()) = tokio::join!(writes, async move { drop(let_go) });
    assert!(done.iter().all(Result::is_ok));
    // a commit is published whole: all twenty came in one
    assert_eq!(tail.next().await.unwrap().len(), 20);
}

#[tokio::test]
async fn an_acknowledged_write_is_in_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let store = opened(&dir, |_| {}).await;
    insert(&store, "a").await.unwrap();
    assert_eq!(ids_on_disk(&dir), ["a"]);
}

#[tokio::test]
async fn a_failed_write_leaves_nothing_while_its_neighbours_stay() {
    let dir = tempfile::tempdir().unwrap();
    let store = opened(&dir, |_| {}).await;
    let let_go = hold_writer(&store).await;
    let failing = store.write(|tx| {
        Box::pin(async move {
            tx.insert(&table(), "b", 1, "{}".into()).await?;
            Err::<(), _>(Error::Gone)
        })
    });
    let release = async move { drop(let_go) };
    let (a, b, c, ()) = tokio::join!(insert(&store, "a"), failing, insert(&store, "c"), release);
    assert!(a.is_ok() && matches!(b, Err(Error::Gone)), "{a:?} {b:?}");
    assert_eq!(c.unwrap().rev, 2, "the position of the failed write is used again");
    assert_eq!(ids_on_disk(&dir), ["a", "c"]);
}

#[tokio::test]
async fn the_first_write_of_a_group_can_fail_alone_too() {
    let dir = tempfile::tempdir().unwrap();
    let store = opened(&dir, |_| {}).await;
    let let_go = hold_writer(&store).await;
    let failing = store.write(|tx| {
        Box::pin(async move {
            tx.insert(&table(), "a", 1, "{}".into()).await?;
            Err::<(), _>(Error::Gone)
        })
    });
    let (a, b, ()) = tokio::join!(failing, insert(&store, "b"), async move { drop(let_go) });
    assert!(a.is_err() && b.is_ok());
    assert_eq!(ids_on_disk(&dir), ["b"]);
}

#[tokio::test]
async fn a_write_that_panics_is_undone_and_the_writer_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let store = opened(&dir, |_| {}).await;
    let let_go = hold_writer(&store).await;
    let panicking = store.write(|tx| {
        Box::pin(async move {
            tx.insert(&table(), "b", 1, "{}".into()).await?;
            assert!(tx.get(&table(), "b").await?.is_none(), "this panic is meant");
            Ok::<_, Error>(())
        })
    });
    let release = async move { drop(let_go) };
    let (a, b, c, ()) = tokio::join!(insert(&store, "a"), panicking, insert(&store, "c"), release);
    assert!(a.is_ok() && c.is_ok() && matches!(b, Err(Error::Broken { .. })), "{b:?}");
    assert_eq!(ids_on_disk(&dir), ["a", "c"]);
}

#[tokio::test]
async fn a_write_that_waits_for_something_else_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let store = opened(&dir, |_| {}).await;
    let waiting = store.write(|tx| {
        Box::pin(async move {
            tx.insert(&table(), "a", 1, "{}".into()).await?;
            std::future::pending::<Result<(), Error>>().await
        })
    });
    assert!(matches!(waiting.await, Err(Error::Broken { .. })));
    assert!(!is_there(&store, "a").await);
}

#[tokio::test]
async fn a_full_queue_refuses_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let store = opened(&dir, |config| config.write_queue_max = 2).await;
    let let_go = hold_writer(&store).await;
    let release = async move { drop(let_go) };
    let (a, b, c, ()) = tokio::join!(insert(&store, "a"), insert(&store, "b"), insert(&store, "c"), release);
    assert!(a.is_ok() && b.is_ok() && matches!(c, Err(Error::Busy)), "{c:?}");
}

#[tokio::test]
async fn a_commit_that_fails_fails_every_write_in_it_and_publishes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let store = opened(&dir, |_| {}).await;
    let set_trap = store.write(|tx| {
        Box::pin(async move {
            // a promise that is looked at only by the commit; it counts only when set outside of a transaction
            raw(
                tx,
                "CREATE TABLE p(id PRIMARY KEY); CREATE TABLE c(p REFERENCES p DEFERRABLE INITIALLY DEFERRED);
                 COMMIT; PRAGMA foreign_keys = ON; BEGIN IMMEDIATE",
            );
            Ok::<_, Error>(())
        })
    });
    set_trap.await.unwrap();
    let let_go = hold_writer(&store).await;
    let breaking = store.write(|tx| {
        Box::pin(async move {
            tx.insert(&table(), "b", 1, "{}".into()).await?;
            raw(tx, "INSERT INTO c VALUES (1)");
            Ok::<_, Error>(())
        })
    });
    let (a, b, ()) = tokio::join!(insert(&store, "a"), breaking, async move { drop(let_go) });
    assert!(matches!((&a, &b), (Err(Error::Engine(_)), Err(Error::Engine(_)))), "{a:?} {b:?}");
    assert_eq!((store.position(), ids_on_disk(&dir).len()), (Position(0), 0));
    assert_eq!(insert(&store, "c").await.unwrap().rev, 1, "the store goes on");
}

#[tokio::test]
async fn a_full_disk_is_told_and_the_store_goes_on_when_there_is_room_again() {
    let dir = tempfile::tempdir().unwrap();
    let store = opened(&dir, |_| {}).await;
    insert(&store, "a").await.unwrap();
    let limit = |pages: &'static str| {
        store.write(move |tx| {
            Box::pin(async move {
                raw(tx, pages);
                Ok::<_, Error>(())
            })
        })
    };
    limit("PRAGMA max_page_count = 1").await.unwrap();
    let large = |id: &'static str| {
        let body = format!("{{\"t\":\"{}\"}}", "x".repeat(100_000));
        store.write(move |tx| Box::pin(async move { tx.insert(&table(), id, 1, body).await }))
    };
    let let_go = hold_writer(&store).await;
    let (b, c, ()) = tokio::join!(large("b"), large("c"), async move { drop(let_go) });
    assert!(matches!((&b, &c), (Err(Error::Full), Err(Error::Full))), "{b:?} {c:?}");
    assert_eq!(ids_on_disk(&dir), ["a"]);
    limit("PRAGMA max_page_count = 1000000").await.unwrap();
    assert_eq!(large("d").await.unwrap().rev, 2);
    assert_eq!(ids_on_disk(&dir), ["a", "d"]);
}

#[tokio::test]
async fn a_write_that_hides_a_full_disk_fails_all_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let store = opened(&dir, |_| {}).await;
    let hiding = store.write(|tx| {
        Box::pin(async move {
            raw(tx, "PRAGMA max_page_count = 1");
            let large = format!("{{\"t\":\"{}\"}}", "x".repeat(100_000));
            assert!(tx.insert(&table(), "a", 1, large).await.is_err());
            assert!(tx.insert(&table(), "b", 1, "{}".into()).await.is_err(), "nothing is written any more");
            Ok::<_, Error>(())
        })
    });
    assert!(matches!(hiding.await, Err(Error::Full)));
    assert!(ids_on_disk(&dir).is_empty());
}

#[tokio::test]
async fn a_write_that_fails_on_another_is_told_so_when_that_one_is_on_disk() {
    let dir = tempfile::tempdir().unwrap();
    let store = opened(&dir, |_| {}).await;
    for round in 0..50 {
        let id = format!("id{round}");
        let second = async {
            let told = insert(&store, &id).await;
            (told.is_err(), is_there(&store, &id).await)
        };
        let (first, second) = tokio::join!(insert(&store, &id), second);
        assert_eq!((first.is_ok(), second), (true, (true, true)), "{id}");
    }
}

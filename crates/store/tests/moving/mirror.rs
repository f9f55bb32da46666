//! Mirrors: what the servers' own commands read in both databases must be the same, whatever happened meanwhile.

use std::time::Duration;

use base::time::Clock;
use store::mirror::{self, Declaring, Fault, Handed, Holds, Mirror, Stage, Step, Term};
use store::query::{Column, Scalar, View};
use store::{Config, Error, Store, Table};
use testbed::Database;

use super::{Nobody, Site, come_and_go, delete, exchange, insert, kinds, make, notes, once, unique, update};

/// More than one page of records, and more than one range.
const MANY: usize = 2_300;

fn declaring() -> Declaring {
    Declaring { table: kinds(), declared: Table::new }
}

pub(super) async fn open(primary: Config, mirror: Config) -> Result<Mirror, Fault> {
    Mirror::open(primary, mirror, Clock::System, declaring(), Term::Meanwhile).await
}

pub(super) async fn settle(mirror: &mut Mirror) -> Result<usize, Fault> {
    let mut steps = 0;
    while mirror.step().await? == Step::More {
        steps += 1;
    }
    assert_eq!(mirror.told().stage, Stage::Following);
    Ok(steps)
}

/// Two databases of one kind.
pub(super) fn pairs() -> [(Site, Site); 2] {
    let postgres = || Site::new(Some(testbed::postgres().database()));
    let mariadb = || Site::new(Some(testbed::mariadb().database()));
    [(postgres(), postgres()), (mariadb(), mariadb())]
}

pub(super) fn of(site: &Site) -> &Database {
    site.database.as_ref().unwrap()
}

/// All that a database holds, as its server's own command tells it. The log from `from` on.
pub(super) fn contents(ask: &dyn Fn(&str) -> String, is_postgres: bool, from: i64) -> Vec<String> {
    let (schema, change) = if is_postgres { ("'public'", "change") } else { ("database()", "`change`") };
    let tables = ask(&format!(
        "SELECT table_name FROM information_schema.tables WHERE table_schema = {schema} \
         AND table_type = 'BASE TABLE' AND table_name LIKE 'r!_%' ESCAPE '!' ORDER BY table_name"
    ));
    let mut told: Vec<String> = tables
        .split_whitespace()
        .map(|table| {
            format!("{table}\n{}", ask(&format!("SELECT id,rev,shape,n,body FROM {table} ORDER BY id")))
        })
        .collect();
    told.push(ask(&format!(
        "SELECT pos,seq,epoch,write_id,i,tbl,record,kind,at FROM {change} WHERE pos > {from} ORDER BY pos"
    )));
    told.push(ask("SELECT pos FROM head"));
    told.push(ask("SELECT name,fingerprint,write_id,at,answer FROM once ORDER BY name"));
    told.push(ask(
        "SELECT name,value FROM meta WHERE name NOT IN ('setting.mirror','setting.mirrored','setting.cache') \
                   AND name NOT LIKE 'alone.%' ORDER BY name",
    ));
    told
}

#[track_caller]
fn are_same(primary: &Database, mirror: &Database, from: i64) {
    let is_postgres = primary.url().starts_with("postgres");
    let all = [primary, mirror].map(|database| contents(&|sql| database.sql(sql), is_postgres, from));
    differ_nowhere(&all);
}

#[track_caller]
pub(super) fn differ_nowhere(all: &[Vec<String>; 2]) {
    for (ours, theirs) in all[0].iter().zip(&all[1]) {
        let line = ours.lines().zip(theirs.lines()).find(|(ours, theirs)| ours != theirs);
        assert!(ours == theirs, "{line:?} {} {}", ours.lines().count(), theirs.lines().count());
    }
    assert_eq!(all[0].len(), all[1].len());
}

pub(super) async fn fill(store: &Store, count: usize) {
    make(store, notes()).await;
    for n in 0..count {
        insert(store, notes(), &format!("n{n:04}"), &format!("text {n}")).await;
    }
}

pub(super) async fn index_and_view(store: &Store) {
    let view = View {
        name: "notes".into(),
        columns: vec![("words".into(), Column::Field("t".into(), Scalar::Text))],
    };
    let write = store.write(move |tx| {
        Box::pin(async move {
            tx.set_indexes(&notes(), &[unique()]).await?;
            tx.set_view(&notes(), Some(&view)).await
        })
    });
    write.await.unwrap();
    store.settle(&notes()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mirror_has_whatever_the_primary_has() {
    for (primary, site) in pairs() {
        let store = primary.open().await;
        fill(&store, MANY).await;
        make(&store, Table::new("leaves")).await;
        once(&store, "key 1").await;
        let from = store.newest().await.unwrap().0;
        let mut mirror = open(primary.config(), site.config()).await.unwrap();
        settle(&mut mirror).await.unwrap();
        are_same(of(&primary), of(&site), from);
        let refused = Store::open(site.config(), Clock::System).await.err();
        assert!(matches!(refused, Some(Error::Unfit { ref what }) if what.contains("mirror")), "{refused:?}");

        index_and_view(&store).await;
        settle(&mut mirror).await.unwrap();
        exchange(&store).await;
        come_and_go(&store).await;
        once(&store, "key 2").await;
        store.write(|tx| Box::pin(async move { tx.set_setting("secret", "floor").await })).await.unwrap();
        settle(&mut mirror).await.unwrap();
        are_same(of(&primary), of(&site), from);

        // a table that was dropped and made again has nothing of what it had
        make(&store, Table::new("leaves")).await;
        insert(&store, Table::new("leaves"), "old", "a").await;
        settle(&mut mirror).await.unwrap();
        let again = store.write(|tx| {
            Box::pin(async move {
                tx.drop_table(&Table::new("leaves")).await?;
                tx.delete(&kinds(), "leaves").await
            })
        });
        again.await.unwrap();
        make(&store, Table::new("leaves")).await;
        insert(&store, Table::new("leaves"), "new", "b").await;
        settle(&mut mirror).await.unwrap();
        are_same(of(&primary), of(&site), from);

        // the index is there and keeps values apart, the view shows the records
        let clash =
            "INSERT INTO r_notes(id,rev,shape,body) SELECT 'clash',rev,shape,body FROM r_notes LIMIT 1";
        let wait = std::time::Instant::now();
        while of(&site).sql("SELECT count(*) FROM idx WHERE state <> 'ready'").trim() != "0" {
            assert!(wait.elapsed() < Duration::from_secs(20), "the index is never built");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let refused = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| of(&site).sql(clash)));
        let why = refused.expect_err("the index lets a value in twice").downcast::<String>().unwrap();
        assert!(why.to_lowercase().contains("duplicate"), "{why}");
        let count = |database: &Database| database.sql("SELECT count(*), max(words) FROM notes");
        assert_eq!(count(of(&primary)), count(of(&site)));
        mirror.close().await;
        store.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_that_broke_off_goes_on_where_it_was_and_what_changed_meanwhile_is_in_it() {
    for (primary, site) in pairs() {
        let store = primary.open().await;
        fill(&store, MANY).await;
        once(&store, "key").await;
        let from = store.newest().await.unwrap().0;
        let (mut rows, mut lives) = (0, 0);
        // each one dies after three steps
        loop {
            let mut mirror = open(primary.config(), site.config()).await.unwrap();
            for _ in 0..3 {
                mirror.step().await.unwrap();
            }
            mirror.step().await.unwrap();
            let told = mirror.told().clone();
            assert!(told.stage == Stage::Following || told.rows >= rows, "{told:?} after {rows}");
            (rows, lives) = (told.rows, lives + 1);
            mirror.close().await;
            update(&store, &format!("n{:04}", lives * 97), &format!("again {lives}")).await;
            delete(&store, &format!("n{:04}", lives * 89)).await;
            if told.stage == Stage::Following {
                break;
            }
        }
        assert!(lives > 4, "{lives}");
        let mut mirror = open(primary.config(), site.config()).await.unwrap();
        settle(&mut mirror).await.unwrap();
        are_same(of(&primary), of(&site), from);
        mirror.close().await;
        store.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mirror_that_was_away_too_long_or_has_what_was_given_up_is_mended() {
    for (primary, site) in pairs() {
        let config = Config { change_log_rows_max: 100, ..primary.config() };
        let store = Store::open(config.clone(), Clock::System).await.unwrap();
        fill(&store, 400).await;
        let mut mirror = open(config.clone(), site.config()).await.unwrap();
        settle(&mut mirror).await.unwrap();
        let position = mirror.told().position;
        mirror.close().await;
        for n in 0..400 {
            update(&store, &format!("n{n:04}"), &format!("away {n}")).await;
        }
        delete(&store, "n0007").await;
        let log = if of(&primary).url().starts_with("postgres") { "change" } else { "`change`" };
        // trimmed, now and then, by the store itself
        let until = std::time::Instant::now() + Duration::from_secs(30);
        while of(&primary).sql(&format!("SELECT min(pos) > {position} + 1 FROM {log}")).trim() == "0"
            || of(&primary).sql(&format!("SELECT min(pos) > {position} + 1 FROM {log}")).trim() == "f"
        {
            assert!(std::time::Instant::now() < until, "the log is never trimmed");
            tokio::time::sleep(Duration::from_millis(50)).await;
            update(&store, "n0000", "trims").await;
        }
        let mut mirror = open(config.clone(), site.config()).await.unwrap();
        let mut was_mended = false;
        while mirror.step().await.unwrap() == Step::More {
            was_mended |= mirror.told().stage == Stage::Mending;
        }
        assert!(was_mended);
        let from = mirror.told().position;
        are_same(of(&primary), of(&site), from);

        // the primary loses its newest writes, and others take their positions
        let newest = store.newest().await.unwrap().0;
        update(&store, "n0001", "lost").await;
        insert(&store, notes(), "lost", "lost too").await;
        settle(&mut mirror).await.unwrap();
        mirror.close().await;
        store.close().await;
        of(&primary).sql(&format!("DELETE FROM {log} WHERE pos > {newest}"));
        of(&primary).sql(&format!("UPDATE head SET pos = {newest}"));
        of(&primary).sql("DELETE FROM r_notes WHERE id = 'lost'");
        of(&primary).sql("UPDATE r_notes SET body = '{\"t\":\"as before\"}' WHERE id = 'n0001'");
        let store = Store::open(config.clone(), Clock::System).await.unwrap();
        for n in 0..5 {
            insert(&store, notes(), &format!("after{n}"), &format!("after {n}")).await;
        }
        let mut mirror = open(config, site.config()).await.unwrap();
        settle(&mut mirror).await.unwrap();
        are_same(of(&primary), of(&site), newest + 5);
        mirror.close().await;
        store.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_elses_database_becomes_a_mirror_and_of_two_who_look_after_one_only_one_does() {
    for ((primary, site), (other, _)) in pairs().into_iter().zip(pairs()) {
        let store = primary.open().await;
        fill(&store, 3).await;
        let strange = other.open().await;
        fill(&strange, 3).await;
        let refused = open(primary.config(), other.config()).await.unwrap().step().await;
        assert!(matches!(&refused, Err(Fault::Refused(why)) if why.contains("no mirror")), "{refused:?}");
        assert_eq!(mirror::look(&other.config()).await.unwrap().holds, Holds::Records);
        assert_eq!(mirror::look(&site.config()).await.unwrap().holds, Holds::Nothing);

        let mut first = open(primary.config(), site.config()).await.unwrap();
        settle(&mut first).await.unwrap();
        let look = mirror::look(&site.config()).await.unwrap();
        assert!(matches!(look.holds, Holds::Mirror { stage: Stage::Following, .. }), "{look:?}");
        assert_eq!(look.lacks, Vec::<String>::new());
        let refused = open(other.config(), site.config()).await.unwrap().step().await;
        assert!(
            matches!(&refused, Err(Fault::Refused(why)) if why.contains("another service")),
            "{refused:?}"
        );
        let mut second = open(primary.config(), site.config()).await.unwrap();
        settle(&mut second).await.unwrap();
        insert(&store, notes(), "later", "a").await;
        assert!(matches!(first.step().await, Err(Fault::Displaced)));
        // a person's command is left alone
        let mut command =
            Mirror::open(primary.config(), site.config(), Clock::System, declaring(), Term::Alone)
                .await
                .unwrap();
        settle(&mut command).await.unwrap();
        insert(&store, notes(), "later still", "b").await;
        assert!(matches!(second.step().await, Err(Fault::Displaced)));
        assert_eq!(second.step().await.unwrap(), Step::Left);
        command.close().await;
        settle(&mut second).await.unwrap();
        are_same(of(&primary), of(&site), 5);
        for mirror in [first, second] {
            mirror.close().await;
        }
        strange.close().await;
        store.close().await;
    }
}

/// Writes records until the data are elsewhere: those that were acknowledged, and where the data are.
async fn write_until_it_moves(store: Store) -> (Vec<String>, String) {
    let mut told = Vec::new();
    for n in 0.. {
        let (id, text) = (format!("w{n:05}"), format!("{{\"t\":\"w {n}\"}}"));
        let this = id.clone();
        let write = store.write(move |tx| Box::pin(async move { tx.insert(&notes(), &this, 1, text).await }));
        match write.await {
            Ok(_) => told.push(id),
            Err(Error::Moved { to }) => return (told, to),
            Err(error) => panic!("{error:?}"),
        }
    }
    unreachable!("it counts for ever")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mirror_is_released_with_all_that_was_acknowledged_while_others_write() {
    for (primary, site) in pairs() {
        let store = primary.open().await;
        fill(&store, MANY).await;
        index_and_view(&store).await;
        let mut mirror =
            Mirror::open(primary.config(), site.config(), Clock::System, declaring(), Term::Alone)
                .await
                .unwrap();
        let refused = mirror.compare(&mut Nobody).await;
        assert!(
            matches!(&refused, Err(Fault::Refused(why)) if why.contains("still being copied")),
            "{refused:?}"
        );
        settle(&mut mirror).await.unwrap();

        // somebody writes to the mirror: that is found out, and mended
        of(&site).sql("UPDATE r_notes SET body = '{\"t\":\"forged\"}' WHERE id = 'n0100'");
        let refused = mirror.compare(&mut Nobody).await;
        assert!(matches!(&refused, Err(Fault::Refused(why)) if why.contains("not the same")), "{refused:?}");
        settle(&mut mirror).await.unwrap();
        assert_eq!(mirror.compare(&mut Nobody).await.unwrap(), MANY as u64 + 1);
        update(&store, "n0200", "before it is forged").await;
        settle(&mut mirror).await.unwrap();
        of(&site).sql("UPDATE r_notes SET body = '{\"t\":\"forged\"}' WHERE id = 'n0200'");
        let refused = mirror.hand_over("there", &mut Nobody).await;
        assert!(matches!(&refused, Err(Fault::Refused(why)) if why.contains("not the same")), "{refused:?}");
        update(&store, "n0200", "writers were let in again").await;
        settle(&mut mirror).await.unwrap();
        mirror.compare(&mut Nobody).await.unwrap();

        let writing = tokio_util::task::TaskTracker::new().spawn(write_until_it_moves(store.clone()));
        let handed = loop {
            match mirror.hand_over("there", &mut Nobody).await.unwrap() {
                Handed::NotYet => {}
                Handed::CompareAgain => drop(mirror.compare(&mut Nobody).await.unwrap()),
                handed => break handed,
            }
        };
        assert!(matches!(handed, Handed::Over { .. }), "{handed:?}");
        let (told, to) = writing.await.unwrap();
        assert_eq!(to, "there");
        mirror.close().await;
        store.close().await;
        let released = Store::open(site.config(), Clock::System).await.unwrap();
        let mut conn = released.reader().await.unwrap();
        for id in &told {
            assert!(conn.get(&notes(), id).await.unwrap().is_some(), "{id} of {} is missing", told.len());
        }
        // it goes on: numbers of insertion, versions and positions grow, the index holds
        let before = released.newest().await.unwrap();
        insert(&released, notes(), "goes on", "goes on").await;
        assert!(released.newest().await.unwrap() > before);
        let newest = of(&site).sql("SELECT id FROM r_notes ORDER BY n DESC LIMIT 1");
        assert_eq!(newest.trim(), "goes on");
        let twice = released.write(|tx| {
            Box::pin(async move { tx.insert(&notes(), "twice", 1, super::body("goes on")).await })
        });
        assert!(matches!(twice.await, Err(Error::Unique { .. })));
        released.close().await;
        // nobody follows up a database that was released
        let again = open(site.config(), site.config()).await.unwrap().step().await;
        assert!(matches!(again, Err(Fault::Refused(_) | Fault::Released)), "{again:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mirror_whose_primary_is_gone_says_what_it_has_and_serves_from_there() {
    for (primary, site) in pairs() {
        let store = primary.open().await;
        fill(&store, 250).await;
        let mut mirror = open(primary.config(), site.config()).await.unwrap();
        for _ in 0..2 {
            mirror.step().await.unwrap();
        }
        let refused = mirror::release(site.config(), Clock::System, true).await;
        assert!(matches!(&refused, Err(Fault::Refused(why)) if why.contains("never whole")), "{refused:?}");
        settle(&mut mirror).await.unwrap();
        let told = mirror.told().clone();
        mirror.close().await;
        insert(&store, notes(), "lost", "lost").await;
        store.close().await;
        let refused = mirror::release(site.config(), Clock::System, false).await;
        assert!(matches!(&refused, Err(Fault::Refused(why)) if why.contains("everything")), "{refused:?}");
        let released = mirror::release(site.config(), Clock::System, true).await.unwrap();
        assert_eq!((released.position, released.as_of > 0), (told.position, true));
        let store = Store::open(site.config(), Clock::System).await.unwrap();
        assert!(store.newest().await.unwrap().0 > told.position + 1_000, "who knew lost changes begins anew");
        insert(&store, notes(), "goes on", "goes on").await;
        store.close().await;
        let again = open(primary.config(), site.config()).await.unwrap().step().await;
        assert!(matches!(again, Err(Fault::Released)), "{again:?}");
    }
}

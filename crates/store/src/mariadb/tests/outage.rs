//! Servers that go, and connections that break.

use testbed::{Cut, Cutter, Direction, MariaDb, Options};

use super::*;

async fn behind(cutter: &Cutter, database: &Database) -> Pool {
    Pool::open(&server_at(database.name(), cutter.port()), &config()).await.unwrap()
}

#[tokio::test]
async fn after_a_restart_the_first_question_is_lost_and_all_others_are_answered() {
    let mut own = MariaDb::start(&Options::default());
    let database = own.database();
    database.sql(TABLES);
    let pool = Pool::open(&server_at(database.name(), own.port()), &config()).await.unwrap();
    for is_killed in [false, true] {
        // four idle connections of both kinds
        let links = [pool.take().await.unwrap(), pool.take().await.unwrap()];
        let ask = sql("SELECT sleep(0.01)");
        let (one, two) = tokio::join!(pool.query(&ask), pool.query(&ask));
        one.and(two).unwrap();
        drop(links);
        if is_killed {
            own.kill()
        } else {
            own.stop()
        };
        let down = pool.brief(&sql("SELECT 1")).await;
        assert!(is_lost(&down), "{down:?}");
        assert!(is_lost(&pool.take().await.map(drop)), "nobody is there to make a new one");
        own.start_again();
        for _ in 0..4 {
            assert_eq!(count(&pool).await, 0);
            pool.take().await.unwrap().begin().await.unwrap();
        }
    }
}

#[tokio::test]
async fn idle_connections_from_before_a_restart_show_themselves_once() {
    let mut own = MariaDb::start(&Options::default());
    let database = own.database();
    let pool = Pool::open(&server_at(database.name(), own.port()), &config()).await.unwrap();
    let ask = sql("SELECT sleep(0.01)");
    let (one, two, three) = tokio::join!(pool.query(&ask), pool.query(&ask), pool.query(&ask));
    one.and(two).and(three).unwrap();
    own.kill();
    own.start_again();
    assert!(is_lost(&pool.brief(&ask).await));
    let (one, two, three) = tokio::join!(pool.query(&ask), pool.query(&ask), pool.query(&ask));
    one.and(two).and(three).unwrap();
}

#[tokio::test]
async fn a_write_on_a_server_that_is_killed_is_lost_and_stays_so() {
    let mut own = MariaDb::start(&Options::default());
    let database = own.database();
    database.sql(TABLES);
    let pool = Pool::open(&server_at(database.name(), own.port()), &config()).await.unwrap();
    let mut link = pool.take().await.unwrap();
    link.begin().await.unwrap();
    put(&mut link, "a", "{}").await.unwrap();
    own.kill();
    assert!(is_lost(&put(&mut link, "b", "{}").await));
    assert!(is_lost(&link.commit().await), "and what follows on it");
    own.start_again();
    assert!(is_lost(&link.begin().await), "for good");
    assert_eq!(count(&pool).await, 0);
}

#[tokio::test]
async fn a_commit_that_did_not_arrive_and_one_whose_answer_is_lost_look_alike() {
    let database = database();
    let cutter = Cutter::before(testbed::mariadb().port());
    let pool = behind(&cutter, &database).await;
    for (id, cut, rows) in [("a", Cut::DropBefore, 0), ("b", Cut::LoseAnswer, 1)] {
        let mut link = pool.take().await.unwrap();
        link.begin().await.unwrap();
        put(&mut link, id, "{}").await.unwrap();
        cutter.cut_at_text(Direction::ToServer, "COMMIT", cut);
        let lost = link.commit().await;
        assert!(is_lost(&lost), "{lost:?}");
        drop(link);
        assert_eq!(count(&pool).await, rows, "{cut:?}");
    }
}

#[tokio::test]
async fn an_answer_that_never_comes_is_lost_in_time() {
    let database = database();
    let mut cutter = Cutter::before(testbed::mariadb().port());
    let limits = Config { read_time_max: Duration::from_millis(100), ..config() };
    let server = server_at(database.name(), cutter.port());
    let pool = Pool::open(&server, &limits).await.unwrap();
    cutter.hang();
    let lost = pool.brief(&sql("SELECT 1")).await;
    assert!(is_lost(&lost), "{lost:?}");
    cutter.pass();
    assert_eq!(count(&pool).await, 0);
}

#[tokio::test]
async fn a_server_that_begins_to_follow_another_is_lost_to_writers() {
    let own = MariaDb::start(&Options::default());
    let database = own.database();
    database.sql(TABLES);
    database.sql(&format!(
        "CREATE USER w@'%' IDENTIFIED BY 'w'; GRANT ALL PRIVILEGES ON {}.* TO w@'%'",
        database.name()
    ));
    let server = server_at(database.name(), own.port());
    let server = Server { user: "w".into(), secret: Some(Secret::new("w")), ..server };
    let pool = Pool::open(&server, &config()).await.unwrap();
    let mut link = pool.take().await.unwrap();
    link.begin().await.unwrap();
    database.sql("SET GLOBAL read_only=1");
    let lost = put(&mut link, "a", "{}").await;
    assert!(is_lost(&lost), "{lost:?}");
    assert!(is_lost(&pool.brief(&sql("SELECT 1")).await), "to readers too");
    database.sql("SET GLOBAL read_only=0");
    assert_eq!(count(&pool).await, 0);
}

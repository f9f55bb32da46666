//! Questions outside of transactions.

use super::*;

#[tokio::test]
async fn values_come_back_as_they_went() {
    let database = database();
    let pool = open(&database, &config()).await;
    for words in ["온돌 🔥 ë", "nul\0nul", "", "it's \"q\" \\ %_"] {
        let found = pool.query(&bound("SELECT ?", [text(words)])).await.unwrap();
        assert_eq!(found, [vec![text(words)]]);
    }
    let values = [Value::Int(i64::MIN), Value::Real(-0.1), Value::Null, Value::Bool(true)];
    let found = pool.brief(&bound("SELECT ?,?,?,?", values)).await.unwrap();
    assert_eq!(found, [vec![Value::Int(i64::MIN), Value::Real(-0.1), Value::Null, Value::Int(1)]]);
}

#[tokio::test]
async fn a_count_is_whole_and_a_sum_is_a_number() {
    let database = database();
    let pool = open(&database, &config()).await;
    let found = pool.brief(&sql("SELECT count(*),sum(1.5),1.25,json_object('a',1) FROM r")).await.unwrap();
    let json = text("{\"a\": 1}");
    assert_eq!(found, [vec![Value::Int(0), Value::Null, Value::Real(1.25), json]]);
}

#[tokio::test]
async fn texts_are_the_same_only_byte_by_byte() {
    let database = database();
    let pool = open(&database, &config()).await;
    let found = pool.brief(&sql("SELECT 'a'='a ','a'='A','a'||'b'")).await.unwrap();
    assert_eq!(found[0][..2], [Value::Int(0), Value::Int(0)]);
    let pair = bound("SELECT ?=?", [text("a"), text("a ")]);
    assert_eq!(pool.brief(&pair).await.unwrap(), [vec![Value::Int(0)]]);
}

#[tokio::test]
async fn records_are_read_up_to_a_number_of_bytes() {
    let (database, body) = (database(), "x".repeat(1000));
    let pool = open(&database, &config()).await;
    let mut link = pool.take().await.unwrap();
    link.begin().await.unwrap();
    for id in ["a", "b", "c"] {
        put(&mut link, id, &body).await.unwrap();
    }
    let all = sql("SELECT id,rev,shape,body FROM r ORDER BY id");
    assert!(link.rows(&all, 2999).await.unwrap().is_none(), "within the transaction");
    assert_eq!(link.rows(&all, 3000).await.unwrap().unwrap().len(), 3, "which goes on");
    link.commit().await.unwrap();
    assert!(pool.rows(&all, 2999).await.unwrap().is_none());
    let rows = pool.rows(&all, 3000).await.unwrap().unwrap();
    assert_eq!((rows[1].id.as_str(), rows[1].rev, rows[1].shape), ("b", 1, 2));
    assert_eq!(rows[1].body, body);
}

#[tokio::test]
async fn an_answer_far_beyond_its_limit_is_not_read_to_its_end() {
    let database = database();
    let pool = open(&database, &config()).await;
    let endless = sql("SELECT 'a' AS id,seq,1,repeat('x',100000) FROM seq_1_to_1000000000");
    assert!(pool.rows(&endless, 1000).await.unwrap().is_none());
    assert_eq!(count(&pool).await, 0, "the pool is whole");
}

#[tokio::test]
async fn a_question_that_takes_too_long_is_slow_and_its_connection_goes_on() {
    let limits = Config { read_time_max: Duration::from_millis(200), ..config() };
    let database = database();
    let pool = open(&database, &limits).await;
    let slow = pool.query(&sql("SELECT max(sha1(seq)) FROM seq_1_to_1000000000")).await;
    assert!(matches!(slow, Err(Error::Slow { limit_ms: 200 })), "{slow:?}");
    let first = pool.brief(&sql("SELECT connection_id()")).await.unwrap();
    assert_eq!(first, pool.brief(&sql("SELECT connection_id()")).await.unwrap());
}

#[tokio::test]
async fn a_column_that_is_not_there_any_more_is_met_by_the_caller() {
    let database = database();
    let pool = open(&database, &config()).await;
    let met = pool.brief(&sql("SELECT x FROM r")).await;
    assert!(matches!(met, Err(Error::Met)), "{met:?}");
}

#[tokio::test]
async fn a_statement_outlives_a_change_of_its_table() {
    let database = database();
    let pool = open(&database, &config()).await;
    let all = sql("SELECT * FROM r");
    assert_eq!(pool.brief(&all).await.unwrap().len(), 0);
    database.sql("INSERT INTO r VALUES('a',1,1,'{}',NULL); ALTER TABLE r ADD COLUMN more int DEFAULT 7");
    let found = pool.brief(&all).await.unwrap();
    assert_eq!(found[0].last(), Some(&Value::Int(7)));
}

#[tokio::test]
async fn a_thousand_forms_of_a_question_leave_few_statements_on_the_server() {
    let database = database();
    let pool = open(&database, &config()).await;
    for number in 0..300 {
        let found = pool.brief(&sql(&format!("SELECT {number}"))).await.unwrap();
        assert_eq!(found, [vec![Value::Int(number)]]);
    }
    let closed = sql("SELECT variable_value FROM information_schema.session_status \
        WHERE variable_name='COM_STMT_CLOSE'");
    assert_eq!(pool.brief(&closed).await.unwrap(), [vec![text("173")]]);
}

#[tokio::test]
async fn what_is_too_long_for_the_server_is_not_sent() {
    let database = database();
    let pool = open(&database, &config()).await;
    let long = bound("SELECT length(?)", [text(&"x".repeat(17 << 20))]);
    let refused = pool.query(&long).await;
    assert!(matches!(refused, Err(Error::TooLong { .. })), "{refused:?}");
    let just = bound("SELECT length(?)", [text(&"x".repeat(15 << 20))]);
    assert_eq!(pool.query(&just).await.unwrap(), [vec![Value::Int(15 << 20)]]);
}

#[tokio::test]
async fn long_questions_wait_for_each_other_and_brief_ones_do_not() {
    let wait = Duration::from_millis(100);
    let few = Config { connections: 1, brief_connections: 1, connection_wait_max: wait, ..config() };
    let database = database();
    let pool = open(&database, &few).await;
    let link = pool.take().await.unwrap();
    let begin = Instant::now();
    assert!(matches!(pool.query(&sql("SELECT 1")).await, Err(Error::Busy)));
    assert!(matches!(pool.take().await.map(drop), Err(Error::Busy)));
    assert!(begin.elapsed() >= wait * 2);
    assert_eq!(count(&pool).await, 0);
    drop(link);
    assert_eq!(pool.query(&sql("SELECT 1")).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_question_that_nobody_waits_for_is_stopped_and_the_pool_is_whole() {
    let database = database();
    let few = Config { connections: 1, brief_connections: 1, ..config() };
    let pool = open(&database, &few).await;
    let long = "SELECT max(sha1(seq)) FROM seq_1_to_1000000000";
    for _ in 0..3 {
        let left = tokio::time::timeout(Duration::from_millis(50), pool.query(&sql(long))).await;
        assert!(left.is_err(), "it was not long");
        assert_eq!(pool.query(&sql("SELECT 7")).await.unwrap(), [vec![Value::Int(7)]]);
    }
    let at_work = bound(
        "SELECT count(*) FROM information_schema.processlist WHERE db=database() AND info LIKE ?",
        [text("SELECT max(sha1%")],
    );
    until("the server stops", || async { pool.query(&at_work).await.unwrap() == [vec![Value::Int(0)]] })
        .await;
}

#[tokio::test]
async fn a_closed_pool_is_busy() {
    let database = database();
    let pool = open(&database, &config()).await;
    let link = pool.take().await.unwrap();
    pool.close();
    drop(link);
    assert!(matches!(pool.brief(&sql("SELECT 1")).await, Err(Error::Busy)));
}

#[tokio::test]
async fn a_server_that_cannot_tell_of_news_is_looked_at_now_and_then() {
    let often = Config { log_poll_every: Duration::from_millis(5), ..config() };
    let database = database();
    let pool = open(&database, &often).await;
    let begin = Instant::now();
    pool.hear().await;
    assert!(begin.elapsed() >= Duration::from_millis(5));
}

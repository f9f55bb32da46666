//! Transactions.

use super::*;

async fn begun(pool: &Pool) -> Link {
    let mut link = pool.take().await.unwrap();
    link.begin().await.unwrap();
    link
}

#[tokio::test]
async fn what_is_committed_stays_and_what_is_rolled_back_or_dropped_does_not() {
    let database = database();
    let pool = open(&database, &config()).await;
    let mut link = begun(&pool).await;
    put(&mut link, "a", "{}").await.unwrap();
    assert_eq!(count(&pool).await, 0, "nobody else sees it before");
    link.commit().await.unwrap();
    assert_eq!(count(&pool).await, 1);

    link.begin().await.unwrap();
    put(&mut link, "b", "{}").await.unwrap();
    link.roll_back().await;
    link.begin().await.unwrap();
    put(&mut link, "c", "{}").await.unwrap();
    drop(link);
    assert_eq!(count(&pool).await, 1);
    let mut link = begun(&pool).await;
    assert_eq!(put(&mut link, "c", "{}").await.unwrap(), 1, "no lock is left");
    link.commit().await.unwrap();
}

#[tokio::test]
async fn an_update_counts_the_rows_that_it_found() {
    let database = database();
    let pool = open(&database, &config()).await;
    let mut link = begun(&pool).await;
    put(&mut link, "a", "{}").await.unwrap();
    assert_eq!(link.execute(&sql("UPDATE r SET body='{}'")).await.unwrap(), 1);
    assert_eq!(link.execute(&sql("UPDATE r SET body='{}' WHERE id='b'")).await.unwrap(), 0);
    link.roll_back().await;
}

#[tokio::test]
async fn a_connection_is_lent_again_with_no_snapshot_open() {
    let (database, few) = (database(), Config { connections: 1, brief_connections: 0, ..config() });
    let pool = open(&database, &few).await;
    let mut link = begun(&pool).await;
    link.query(&sql("SELECT count(*) FROM r")).await.unwrap();
    link.commit().await.unwrap();
    drop(link);
    database.sql("INSERT INTO r VALUES('a',1,1,'{}',NULL)");
    let mut link = begun(&pool).await;
    let found = link.query(&sql("SELECT @@autocommit,@@tx_isolation,count(*) FROM r")).await.unwrap();
    assert_eq!(found, [vec![Value::Int(0), text("READ-COMMITTED"), Value::Int(1)]]);
    link.commit().await.unwrap();
    drop(link);
    let asked = pool.query(&sql("SELECT @@autocommit")).await.unwrap();
    assert_eq!(asked, [vec![Value::Int(1)]], "and the one connection serves both");
}

#[tokio::test]
async fn a_unique_index_refuses_by_its_name_and_the_transaction_goes_on() {
    let database = database();
    let pool = open(&database, &config()).await;
    let mut link = begun(&pool).await;
    put(&mut link, "a", "{}").await.unwrap();
    let refused = put(&mut link, "a", "{}").await;
    assert!(matches!(&refused, Err(Error::Unique { index }) if index == "id"), "{refused:?}");
    let email = |id: &str| {
        let values = [text(id), text("x' for key 'y'")];
        bound("INSERT INTO r(id,rev,shape,body,email) VALUES(?,1,1,'{}',?)", values)
    };
    link.execute(&email("b")).await.unwrap();
    let refused = link.execute(&email("c")).await;
    assert!(matches!(&refused, Err(Error::Unique { index }) if index == "i_email"), "{refused:?}");
    link.commit().await.unwrap();
    assert_eq!(count(&pool).await, 2);
}

#[tokio::test]
async fn a_value_beyond_its_column_is_too_long_and_the_column_is_named() {
    let database = database();
    let pool = open(&database, &config()).await;
    let mut link = begun(&pool).await;
    let refused = put(&mut link, &"x".repeat(101), "{}").await;
    assert!(matches!(&refused, Err(Error::TooLong { index }) if index == "id"), "{refused:?}");
    put(&mut link, "a", "{}").await.unwrap();
    link.commit().await.unwrap();
}

#[tokio::test]
async fn of_two_that_wait_for_each_other_one_is_met_whole_and_the_other_goes_on() {
    let database = database();
    let pool = open(&database, &config()).await;
    let (mut one, mut two) = (begun(&pool).await, begun(&pool).await);
    put(&mut one, "a", "{}").await.unwrap();
    put(&mut two, "b", "{}").await.unwrap();
    let (first, second) = tokio::join!(put(&mut one, "b", "{}"), put(&mut two, "a", "{}"));
    let (mut met, mut other) = if first.is_err() { (one, two) } else { (two, one) };
    assert!(matches!(first.and(second), Err(Error::Met)));
    let later = met.query(&sql("SELECT 1")).await;
    assert!(matches!(later, Err(Error::Met)), "{later:?}");
    assert!(matches!(met.commit().await, Err(Error::Met)));
    other.commit().await.unwrap();
    assert_eq!(count(&pool).await, 2);
    met.roll_back().await;
    met.begin().await.unwrap();
    assert_eq!(put(&mut met, "c", "{}").await.unwrap(), 1, "it begins anew");
    met.commit().await.unwrap();
}

#[tokio::test]
async fn whoever_waits_too_long_for_a_row_is_undone_whole() {
    let database = database();
    let limits = Config { write_time_max: Duration::from_secs(1), ..config() };
    let (patient, hasty) = (open(&database, &config()).await, open(&database, &limits).await);
    let (mut holder, mut waiter) = (begun(&patient).await, begun(&hasty).await);
    put(&mut holder, "a", "{}").await.unwrap();
    put(&mut waiter, "b", "{}").await.unwrap();
    let met = put(&mut waiter, "a", "{}").await;
    assert!(matches!(met, Err(Error::Met)), "{met:?}");
    assert!(matches!(waiter.commit().await, Err(Error::Met)));
    holder.commit().await.unwrap();
    assert_eq!(count(&patient).await, 1, "what it had put before is gone as well");
}

#[tokio::test]
async fn definitions_run_as_they_are_and_take_their_time() {
    let limits = Config { write_time_max: Duration::from_millis(1500), ..config() };
    let database = database();
    let pool = open(&database, &limits).await;
    let mut link = begun(&pool).await;
    link.run("CREATE SEQUENCE s; CREATE TABLE m(n int) ENGINE=InnoDB").await.unwrap();
    link.run("DO sleep(3)").await.unwrap();
    let next = link.query(&sql("SELECT NEXTVAL(s),@@max_statement_time")).await.unwrap();
    assert_eq!(next, [vec![Value::Int(1), Value::Real(2.5)]]);
    let wrong = link.run("CREATE TABLE m(n int)").await;
    assert!(matches!(wrong, Err(Error::Engine(_))), "{wrong:?}");
    link.commit().await.unwrap();
}

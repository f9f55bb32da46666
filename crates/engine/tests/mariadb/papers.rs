//! Servers that show papers to each other, and somebody who has none, or others.

use std::io::Read;
use std::net::TcpStream;
use std::time::Duration;

use engine::Fit;
use mysql_async::prelude::Queryable;
use mysql_async::{Conn, OptsBuilder};
use trust::{Kin, Tls};

use crate::host::{Host, SECRETS, bind, soon, ssl, turn, two_of};

/// How a client comes in as `user` who believes in that kin, or in nobody and does not encrypt.
async fn come(host: &Host, user: &str, secret: &str, kin: Option<&Kin>) -> Result<(), mysql_async::Error> {
    let options = OptsBuilder::default()
        .ip_or_hostname("127.0.0.1")
        .tcp_port(host.hands.config().port)
        .user(Some(user))
        .pass(Some(secret))
        .ssl_opts(kin.map(|kin| ssl(&Tls::among(&kin.papers(None).unwrap()).unwrap())))
        .prefer_socket(false);
    let mut conn = Conn::new(options).await?;
    conn.query_drop("SELECT 1").await
}

#[tokio::test]
async fn hosts_of_one_secret_follow_each_other_encrypted_and_nobody_else_comes_in() {
    let _turn = turn().await;
    let (kin, others) = (Kin::of("warm floor", "papers").unwrap(), Kin::of("cold floor", "papers").unwrap());
    let [primary, replica] = two_of(&kin, ["seoul-1", "busan-1"]);
    primary.becomes_primary().await;
    replica.becomes_replica_of(&primary).await;
    bind(&primary, &replica).await;
    primary.sql("INSERT INTO bill VALUES (1)").await;
    for (user, secret) in [("ondol", SECRETS[1]), ("ondol_replicator", SECRETS[0])] {
        come(&primary, user, secret, Some(&kin)).await.unwrap();
        assert!(come(&primary, user, secret, None).await.is_err(), "unencrypted");
        let stranger = come(&primary, user, secret, Some(&others)).await.unwrap_err();
        assert!(base::error::chain(&stranger).contains("certificate"), "{}", base::error::chain(&stranger));
    }

    // nothing is copied to one who shows papers of another secret, nor to one who shows none
    let lent = primary.hands.config().port + 1;
    let stream = tokio::net::TcpStream::connect(("127.0.0.1", lent)).await.unwrap();
    let stranger = Tls::among(&others.papers(None).unwrap()).unwrap();
    assert!(stranger.encrypt("127.0.0.1", stream).await.is_err());
    let heard = tokio::task::spawn_blocking(move || {
        use std::io::Write;
        let mut stream = TcpStream::connect(("127.0.0.1", lent)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream.write_all(&[b'a'; 32]).unwrap();
        let mut heard = Vec::new();
        let _ = stream.read_to_end(&mut heard);
        heard
    });
    // at the most the alert of a line that was to be encrypted
    let heard = heard.await.unwrap();
    assert!(heard.len() < 16, "{heard:?}");

    // led back, encrypted too
    primary.hands.stop(soon()).await.unwrap();
    replica.hands.promote(|| true).await.unwrap();
    assert_eq!(primary.hands.rewind(&replica.upstream()).await.unwrap(), Fit::Follows);
    replica.fence().await;
}

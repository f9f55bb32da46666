//! Servers that show papers to each other, and somebody who has none, or others.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use engine::postgres::{Door, Fit, Progress};
use engine::{Confirm, Observation};
use tokio::sync::watch;
use tokio_postgres::NoTls;
use trust::{Encrypt, Kin, Papers, Tls};

use crate::host::{Host, SECRETS, turn};

/// A host of that kin.
fn host(kin: &Kin, name: &str) -> Host {
    Host::with(name, |config| config.papers = Some(kin.papers(Some("127.0.0.1")).unwrap()))
}

/// What PostgreSQL's own client says that comes to a host with these settings of libpq's.
fn psql(host: &Host, password: &str, settings: &str) -> Result<String, String> {
    let config = host.hands.config();
    let whole = format!("host=127.0.0.1 port={} connect_timeout=5 {settings}", config.port);
    let mut command = Command::new(config.programs.join("psql"));
    command.env("PGPASSWORD", password).args(["-XAtc", "SELECT 1", &whole]);
    let told = command.output().unwrap();
    match told.status.success() {
        true => Ok(String::from_utf8_lossy(&told.stdout).trim().to_owned()),
        false => Err(String::from_utf8_lossy(&told.stderr).into_owned()),
    }
}

/// Lays papers down where libpq takes them: who vouches, and what is shown.
fn lay(folder: &Path, papers: &Papers) -> [String; 2] {
    let file = |name: &str, text: &str| {
        let path = folder.join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        path.display().to_string()
    };
    let shown =
        format!("sslcert={} sslkey={}", file("host.pem", &papers.certificate), file("host.key", &papers.key));
    [format!("sslrootcert={}", file("authority.pem", &papers.authority)), shown]
}

#[tokio::test]
async fn hosts_of_one_secret_follow_each_other_and_nobody_else_comes_in() {
    let _turn = turn().await;
    let (kin, others) = (Kin::of("warm floor", "papers").unwrap(), Kin::of("cold floor", "papers").unwrap());
    let primary = host(&kin, "seoul-1");
    primary.hands.init().await.unwrap();
    primary.hands.start(None, &Confirm::Here, Door::Open).await.unwrap();
    primary.running(|_| true).await;
    primary.hands.promote(|| true).await.unwrap();
    let replica = host(&kin, "busan-1");
    primary.hands.keep_slots(&[("busan-1".to_owned(), None)].into()).await.unwrap();
    let system = primary.running(|_| true).await.system_id;
    let (progress, _) = watch::channel(Progress::default());
    replica.hands.clone_of(&primary.upstream(), &system, progress).await.unwrap();
    replica.hands.start(Some(&primary.upstream()), &Confirm::Here, Door::Open).await.unwrap();
    replica.running(|running| running.stream.as_ref().is_some_and(|stream| stream.is_streaming)).await;
    let encrypted = "SELECT count(*) FROM pg_stat_ssl JOIN pg_stat_replication USING (pid) WHERE ssl AND client_dn IS NOT NULL";
    let count: i64 = primary.admin().await.query_one(encrypted, &[]).await.unwrap().get(0);
    assert_eq!(count, 1, "the log is sent encrypted, to one who showed papers");

    // a client of ours, who checks the server and signs in by the password
    let config = primary.hands.config();
    let mut settings = tokio_postgres::Config::new();
    settings
        .host("127.0.0.1")
        .port(config.port)
        .user(&config.user)
        .dbname(&config.database)
        .password(SECRETS[1]);
    assert!(
        settings.clone().ssl_mode(tokio_postgres::config::SslMode::Disable).connect(NoTls).await.is_err()
    );
    let ours = Encrypt(Some(Tls::among(&kin.papers(None).unwrap()).unwrap()));
    settings.ssl_mode(ours.mode());
    let (client, driver) = settings.connect(ours).await.unwrap();
    drop((client, driver));
    // who believes in another secret does not even sign in
    let strangers = Encrypt(Some(Tls::among(&others.papers(None).unwrap()).unwrap()));
    let refused = settings.connect(strangers).await.map(drop).unwrap_err();
    assert!(base::error::chain(&refused).contains("certificate"), "{}", base::error::chain(&refused));

    // PostgreSQL's own client
    let folder = tempfile::tempdir().unwrap();
    let [authority, own] = lay(folder.path(), &kin.papers(None).unwrap());
    let client = "user=ondol dbname=ondol";
    let checked = format!("{client} sslmode=verify-full channel_binding=require {authority} {own}");
    assert_eq!(psql(&primary, SECRETS[1], &checked).as_deref(), Ok("1"), "it may check whom it speaks with");
    let plain = psql(&primary, SECRETS[1], &format!("{client} sslmode=disable")).unwrap_err();
    assert!(plain.contains("no encryption"), "{plain}");
    assert!(psql(&primary, "wrong", &format!("{client} sslmode=require")).is_err());
    let replicator = "user=ondol_replicator dbname=postgres sslmode=require";
    for of in [&primary, &replica] {
        let bare = psql(of, SECRETS[0], &format!("{replicator} sslcert=/none sslkey=/none")).unwrap_err();
        assert!(bare.contains("certificate"), "{bare}");
        let stranger = tempfile::tempdir().unwrap();
        let [_, laid] = lay(stranger.path(), &others.papers(None).unwrap());
        assert!(psql(of, SECRETS[0], &format!("{replicator} {laid}")).is_err(), "papers of another secret");
        assert_eq!(psql(of, SECRETS[0], &format!("{replicator} {own}")).as_deref(), Ok("1"));
    }

    // led back by pg_rewind, encrypted too
    replica.hands.promote(|| true).await.unwrap();
    replica.hands.checkpoint().await.unwrap();
    primary.hands.stop(crate::host::soon()).await.unwrap();
    primary.seen(|seen| matches!(seen, Observation::Stopped(_)).then_some(())).await;
    let fit = primary.hands.compare(&replica.upstream()).await.unwrap();
    assert!(!matches!(fit, Fit::Unrelated { .. }), "{fit:?}");
    replica.fence().await;
}

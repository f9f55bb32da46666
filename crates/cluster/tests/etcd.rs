//! Against a true etcd of three members, whole and broken.

#![expect(clippy::unwrap_used, reason = "a test ends at the first failure")]

use std::time::{Duration, Instant};

use cluster::layout::{Leader, Sync};
use cluster::memory::{Memory, Mood};
use cluster::{Cluster, Compare, Config, Error, Event, Layout, Snapshot, Txn, View};
use testbed::{Cut, Cutter, Direction, Etcd, Options};
use tokio::sync::{Mutex, MutexGuard, watch};
use tokio::time::timeout;

/// A state that does not come about in this time never does.
const WAIT_MAX: Duration = Duration::from_secs(40);

/// One etcd at a time is enough for a small machine.
static TURN: Mutex<()> = Mutex::const_new(());

async fn start() -> (MutexGuard<'static, ()>, Etcd) {
    (TURN.lock().await, Etcd::start(&Options::default()))
}

fn cluster(addresses: Vec<String>) -> Cluster {
    Cluster::etcd(Config::new(addresses))
}

/// Asks again until a majority answers.
async fn eventually<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let begin = Instant::now();
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(begin.elapsed() < WAIT_MAX, "it never came about that {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_transaction_is_done_if_its_compares_hold_and_else_says_what_is_there() {
    let (_turn, etcd) = start().await;
    a_transaction_compares(cluster(etcd.addresses())).await;
    assert_eq!(etcd.ctl(&["get", "/b", "--print-value-only"]).trim(), "seoul");
    a_transaction_compares(Cluster::memory(&Memory::default())).await;
}

async fn a_transaction_compares(cluster: Cluster) {
    let take = |who: &str| Txn::new().when(Compare::absent("/a")).put("/a", who).put("/b", who);
    let made = cluster.txn(&take("seoul")).await.unwrap();
    match cluster.txn(&take("busan")).await.unwrap_err() {
        Error::Refused { found, revision } => {
            assert_eq!((found.len(), found[0].value.as_str(), revision), (1, "seoul", made));
        }
        other => panic!("{other}"),
    }
    for compare in [Compare::modified("/a", made), Compare::value("/a", "seoul"), Compare::on_lease("/a", 0)]
    {
        cluster.txn(&Txn::new().when(compare)).await.unwrap();
    }
    for compare in
        [Compare::modified("/a", made + 1), Compare::value("/a", "busan"), Compare::on_lease("/a", 7)]
    {
        let refused = cluster.txn(&Txn::new().when(compare)).await.unwrap_err();
        assert!(matches!(refused, Error::Refused { .. }), "{refused}");
    }
    cluster.txn(&Txn::new().when(Compare::modified("/a", made)).delete("/a")).await.unwrap();
    assert_eq!(cluster.get("/a").await.unwrap().entry, None);
    let Snapshot { entries, .. } = cluster.range("/").await.unwrap();
    assert_eq!(entries.iter().map(|entry| entry.key.as_str()).collect::<Vec<_>>(), ["/b"]);
}

#[tokio::test]
async fn keys_end_with_their_lease_and_nothing_is_put_on_one_that_ended() {
    let (_turn, etcd) = start().await;
    let cluster = cluster(etcd.addresses());
    let lease = cluster.grant(Duration::from_secs(1)).await.unwrap();
    assert!(lease.ttl >= Duration::from_secs(1), "{lease:?}");
    cluster.txn(&Txn::new().put_on("/leader", "seoul", lease.id)).await.unwrap();
    let on_it = Txn::new().when(Compare::on_lease("/leader", lease.id)).put_on("/pulse", "1", lease.id);
    assert_eq!(cluster.renew(lease.id, &on_it).await.unwrap(), lease.ttl);
    assert_eq!(cluster.get("/pulse").await.unwrap().entry.unwrap().lease, lease.id);
    assert!(cluster.remaining(lease.id).await.unwrap() <= lease.ttl);
    eventually("the key ends", async || cluster.get("/leader").await.unwrap().entry.is_none().then_some(()))
        .await;
    let gone = Error::LeaseGone { lease: lease.id };
    assert_eq!(cluster.keep_alive(lease.id).await.unwrap_err(), gone);
    assert_eq!(cluster.renew(lease.id, &on_it).await.unwrap_err(), gone);
    assert_eq!(cluster.remaining(lease.id).await.unwrap_err(), gone);
    assert_eq!(cluster.txn(&Txn::new().put_on("/leader", "seoul", lease.id)).await.unwrap_err(), gone);
    cluster.revoke(lease.id).await.unwrap();
    let second = cluster.grant(Duration::from_secs(60)).await.unwrap();
    cluster.txn(&Txn::new().put_on("/leader", "busan", second.id)).await.unwrap();
    let seouls = Txn::new().when(Compare::value("/leader", "seoul"));
    let refused = cluster.renew(second.id, &seouls).await.unwrap_err();
    assert!(matches!(&refused, Error::Refused { found, .. } if found[0].value == "busan"), "{refused}");
    cluster.revoke(second.id).await.unwrap();
    assert_eq!(cluster.get("/leader").await.unwrap().entry, None);
}

#[tokio::test]
async fn a_member_that_hangs_or_is_gone_is_gone_around() {
    let (_turn, mut etcd) = start().await;
    let cluster = cluster(etcd.addresses());
    cluster.txn(&Txn::new().put("/a", "0")).await.unwrap();
    let follower = etcd.follower();
    etcd.freeze(follower);
    for turn in 1..=5 {
        cluster.txn(&Txn::new().put("/a", turn.to_string())).await.unwrap();
    }
    etcd.thaw(follower);
    let leader = etcd.leader();
    etcd.freeze(leader);
    // what fails in between says what it is
    let txn = Txn::new().put("/a", "6");
    eventually("a new leader is made", async || match cluster.txn(&txn).await {
        Ok(_) => Some(()),
        Err(Error::Unknown { .. } | Error::Unavailable { .. }) => None,
        Err(other) => panic!("{other}"),
    })
    .await;
    etcd.thaw(leader);
    etcd.kill(leader);
    assert_eq!(
        eventually("it is read", async || cluster.get("/a").await.ok()).await.entry.unwrap().value,
        "6"
    );
}

#[tokio::test]
async fn without_a_majority_a_write_may_be_done_and_without_any_member_it_is_surely_not() {
    let (_turn, mut etcd) = start().await;
    let cluster = cluster(etcd.addresses());
    let leader = etcd.leader();
    let others: Vec<usize> = (0..3).filter(|index| *index != leader).collect();
    for other in &others {
        etcd.kill(*other);
    }
    let unknown = cluster.txn(&Txn::new().put("/a", "1")).await.unwrap_err();
    assert!(matches!(unknown, Error::Unknown { .. }), "{unknown}");
    let unread = cluster.get("/a").await.unwrap_err();
    assert!(matches!(unread, Error::Unavailable { .. }), "{unread}");
    etcd.kill(leader);
    let away = cluster.txn(&Txn::new().put("/a", "2")).await.unwrap_err();
    let Error::Unavailable { tried } = away else { panic!("{away}") };
    assert_eq!(tried.matches("127.0.0.1:").count(), 3, "{tried}");
    (0..3).for_each(|index| etcd.start_again(index));
    let read = eventually("it answers", async || cluster.get("/a").await.ok()).await;
    assert!(read.entry.is_none_or(|entry| entry.value == "1"));
}

#[tokio::test]
async fn a_transaction_whose_answer_is_lost_is_known_to_be_done_when_it_is_found_in_place() {
    let (_turn, etcd) = start().await;
    let ports =
        etcd.addresses().iter().map(|at| at.rsplit(':').next().unwrap().parse().unwrap()).collect::<Vec<_>>();
    let cutter = Cutter::before(ports[0]);
    let through = format!("127.0.0.1:{}", cutter.port());
    let txn = |who: &str| Txn::new().when(Compare::absent("/a")).put("/a", who);
    // another member is asked too, and says that it is there
    let two = cluster(vec![through.clone(), etcd.addresses()[1].clone()]);
    cutter.cut_at_text(Direction::ToServer, "/v3/kv/txn", Cut::LoseAnswer);
    two.txn(&txn("seoul")).await.unwrap();
    assert_eq!((cutter.cuts(), two.get("/a").await.unwrap().entry.unwrap().value.as_str()), (1, "seoul"));
    // nobody else can be asked
    let one = cluster(vec![through.clone()]);
    cutter.cut_at_text(Direction::ToServer, "/v3/kv/txn", Cut::LoseAnswer);
    let unknown = one.txn(&Txn::new().put("/b", "seoul")).await.unwrap_err();
    assert!(matches!(unknown, Error::Unknown { .. }), "{unknown}");
    assert_eq!(one.get("/b").await.unwrap().entry.unwrap().value, "seoul");
    // somebody else was there: whether ours comes late is not known
    cutter.cut_at_text(Direction::ToServer, "/v3/kv/txn", Cut::DropAfter);
    let unknown = cluster(vec![through, etcd.addresses()[1].clone()]).txn(&txn("busan")).await.unwrap_err();
    assert!(matches!(unknown, Error::Unknown { .. }), "{unknown}");
}

#[tokio::test]
async fn a_lease_whose_answer_is_lost_is_granted_once() {
    let (_turn, etcd) = start().await;
    let port = etcd.addresses()[0].rsplit(':').next().unwrap().parse().unwrap();
    let cutter = Cutter::before(port);
    let two = cluster(vec![format!("127.0.0.1:{}", cutter.port()), etcd.addresses()[1].clone()]);
    cutter.cut_at_text(Direction::ToServer, "/v3/lease/grant", Cut::LoseAnswer);
    let lease = two.grant(Duration::from_secs(60)).await.unwrap();
    assert_eq!((cutter.cuts(), lease.ttl), (1, Duration::from_secs(60)));
    let leases = etcd.ctl(&["lease", "list"]);
    assert!(leases.starts_with("found 1 leases") && leases.contains(&format!("{:x}", lease.id)), "{leases}");
}

#[tokio::test]
async fn a_watch_misses_nothing_while_members_die() {
    let (_turn, mut etcd) = start().await;
    let cluster = cluster(etcd.addresses());
    let mut watch = cluster.watch("/n/", cluster.range("/n/").await.unwrap().revision + 1);
    let (mut seen, mut gone): (Vec<String>, Option<usize>) = (Vec::new(), None);
    for turn in 0..6_usize {
        if let Some(gone) = gone.filter(|_| turn == 4) {
            etcd.start_again(gone);
        }
        if turn == 2 || turn == 4 {
            let leader = etcd.leader();
            etcd.kill(leader);
            gone = Some(leader);
        }
        let txn = Txn::new().put("/n/key", turn.to_string()).put("/other", "-");
        let written = async || cluster.txn(&txn).await.is_ok().then_some(());
        eventually("it is written", written).await;
        let last = turn.to_string();
        while seen.last() != Some(&last) {
            let events = timeout(WAIT_MAX, watch.next()).await.expect("events come").unwrap();
            for event in events {
                let Event::Put(entry) = event else { panic!("{event:?}") };
                assert_eq!(entry.key, "/n/key");
                seen.push(entry.value);
            }
        }
    }
    // a write that was asked for twice is seen twice; none is left out, and their order is kept
    seen.dedup();
    assert_eq!(seen, ["0", "1", "2", "3", "4", "5"]);
}

#[tokio::test]
async fn a_watch_from_before_a_compaction_says_so() {
    let (_turn, etcd) = start().await;
    let cluster = cluster(etcd.addresses());
    let mut newest = 0;
    for turn in 0..5 {
        newest = cluster.txn(&Txn::new().put("/a", turn.to_string())).await.unwrap();
    }
    etcd.ctl(&["compact", &newest.to_string()]);
    let told = timeout(WAIT_MAX, cluster.watch("/a", 2).next()).await.unwrap().unwrap_err();
    assert_eq!(told, Error::Compacted { revision: newest });
    // a watch that lost its member meanwhile is told the same, and one from there goes on
    let mut watch = cluster.watch("/a", newest);
    let events = timeout(WAIT_MAX, watch.next()).await.unwrap().unwrap();
    assert_eq!(events.iter().map(Event::revision).collect::<Vec<_>>(), [newest]);
}

#[tokio::test]
async fn the_leader_of_etcd_is_moved_to_the_member_that_is_named() {
    let (_turn, etcd) = start().await;
    let cluster = cluster(etcd.addresses());
    let to = etcd.follower();
    let statuses: Vec<_> = cluster.statuses().await.into_iter().map(Result::unwrap).collect();
    assert!(statuses.iter().all(|status| status.leader == statuses[0].leader && !status.version.is_empty()));
    let peers = cluster.peers().await.unwrap();
    assert_eq!(peers.iter().filter(|peer| statuses.iter().any(|status| status.id == peer.id)).count(), 3);
    for _ in 0..2 {
        cluster.move_leader(statuses[to].id).await.unwrap();
        eventually("it leads", async || (etcd.leader() == to).then_some(())).await;
    }
}

#[tokio::test]
async fn a_member_that_lost_its_disk_leaves_and_another_joins_once() {
    let (_turn, mut etcd) = start().await;
    let cluster = cluster(etcd.addresses());
    let gone = etcd.follower();
    let id = cluster.statuses().await[gone].as_ref().unwrap().id;
    etcd.kill(gone);
    for _ in 0..2 {
        eventually("it leaves", async || cluster.remove_peer(id).await.ok()).await;
    }
    let new = format!("http://127.0.0.1:{}", testbed::free_port());
    let joined = eventually("it joins", async || cluster.add_peer(&new).await.ok()).await;
    assert_eq!(cluster.add_peer(&new).await.unwrap(), joined);
    let peers = cluster.peers().await.unwrap();
    assert_eq!((peers.len(), peers.iter().filter(|peer| peer.id == joined).count()), (3, 1));
    assert!(etcd.ctl(&["member", "list"]).contains(&format!("{joined:x}, unstarted")));
}

#[tokio::test]
async fn the_view_tells_who_is_primary_at_once_and_knows_its_own_age() {
    let (_turn, mut etcd) = start().await;
    let cluster = cluster(etcd.addresses());
    let layout = Layout::new("popong.com");
    let (sender, mut view) = watch::channel(View::default());
    let every = Duration::from_millis(300);
    let following =
        tokio::task::JoinSet::from_iter([cluster::follow(cluster.clone(), layout.clone(), every, sender)]);
    let leader = Leader { host: "seoul-1".into(), address: "10.0.0.21:5432".into(), epoch: 1 };
    let sync = Sync {
        epoch: 1,
        primary: "seoul-1".into(),
        eligible: ["seoul-1".to_owned()].into(),
        position: cluster::layout::Position::default(),
    };
    let lease = cluster.grant(Duration::from_secs(60)).await.unwrap();
    let take = Txn::new()
        .when(Compare::absent(layout.leader()))
        .put_on(layout.leader(), serde_json::to_string(&leader).unwrap(), lease.id)
        .put(layout.sync(), serde_json::to_string(&sync).unwrap())
        .put(layout.member("seoul-1"), "{}");
    let made = cluster.txn(&take).await.unwrap();
    let seen = timeout(WAIT_MAX, view.wait_for(|view| view.leader.is_some())).await.unwrap().unwrap().clone();
    let written = seen.leader.unwrap();
    assert_eq!((written.what, written.modified, written.lease), (leader, made, lease.id));
    assert_eq!(seen.sync.unwrap().what, sync);
    assert_eq!(seen.unread, [layout.member("seoul-1")], "a document that is none is told of");
    cluster.revoke(lease.id).await.unwrap();
    timeout(WAIT_MAX, view.wait_for(|view| view.leader.is_none())).await.unwrap().unwrap();
    (0..2).for_each(|index| etcd.kill(index));
    let max = Duration::from_secs(2);
    let now = base::moment::Moment::now;
    eventually("the view gets old", async || (!view.borrow().is_fresh(now(), max)).then_some(())).await;
    (0..2).for_each(|index| etcd.start_again(index));
    eventually("the view is proved anew", async || view.borrow().is_fresh(now(), max).then_some(())).await;
    drop(following);
}

#[tokio::test]
async fn in_memory_leases_end_by_hand_and_answers_get_lost_to_order() {
    let memory = Memory::default();
    let cluster = Cluster::memory(&memory);
    let lease = cluster.grant(Duration::from_secs(3)).await.unwrap();
    cluster.txn(&Txn::new().put_on("/leader", "seoul", lease.id)).await.unwrap();
    let mut watch = cluster.watch("/", cluster.range("/").await.unwrap().revision + 1);
    memory.advance(Duration::from_secs(2));
    cluster.keep_alive(lease.id).await.unwrap();
    memory.advance(Duration::from_secs(2));
    assert_eq!(cluster.remaining(lease.id).await.unwrap(), Duration::from_secs(1));
    memory.advance(Duration::from_secs(1));
    let events = timeout(WAIT_MAX, watch.next()).await.unwrap().unwrap();
    assert!(matches!(&events[..], [Event::Deleted { key, .. }] if key == "/leader"), "{events:?}");
    assert_eq!(cluster.keep_alive(lease.id).await.unwrap_err(), Error::LeaseGone { lease: lease.id });
    memory.set_mood(Mood::LosesNextAnswer);
    let txn = Txn::new().when(Compare::absent("/a")).put("/a", "seoul");
    assert!(matches!(cluster.txn(&txn).await.unwrap_err(), Error::Unknown { .. }));
    assert_eq!(cluster.get("/a").await.unwrap().entry.unwrap().value, "seoul");
    memory.set_mood(Mood::Away);
    assert!(matches!(cluster.txn(&txn).await.unwrap_err(), Error::Unavailable { .. }));
}

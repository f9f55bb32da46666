//! Parts by words.

use std::path::Path;
use std::time::Duration;

use base::moment::Moment;
use cluster::layout::{Leader, Member, Role, Sync};
use cluster::{View, Written};
use expect_test::expect;

use super::*;
use crate::config::Config;

const FILE: &str = "service = \"popong.com\"\n[seoul]\nall = \"10.77.0.1\"\n[oregon]\nall = \"10.77.0.2\"\n\
                    [tokyo]\nwitness = \"fd00::3\"\n[database]\nsecret = \"warm floor\"\n";

fn part(host: &str) -> Part {
    let config = Config::parse("ondol.toml", FILE).expect("reads");
    let topology = config.topology.expect("sites");
    let (site, host) = topology.find(host).expect("a host");
    Part::new(&config.service, &topology, site, host)
}

#[test]
fn a_host_knows_its_part_and_asks_itself_first() {
    let oregon = part("oregon");
    expect!["a database with its keeper, a voice in who is primary, the web service"]
        .assert_eq(&oregon.words());
    assert_eq!(oregon.endpoints(), ["10.77.0.2:2379", "10.77.0.1:2379", "[fd00::3]:2379"]);
    expect!["a voice in who is primary"].assert_eq(&part("tokyo").words());
}

#[test]
fn a_member_of_etcd_is_told_all_it_needs() {
    let file = |name: &str| std::path::PathBuf::from(format!("/srv/keys/{name}"));
    let files =
        Files { authority: file("authority.pem"), certificate: file("host.pem"), key: file("host.key") };
    let told = arguments(&part("seoul"), Path::new("/srv/etcd"), "10.77.0.1", Initial::New, &files);
    expect![[r#"
        --name=10.77.0.1
        --data-dir=/srv/etcd
        --listen-peer-urls=https://10.77.0.1:2380
        --initial-advertise-peer-urls=https://10.77.0.1:2380
        --listen-client-urls=https://10.77.0.1:2379
        --advertise-client-urls=https://10.77.0.1:2379
        --initial-cluster=10.77.0.1=https://10.77.0.1:2380,10.77.0.2=https://10.77.0.2:2380,fd00::3=https://[fd00::3]:2380
        --initial-cluster-token=popong.com
        --initial-cluster-state=new
        --heartbeat-interval=100
        --election-timeout=1000
        --pre-vote=true
        --auto-compaction-mode=periodic
        --auto-compaction-retention=1
        --quota-backend-bytes=268435456
        --trusted-ca-file=/srv/keys/authority.pem
        --cert-file=/srv/keys/host.pem
        --key-file=/srv/keys/host.key
        --client-cert-auth=true
        --peer-trusted-ca-file=/srv/keys/authority.pem
        --peer-cert-file=/srv/keys/host.pem
        --peer-key-file=/srv/keys/host.key
        --peer-client-cert-auth=true
        --experimental-peer-skip-client-san-verification=true
        --logger=zap
        --log-level=error"#]]
    .assert_eq(&told.join("\n"));
}

#[test]
fn a_member_without_data_comes_in_as_the_others_know_it() {
    let known = |begun: [bool; 2]| {
        let member = |(n, has_begun): (u64, bool)| Known {
            id: n,
            has_begun,
            urls: vec![format!("https://10.77.0.{n}:2380")],
        };
        (1..).zip(begun).map(member).collect::<Vec<_>>()
    };
    let own = "https://10.77.0.1:2380";
    assert_eq!(initial(own, None), Entry::Start(Initial::New), "it is the first");
    assert_eq!(initial(own, Some(&known([false, false]))), Entry::Start(Initial::New), "all begin");
    assert_eq!(
        initial(own, Some(&known([false, true]))),
        Entry::Start(Initial::Joins),
        "the others have begun"
    );
    assert_eq!(initial(own, Some(&known([true, true]))), Entry::Replace { id: 1 }, "its data are gone");
    assert_eq!(
        initial("https://10.77.0.9:2380", Some(&known([true, true]))),
        Entry::Add,
        "it is new to them"
    );
}

#[test]
fn a_member_is_taken_for_removed_when_most_of_the_hosts_say_so() {
    let known = |hosts: &[u64]| {
        let member =
            |n: &u64| Known { id: *n, has_begun: true, urls: vec![format!("https://10.77.0.{n}:2380")] };
        hosts.iter().map(member).collect::<Vec<_>>()
    };
    let is_forgotten = |told: &[Vec<Known>]| is_forgotten("https://10.77.0.1:2380", told, 3);
    assert!(is_forgotten(&[known(&[2, 3]), known(&[2, 3])]));
    assert!(!is_forgotten(&[known(&[2, 3])]), "the other one may know better");
    assert!(!is_forgotten(&[known(&[2, 3]), known(&[1, 2, 3])]));
    assert!(!is_forgotten(&[known(&[2, 3]), Vec::new()]), "one that knows nobody says nothing");
    assert!(!is_forgotten(&[]));
}

#[test]
fn a_primary_is_believed_in_while_the_view_is_fresh() {
    let what = Leader { host: "10.77.0.1".into(), address: "10.77.0.1:5432".into(), epoch: 4 };
    let proved = Moment::at(Duration::from_secs(100));
    let view = View {
        leader: Some(Written { what, modified: 1, lease: 1 }),
        proved_at: Some(proved),
        ..View::default()
    };
    let seen =
        |later: u64| primary(&view, proved.after(Duration::from_millis(later)), Duration::from_secs(3));
    assert_eq!(seen(2_900).address, Some(("10.77.0.1".into(), 5432)));
    assert_eq!((seen(3_000).address, seen(3_000).epoch), (None, 4));
    assert_eq!(primary(&View::default(), proved, Duration::from_secs(3)).address, None);
}

/// Three hosts of which the first was primary last; the second has everything.
fn one_of_two_replicas_has_everything(leads: bool) -> View {
    fn written<T>(what: T) -> Written<T> {
        Written { what, modified: 1, lease: 0 }
    }
    let member = |host: &str, role: Role| Member {
        address: format!("{host}:5432"),
        site: "seoul".into(),
        role,
        received: Default::default(),
        replayed: Default::default(),
        is_healthy: true,
        unfit: None,
        troubles: Vec::new(),
        version: String::new(),
        system_id: String::new(),
        work: None,
        incarnation: String::new(),
    };
    let leader = Leader { host: "a".into(), address: "a:5432".into(), epoch: 4 };
    let eligible = ["a".to_owned(), "b".to_owned()].into();
    let sync = Sync { epoch: 4, primary: "a".into(), eligible, position: Default::default() };
    let members = [("a", Role::Primary), ("b", Role::Replica), ("c", Role::Replica)];
    View {
        leader: leads.then(|| written(leader)),
        sync: Some(written(sync)),
        members: members
            .into_iter()
            .map(|(host, role)| (host.to_owned(), written(member(host, role))))
            .collect(),
        ..View::default()
    }
}

#[test]
fn a_replica_that_has_everything_may_answer_reads_and_an_heir_all_of_them() {
    let nearest = ["c", "b", "a"].map(str::to_owned);
    let engine = Config::parse("ondol.toml", FILE).expect("reads").store.engine;
    let lease = Duration::from_secs(3);
    let named = |view: &View, vacant_for: u64| {
        let named = deputies(view, &nearest, &engine, Some(Duration::from_secs(vacant_for)), lease);
        named.into_iter().map(|deputy| (deputy.address.0, deputy.is_heir)).collect::<Vec<_>>()
    };
    let mut view = one_of_two_replicas_has_everything(true);
    assert_eq!(named(&view, 0), [("b".to_owned(), false)]);
    view.leader = None;
    assert_eq!(named(&view, 3), [("b".to_owned(), false)], "the old one may not be gone yet");
    assert_eq!(named(&view, 4), [("b".to_owned(), true)]);
    view.sync.as_mut().expect("it is there").what.eligible.insert("c".into());
    assert_eq!(named(&view, 4), [("c".to_owned(), false), ("b".to_owned(), false)], "either may lead");
    view.sync.as_mut().expect("it is there").what.eligible = ["a".to_owned()].into();
    assert!(named(&view, 4).is_empty(), "nobody else has everything");
}

#[test]
fn nobody_has_led_since_when_that_was_seen_first_in_that_reign() {
    let at = |s: u64| Moment::at(Duration::from_secs(s));
    let mut view = one_of_two_replicas_has_everything(false);
    let first = vacant(&view, None, at(10));
    assert_eq!(vacant(&view, first, at(12)).map(|vacant| vacant.lasts(at(12))), Some(Duration::from_secs(2)));
    assert_eq!(vacant(&one_of_two_replicas_has_everything(true), first, at(13)), None);
    view.sync.as_mut().expect("it is there").what.epoch = 5;
    assert_eq!(vacant(&view, first, at(14)).map(|vacant| vacant.lasts(at(14))), Some(Duration::ZERO));
}

#[test]
fn a_balancer_has_its_own_sites_web_hosts_first_and_a_web_host_its_own_sites_cache() {
    let file = "service = \"popong.com\"\nlisten = \"0.0.0.0:443\"\n[seoul]\nbalancer = \"b1\"\nweb = [\"w1\", \"w2\"]\ncache = \"w1\"\n\
                database = \"d1\"\n[oregon]\nall = \"d2\"\n[tokyo]\nwitness = \"x\"\nbalancer = \"b3\"\n[database]\nsecret = \"warm floor\"\n";
    let config = Config::parse("ondol.toml", file).expect("reads");
    let topology = config.topology.expect("sites");
    let part = |word: &str| {
        let (site, host) = topology.find(word).expect("a host");
        Part::new(&config.service, &topology, site, host)
    };
    let behind = |word: &str| -> Vec<(String, bool)> {
        part(word).backends().into_iter().map(|place| (place.address, place.is_spare)).collect()
    };
    let named = |names: [(&str, bool); 3]| names.map(|(name, is_spare)| (name.to_owned(), is_spare)).to_vec();
    assert_eq!(behind("b1"), named([("w1:8090", false), ("w2:8090", false), ("d2:8090", true)]));
    assert_eq!(behind("b3"), named([("w1:8090", false), ("w2:8090", false), ("d2:8090", false)]));
    assert_eq!(
        (part("b1").fronts(&config.listen), part("b1").front(&config.listen)),
        ("0.0.0.0:443".into(), "b1:443".into())
    );
    assert_eq!(
        (part("w2").listens(&config.listen), part("w2").cached_at()),
        ("w2:8090".into(), vec!["w1:11211".into()])
    );
    assert!(part("d2").cached_at().is_empty());
    assert_eq!(part("d2").balancers, ["b1", "b3"]);
    expect!["the web service, a cache"].assert_eq(&part("w1").words());
    expect!["a balancer"].assert_eq(&part("b1").words());
}

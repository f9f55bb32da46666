//! Parts by words.

use std::path::Path;
use std::time::Duration;

use base::moment::Moment;
use cluster::layout::Leader;
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
    let told = arguments(&part("seoul"), Path::new("/srv/etcd"), "10.77.0.1", Initial::New);
    expect![[r#"
        --name=10.77.0.1
        --data-dir=/srv/etcd
        --listen-peer-urls=http://10.77.0.1:2380
        --initial-advertise-peer-urls=http://10.77.0.1:2380
        --listen-client-urls=http://10.77.0.1:2379
        --advertise-client-urls=http://10.77.0.1:2379
        --initial-cluster=10.77.0.1=http://10.77.0.1:2380,10.77.0.2=http://10.77.0.2:2380,fd00::3=http://[fd00::3]:2380
        --initial-cluster-token=popong.com
        --initial-cluster-state=new
        --heartbeat-interval=100
        --election-timeout=1000
        --pre-vote=true
        --auto-compaction-mode=periodic
        --auto-compaction-retention=1
        --quota-backend-bytes=268435456
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
            urls: vec![format!("http://10.77.0.{n}:2380")],
        };
        (1..).zip(begun).map(member).collect::<Vec<_>>()
    };
    let own = "http://10.77.0.1:2380";
    assert_eq!(initial(own, None), Entry::Start(Initial::New), "it is the first");
    assert_eq!(initial(own, Some(&known([false, false]))), Entry::Start(Initial::New), "all begin");
    assert_eq!(
        initial(own, Some(&known([false, true]))),
        Entry::Start(Initial::Joins),
        "the others have begun"
    );
    assert_eq!(initial(own, Some(&known([true, true]))), Entry::Replace { id: 1 }, "its data are gone");
    assert_eq!(initial("http://10.77.0.9:2380", Some(&known([true, true]))), Entry::Add, "it is new to them");
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

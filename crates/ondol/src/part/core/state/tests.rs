//! States by words.

use cluster::Written;
use cluster::layout::{self, History, Leader, MirrorStage, Position, Sync};
use expect_test::{Expect, expect};

use super::*;
use crate::config::Config;
use crate::part::core::mirrors;

const FILE: &str = "service = \"popong.com\"\n[seoul]\nall = \"10.0.0.1\"\n[oregon]\nall = \"10.9.0.1\"\n\
                    [tokyo]\nwitness = \"192.0.2.5\"\n[database]\nsecret = \"warm floor\"\n";

fn written<T>(what: T) -> Written<T> {
    Written { what, modified: 1, lease: 0 }
}

fn member(site: &str, role: Role, offset: u64) -> Written<Member> {
    let received = Position { timeline: 1, offset };
    written(Member {
        address: String::new(),
        site: site.into(),
        role,
        received,
        replayed: received,
        is_healthy: true,
        troubles: Vec::new(),
        version: "15.18".into(),
        system_id: "7".into(),
        unfit: None,
        work: None,
        incarnation: String::new(),
    })
}

/// Everything as it should be: seoul leads, oregon has every write.
fn well() -> View {
    let mut view = View {
        leader: Some(written(Leader { host: "10.0.0.1".into(), address: "10.0.0.1:5432".into(), epoch: 4 })),
        sync: Some(written(Sync {
            epoch: 4,
            primary: "10.0.0.1".into(),
            eligible: ["10.0.0.1".to_owned(), "10.9.0.1".to_owned()].into(),
            position: Position::default(),
        })),
        ..View::default()
    };
    view.members.insert("10.0.0.1".into(), member("seoul", Role::Primary, 5_000));
    view.members.insert("10.9.0.1".into(), member("oregon", Role::Replica, 4_900));
    view.history.insert(
        4,
        serde_json::from_value::<History>(serde_json::json!({
            "host": "10.0.0.1", "position": Position::default(),
            "why": "takes over as epoch 4: nobody leads and it has every write", "at": 1_764_072_000_000_i64,
        }))
        .expect("a reign"),
    );
    view
}

fn check(view: &View, silent: &[&str], told: Expect) {
    check_of(FILE, view, silent, told);
}

fn check_of(file: &str, view: &View, silent: &[&str], told: Expect) {
    let config = Config::parse("ondol.toml", file).expect("reads");
    let topology = config.topology.clone().expect("sites");
    let voice = |host: &str| match host {
        host if silent.contains(&host) => Voice::Silent("no answer".into()),
        "192.0.2.5" => Voice::Leads,
        _ => Voice::Follows,
    };
    let web = |host: &str| match silent.contains(&host) {
        true => Err("nothing listens there".to_owned()),
        false => Ok(()),
    };
    let seen = Seen {
        service: "popong.com",
        topology: &topology,
        view,
        voices: topology.voters().map(|(_, host)| (host.address.clone(), voice(&host.address))).collect(),
        web: ["10.0.0.1", "10.9.0.1"].map(|host| (host.to_owned(), web(host))).into(),
        fronts: BTreeMap::new(),
        caches: BTreeMap::new(),
        mirrors: mirrors(&config.mirrors, view, Timestamp(1_764_072_100_000)),
        trail: None,
    };
    let state = state(&seen);
    assert_eq!(state.json["sentence"], state.sentence.as_str());
    told.assert_eq(&format!("{}\n{}", state.sentence, state.lines.join("\n")));
}

#[test]
fn all_is_well() {
    check(
        &well(),
        &[],
        expect![[r#"
        popong.com is well: 10.0.0.1 of seoul is primary in epoch 4, and every write is on two sites.
        seoul      10.0.0.1        primary, PostgreSQL 15.18 · etcd · web answers
        oregon     10.9.0.1        replica, 100 bytes behind, has every write, PostgreSQL 15.18 · etcd · web answers
        tokyo      192.0.2.5       etcd leads
        if seoul vanished now: 10.9.0.1 of oregon takes over, nothing acknowledged is lost
        epoch 4 began 2025-11-25 12:00:00.000Z: takes over as epoch 4: nobody leads and it has every write"#]],
    );
}

#[test]
fn the_replica_is_gone() {
    let mut view = well();
    view.members.remove("10.9.0.1");
    check(
        &view,
        &["10.9.0.1"],
        expect![[r#"
        popong.com goes on with 10.0.0.1 of seoul as primary in epoch 4, but the database of 10.9.0.1 (oregon) is not heard of and 3 more.
        seoul      10.0.0.1        primary, PostgreSQL 15.18 · etcd · web answers
        oregon     10.9.0.1        database: not heard of · etcd does not answer · web: nothing listens there
        tokyo      192.0.2.5       etcd leads
        if seoul vanished now: no copy is left, and everything since the last backup is lost
        epoch 4 began 2025-11-25 12:00:00.000Z: takes over as epoch 4: nobody leads and it has every write
        ! the database of 10.9.0.1 (oregon) is not heard of
        ! no other host has every write, so that none could take over without a loss
        ! etcd on 10.9.0.1 does not answer (no answer)
        ! the web service on 10.9.0.1 does not answer: nothing listens there"#]],
    );
}

#[test]
fn a_host_comes_back_by_a_copy() {
    let mut view = well();
    let back = &mut view.members.get_mut("10.9.0.1").expect("it is there").what;
    (back.work, back.is_healthy) = (Some("copies the primary's data: 3.1 of 8.0 GB".into()), false);
    view.sync.as_mut().expect("it is there").what.eligible.remove("10.9.0.1");
    check(
        &view,
        &[],
        expect![[r#"
        popong.com goes on with 10.0.0.1 of seoul as primary in epoch 4, but 10.9.0.1 is at work: copies the primary's data: 3.1 of 8.0 GB and 1 more.
        seoul      10.0.0.1        primary, PostgreSQL 15.18 · etcd · web answers
        oregon     10.9.0.1        copies the primary's data: 3.1 of 8.0 GB · etcd · web answers
        tokyo      192.0.2.5       etcd leads
        if seoul vanished now: no takeover by itself; 10.9.0.1 lacks 100 bytes of the log, which `ondol takeover --accept-loss` gives up
        epoch 4 began 2025-11-25 12:00:00.000Z: takes over as epoch 4: nobody leads and it has every write
        ! 10.9.0.1 is at work: copies the primary's data: 3.1 of 8.0 GB
        ! no other host has every write, so that none could take over without a loss"#]],
    );
}

#[test]
fn nobody_is_primary_and_the_only_one_with_every_write_is_gone() {
    let mut view = well();
    view.leader = None;
    view.members.remove("10.0.0.1");
    view.sync.as_mut().expect("it is there").what.eligible.remove("10.9.0.1");
    check(
        &view,
        &["10.0.0.1"],
        expect![[r#"
        popong.com has no primary at the moment: only 10.0.0.1 has every write, and is not heard of; if it never returns: `ondol takeover --accept-loss`.
        seoul      10.0.0.1        database: not heard of · etcd does not answer · web: nothing listens there
        oregon     10.9.0.1        replica, may lack writes, PostgreSQL 15.18 · etcd · web answers
        tokyo      192.0.2.5       etcd leads
        epoch 4 began 2025-11-25 12:00:00.000Z: takes over as epoch 4: nobody leads and it has every write
        ! nobody is primary
        ! the database of 10.0.0.1 (seoul) is not heard of
        ! etcd on 10.0.0.1 does not answer (no answer)
        ! the web service on 10.0.0.1 does not answer: nothing listens there"#]],
    );
}

#[test]
fn a_service_that_was_never_begun() {
    check(
        &View::default(),
        &[],
        expect![[r#"
        popong.com has no primary at the moment: it has never had one; `ondol up` on the hosts with a database makes it.
        seoul      10.0.0.1        database: not heard of · etcd · web answers
        oregon     10.9.0.1        database: not heard of · etcd · web answers
        tokyo      192.0.2.5       etcd leads
        ! nobody is primary
        ! the database of 10.0.0.1 (seoul) is not heard of
        ! the database of 10.9.0.1 (oregon) is not heard of"#]],
    );
}

#[test]
#[expect(clippy::too_many_lines, reason = "they are the words that people read")]
fn a_mirror_follows_or_is_copied_or_is_away() {
    let file = format!("{FILE}[mirror.cloud]\naddress = \"db.example.com\"\nsecret = \"floor\"\n");
    let of = |change: &dyn Fn(&mut layout::Mirror), told: Expect| {
        let mut view = well();
        let mut mirror = layout::Mirror {
            stage: MirrorStage::Following,
            position: 997,
            newest: 1_000,
            as_of: 1_764_072_090_000,
            told: 1_764_072_090_400,
            host: "10.0.0.1".into(),
            version: "16.3".into(),
            ..layout::Mirror::default()
        };
        change(&mut mirror);
        view.mirrors.insert("cloud".into(), written(mirror));
        check_of(&file, &view, &[], told);
    };
    of(
        &|_| {},
        expect![[r#"
        popong.com is well: 10.0.0.1 of seoul is primary in epoch 4, and every write is on two sites.
        seoul      10.0.0.1        primary, PostgreSQL 15.18 · etcd · web answers
        oregon     10.9.0.1        replica, 100 bytes behind, has every write, PostgreSQL 15.18 · etcd · web answers
        tokyo      192.0.2.5       etcd leads
        cloud      mirror          follows, 0.4 s (3 writes) behind · PostgreSQL at db.example.com:5432, database ondol 16.3
        if seoul vanished now: 10.9.0.1 of oregon takes over, nothing acknowledged is lost
        epoch 4 began 2025-11-25 12:00:00.000Z: takes over as epoch 4: nobody leads and it has every write"#]],
    );
    of(
        &|mirror| (mirror.stage, mirror.rows, mirror.rows_about) = (MirrorStage::Copying, 420, 1_000),
        expect![[r#"
        popong.com goes on with 10.0.0.1 of seoul as primary in epoch 4, but the mirror cloud does not have everything yet.
        seoul      10.0.0.1        primary, PostgreSQL 15.18 · etcd · web answers
        oregon     10.9.0.1        replica, 100 bytes behind, has every write, PostgreSQL 15.18 · etcd · web answers
        tokyo      192.0.2.5       etcd leads
        cloud      mirror          is being copied, 42 % · PostgreSQL at db.example.com:5432, database ondol 16.3
        if seoul vanished now: 10.9.0.1 of oregon takes over, nothing acknowledged is lost
        epoch 4 began 2025-11-25 12:00:00.000Z: takes over as epoch 4: nobody leads and it has every write
        ! the mirror cloud does not have everything yet"#]],
    );
    of(
        &|mirror| mirror.trouble = Some("the database at db.example.com:5432 does not answer".into()),
        expect![[r#"
        popong.com goes on with 10.0.0.1 of seoul as primary in epoch 4, but the mirror cloud does not go on: the database at db.example.com:5432 does not answer.
        seoul      10.0.0.1        primary, PostgreSQL 15.18 · etcd · web answers
        oregon     10.9.0.1        replica, 100 bytes behind, has every write, PostgreSQL 15.18 · etcd · web answers
        tokyo      192.0.2.5       etcd leads
        cloud      mirror          does not go on, 10.0 s (3 writes) behind · PostgreSQL at db.example.com:5432, database ondol 16.3
        if seoul vanished now: 10.9.0.1 of oregon takes over, nothing acknowledged is lost
        epoch 4 began 2025-11-25 12:00:00.000Z: takes over as epoch 4: nobody leads and it has every write
        ! the mirror cloud does not go on: the database at db.example.com:5432 does not answer"#]],
    );
    of(
        &|mirror| mirror.told = 1_764_072_000_000,
        expect![[r#"
        popong.com goes on with 10.0.0.1 of seoul as primary in epoch 4, but the mirror cloud is not heard of.
        seoul      10.0.0.1        primary, PostgreSQL 15.18 · etcd · web answers
        oregon     10.9.0.1        replica, 100 bytes behind, has every write, PostgreSQL 15.18 · etcd · web answers
        tokyo      192.0.2.5       etcd leads
        cloud      mirror          not heard of, 10.0 s (3 writes) behind · PostgreSQL at db.example.com:5432, database ondol 16.3
        if seoul vanished now: 10.9.0.1 of oregon takes over, nothing acknowledged is lost
        epoch 4 began 2025-11-25 12:00:00.000Z: takes over as epoch 4: nobody leads and it has every write
        ! the mirror cloud is not heard of"#]],
    );
    of(
        &|mirror| mirror.stage = MirrorStage::Released,
        expect![[r#"
        popong.com goes on with 10.0.0.1 of seoul as primary in epoch 4, but the mirror cloud was released and follows nobody: it is the service's database now, or is to be emptied.
        seoul      10.0.0.1        primary, PostgreSQL 15.18 · etcd · web answers
        oregon     10.9.0.1        replica, 100 bytes behind, has every write, PostgreSQL 15.18 · etcd · web answers
        tokyo      192.0.2.5       etcd leads
        cloud      mirror          a database of its own now · PostgreSQL at db.example.com:5432, database ondol 16.3
        if seoul vanished now: 10.9.0.1 of oregon takes over, nothing acknowledged is lost
        epoch 4 began 2025-11-25 12:00:00.000Z: takes over as epoch 4: nobody leads and it has every write
        ! the mirror cloud was released and follows nobody: it is the service's database now, or is to be emptied"#]],
    );
}

//! Rules, asked in words: a situation goes in, the decision comes out. What the model explores (two hosts, all that goes
//! wrong between them) is not repeated here.

mod silent;
mod stopped;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use expect_test::{Expect, expect};

use super::decide::decide;
use super::name::{Host, Site, System};
use super::policy::{Confirm, Patience, Policy, Without};
use super::view::*;

const LONG: Duration = Duration::from_secs(3600);

/// Two hosts in Seoul, one in Oregon.
fn policy(confirm: Confirm, without: Without) -> Policy {
    let sites = [("seoul-1", "seoul"), ("seoul-2", "seoul"), ("oregon-1", "oregon")];
    Policy {
        confirm,
        without,
        sites: sites.map(|(host, site)| (Host::new(host), Site::new(site))).into(),
        barred: BTreeSet::new(),
        founder: Host::new("seoul-1"),
        patience: Patience::default(),
        handover_lag_max: 1000,
    }
}

fn abroad() -> Policy {
    policy(Confirm::Abroad, Without::GoOn { after: Duration::from_secs(30) })
}

fn hosts(names: &[&str]) -> BTreeSet<Host> {
    names.iter().map(|name| Host::new(name)).collect()
}

fn place() -> Place {
    Place {
        system: System::new("7"),
        timeline: 5,
        position: 500,
        epoch: Some(3),
        is_former: false,
        has_failed_rewind: false,
    }
}

fn member(received: u64, is_replica: bool) -> Member {
    Member { is_healthy: true, unfit: None, is_replica, received }
}

/// Epoch 3, whose primary is seoul-1; all live, and `eligible` have everything.
fn store(eligible: &[&str]) -> Store {
    Store {
        system: Some(System::new("7")),
        leader: Some(Leader { host: Host::new("seoul-1"), epoch: 3, is_mine: false, is_silent: false }),
        leaderless_for: Duration::ZERO,
        sync: Some(Sync {
            epoch: 3,
            primary: Host::new("seoul-1"),
            eligible: hosts(eligible),
            position: 400,
        }),
        members: [("seoul-1", 500, false), ("seoul-2", 500, true), ("oregon-1", 450, true)]
            .map(|(host, received, is_replica)| (Host::new(host), member(received, is_replica)))
            .into(),
        reigns: [(3, Reign { host: Host::new("seoul-1"), timeline: 5, position: 100, is_rewindable: true })]
            .into(),
        handover: None,
        judge: None,
    }
}

fn view(me: &str, own: Own, store: Store) -> View {
    let me = Host::new(me);
    View { me, lease: Lease::Held, reign: None, store: Some(store), own, wish: None, is_leaving: false }
}

/// seoul-1 as primary, with replicas that have come so far (`None`: away for long).
fn serving(acks: Acks, eligible: &[&str], peers: [(&str, Option<u64>); 2]) -> View {
    let peer = |flushed: Option<u64>| Peer {
        is_streaming: flushed.is_some(),
        lasting: LONG,
        flushed: flushed.unwrap_or(0),
    };
    let peers: BTreeMap<Host, Peer> = peers.map(|(host, flushed)| (Host::new(host), peer(flushed))).into();
    let own = Own::Primary(Primary { place: place(), acks, bound: Some(460), peers, is_checkpointed: true });
    let mut view = view("seoul-1", own, store(eligible));
    view.reign = Some(3);
    if let Some(leader) = view.store.as_mut().and_then(|store| store.leader.as_mut()) {
        leader.is_mine = true;
    }
    view
}

fn replica() -> Replica {
    let upstream = Some(Host::new("seoul-1"));
    Replica { place: place(), upstream, is_streaming: true, lasting: LONG, unfit: None }
}

/// The leader key is gone, and this replica looks around.
fn vacant(me: &str, eligible: &[&str]) -> View {
    let mut store = store(eligible);
    (store.leader, store.members) =
        (None, store.members.into_iter().filter(|(host, _)| host.as_str() != "seoul-1").collect());
    view(me, Own::Replica(replica()), store)
}

fn check(view: &View, policy: &Policy, told: Expect) {
    let decision = decide(view, policy);
    let steps: Vec<String> = decision.steps.iter().map(|step| format!("\n  {step:?}")).collect();
    told.assert_eq(&format!("{}: {}{}", decision.rule, decision.reason, steps.concat()));
}

#[test]
fn one_of_each_site_confirms_where_writes_count_abroad() {
    let view = serving(
        Acks::With(hosts(&["oregon-1"])),
        &["seoul-1", "oregon-1"],
        [("seoul-2", Some(500)), ("oregon-1", Some(480))],
    );
    check(
        &view,
        &abroad(),
        expect![[r#"
        adjust: lets commits wait for oregon-1 and seoul-2
          Acks(With({oregon-1, seoul-2}))"#]],
    );
}

#[test]
fn a_near_replica_alone_is_not_enough_abroad() {
    let view = serving(Acks::Blocked, &["seoul-1"], [("seoul-2", Some(500)), ("oregon-1", None)]);
    check(
        &view,
        &policy(Confirm::Abroad, Without::Block),
        expect!["serve: serves epoch 3; writes wait until somebody is there to confirm them"],
    );
    check(
        &view,
        &abroad(),
        expect![[r#"
        adjust: lets commits wait for seoul-2
          Acks(With({seoul-2}))"#]],
    );
}

#[test]
fn a_near_replica_that_goes_is_let_go_at_once_while_a_far_one_confirms() {
    let both = ["seoul-2", "oregon-1"];
    let view = serving(
        Acks::With(hosts(&both)),
        &["seoul-1", "seoul-2", "oregon-1"],
        [("seoul-2", None), ("oregon-1", Some(480))],
    );
    check(
        &view,
        &policy(Confirm::Abroad, Without::Block),
        expect![[r#"
        expel: goes on without seoul-2, which may not take over from here on
          Eligible { hosts: {oregon-1, seoul-1}, position: 400 }
          Acks(With({oregon-1}))"#]],
    );
}

#[test]
fn writes_wait_for_the_far_replica_where_they_may_not_go_on_without() {
    let view = serving(
        Acks::With(hosts(&["oregon-1"])),
        &["seoul-1", "oregon-1"],
        [("seoul-2", None), ("oregon-1", None)],
    );
    check(
        &view,
        &policy(Confirm::Abroad, Without::Block),
        expect!["serve: serves epoch 3; writes wait for oregon-1, which is missing"],
    );
    check(
        &view,
        &abroad(),
        expect![[r#"
        expel: goes on without oregon-1, which may not take over from here on
          Eligible { hosts: {seoul-1}, position: 400 }
          Acks(Alone)"#]],
    );
}

#[test]
fn a_replica_that_has_caught_up_may_take_over() {
    let view =
        serving(Acks::With(hosts(&["oregon-1"])), &["seoul-1"], [("seoul-2", None), ("oregon-1", Some(459))]);
    check(&view, &abroad(), expect!["serve: serves epoch 3; oregon-1 confirms"]);
    let view =
        serving(Acks::With(hosts(&["oregon-1"])), &["seoul-1"], [("seoul-2", None), ("oregon-1", Some(460))]);
    check(
        &view,
        &abroad(),
        expect![[r#"
        admit: oregon-1 has everything and may take over
          Eligible { hosts: {oregon-1, seoul-1}, position: 460 }"#]],
    );
}

#[test]
fn nobody_is_waited_for_where_writes_count_here() {
    let view = serving(
        Acks::With(hosts(&["oregon-1"])),
        &["seoul-1", "oregon-1"],
        [("seoul-2", Some(500)), ("oregon-1", Some(500))],
    );
    check(
        &view,
        &policy(Confirm::Here, Without::Block),
        expect![[r#"
        expel: goes on without oregon-1, which may not take over from here on
          Eligible { hosts: {seoul-1}, position: 400 }
          Acks(Alone)"#]],
    );
}

#[test]
fn a_primary_that_doubts_its_lease_is_killed_whatever_else_is_so() {
    let calm = serving(Acks::Alone, &["seoul-1"], [("seoul-2", None), ("oregon-1", None)]);
    check(
        &View { lease: Lease::Doubted, ..calm.clone() },
        &abroad(),
        expect![[r#"
        doubt: stops the database: no renewal of the lease was confirmed before its deadline
          Fence"#]],
    );
    check(
        &View { reign: None, ..calm.clone() },
        &abroad(),
        expect![[r#"
        doubt: stops the database: it takes writes though it was not promoted by this keeper
          Fence"#]],
    );
    check(
        &View { reign: Some(2), ..calm.clone() },
        &abroad(),
        expect![[r#"
        doubt: stops the database: it was promoted for epoch 2, and this is epoch 3
          Fence"#]],
    );
    check(
        &View { store: None, ..calm },
        &abroad(),
        expect!["silence: serves epoch 3 up to its deadline; the store does not answer"],
    );
}

#[test]
fn the_near_candidate_takes_over_and_the_far_one_leaves_it_the_vacancy_for_a_moment() {
    let all = ["seoul-1", "seoul-2", "oregon-1"];
    check(
        &vacant("seoul-2", &all),
        &abroad(),
        expect![[r#"
            vacancy: takes over as epoch 4: nobody leads and it has every write
              Secure
              Acquire { epoch: 4, right: Eligible }
              Acks(With({oregon-1}))
              Promote { epoch: 4 }"#]],
    );
    let mut far = vacant("oregon-1", &all);
    check(&far, &abroad(), expect!["vacancy: leaves the vacancy to seoul-2 for a moment"]);
    if let Some(store) = far.store.as_mut() {
        store.leaderless_for = LONG;
    }
    check(
        &far,
        &abroad(),
        expect![[r#"
            vacancy: takes over as epoch 4: nobody leads and it has every write
              Secure
              Acquire { epoch: 4, right: Eligible }
              Acks(With({seoul-2}))
              Promote { epoch: 4 }"#]],
    );
}

#[test]
fn who_may_lack_writes_does_not_take_over_but_by_a_persons_word_about_this_very_epoch() {
    let view = vacant("oregon-1", &["seoul-1"]);
    check(
        &view,
        &abroad(),
        expect![
            "vacancy: does not take over: it may lack writes of epoch 3, which seoul-1 has; if seoul-1 never returns: `ondol takeover --accept-loss`"
        ],
    );
    check(
        &View { wish: Some(Wish::AcceptLoss { of: 2 }), ..view.clone() },
        &abroad(),
        expect![
            "vacancy: does not take over: it may lack writes of epoch 3, which seoul-1 has; if seoul-1 never returns: `ondol takeover --accept-loss`"
        ],
    );
    check(
        &View { wish: Some(Wish::AcceptLoss { of: 3 }), ..view },
        &abroad(),
        expect![[r#"
            vacancy: takes over as epoch 4: a person accepted what may be lost
              Secure
              Acquire { epoch: 4, right: AcceptedLoss }
              Acks(With({seoul-2}))
              Promote { epoch: 4 }"#]],
    );
}

#[test]
fn an_eligible_copy_that_was_taken_back_does_not_take_over() {
    let mut view = vacant("oregon-1", &["seoul-1", "oregon-1"]);
    view.own = Own::Replica(Replica { place: Place { position: 399, ..place() }, ..replica() });
    check(
        &view,
        &abroad(),
        expect![
            "vacancy: does not take over: its log ends at 399, and everything up to 400 was acknowledged"
        ],
    );
}

#[test]
fn the_leader_key_alone_makes_nobody_primary() {
    let mut view = vacant("oregon-1", &["seoul-1", "oregon-1"]);
    if let Some(store) = view.store.as_mut() {
        store.leader =
            Some(Leader { host: Host::new("oregon-1"), epoch: 4, is_mine: true, is_silent: false });
    }
    check(
        &view,
        &abroad(),
        expect![[r#"
        promote: gives epoch 4 back: the leader key is here, but not the right to be primary
          Release"#]],
    );
}

#[test]
fn a_copy_whose_log_went_another_way_is_led_back_or_made_anew() {
    let mut state = store(&["seoul-1"]);
    state.leader = Some(Leader { host: Host::new("seoul-2"), epoch: 4, is_mine: false, is_silent: false });
    let reign = Reign { host: Host::new("seoul-2"), timeline: 6, position: 480, is_rewindable: false };
    state.reigns.insert(4, reign.clone());
    let at = |place: Place, store: &Store| {
        view("oregon-1", Own::Replica(Replica { place, ..replica() }), store.clone())
    };
    check(
        &at(place(), &state),
        &abroad(),
        expect!["follow: waits until seoul-2 has written everything down, to be rewound to it"],
    );
    state.reigns.insert(4, Reign { is_rewindable: true, ..reign });
    check(
        &at(place(), &state),
        &abroad(),
        expect![[r#"
        follow: takes back what seoul-2 does not have, if anything, and follows it
          Rewind(Source { host: seoul-2, epoch: 4 })"#]],
    );
    check(
        &at(Place { has_failed_rewind: true, ..place() }, &state),
        &abroad(),
        expect![[r#"
        follow: copies the database of seoul-2: a rewind did not succeed
          Clone(Source { host: seoul-2, epoch: 4 })"#]],
    );
    check(
        &at(Place { timeline: 6, ..place() }, &state),
        &abroad(),
        expect![[r#"
        follow: copies the database of seoul-2: its log is of another reign
          Clone(Source { host: seoul-2, epoch: 4 })"#]],
    );
    check(
        &at(Place { position: 480, ..place() }, &state),
        &abroad(),
        expect![[r#"
        follow: follows seoul-2 from here on
          Follow(Source { host: seoul-2, epoch: 4 })"#]],
    );
}

#[test]
fn the_stores_leader_is_kept_away_from_the_primary() {
    let mut view = serving(
        Acks::With(hosts(&["seoul-2", "oregon-1"])),
        &["seoul-1", "seoul-2", "oregon-1"],
        [("seoul-2", Some(500)), ("oregon-1", Some(500))],
    );
    if let Some(store) = view.store.as_mut() {
        store.judge = Some(Judge { site: Site::new("seoul"), better: Some(77) });
    }
    check(
        &view,
        &abroad(),
        expect![[r#"
        judge: lets another member lead the store: its leader would be lost together with seoul
          MoveJudge { to: 77 }"#]],
    );
}

#[test]
fn a_planned_change_to_one_that_is_far_behind_or_away_does_not_begin() {
    let calm = serving(
        Acks::With(hosts(&["oregon-1"])),
        &["seoul-1", "oregon-1"],
        [("seoul-2", None), ("oregon-1", Some(480))],
    );
    let asked = |to: &str, position: u64| {
        let mut view = calm.clone();
        if let Some(store) = view.store.as_mut() {
            store.handover = Some(Handover { to: Some(Host::new(to)) });
        }
        if let Own::Primary(primary) = &mut view.own {
            primary.place.position = position;
        }
        view
    };
    check(
        &asked("seoul-2", 500),
        &abroad(),
        expect![[r#"
        handover: keeps epoch 3: seoul-2 does not follow just now
          Decline"#]],
    );
    check(
        &asked("seoul-1", 500),
        &abroad(),
        expect![[r#"
        handover: keeps epoch 3: seoul-1 is primary already
          Decline"#]],
    );
    check(
        &asked("oregon-1", 5000),
        &abroad(),
        expect!["handover: waits until oregon-1 has come nearer to hand over: it is 4520 behind"],
    );
    check(
        &asked("oregon-1", 500),
        &abroad(),
        expect![[r#"
        handover: stops writing to hand epoch 3 over to oregon-1
          Drain"#]],
    );
}

#[test]
fn data_of_another_service_and_a_forgotten_store_are_left_alone() {
    let mut foreign = vacant("oregon-1", &["seoul-1", "oregon-1"]);
    foreign.own = Own::Replica(Replica { place: Place { system: System::new("8"), ..place() }, ..replica() });
    check(
        &foreign,
        &abroad(),
        expect![
            "stranger: leaves the database alone: its identity is 8, this service's is 7; move its folder away to get a copy of this service's"
        ],
    );
    let empty = |own| view("seoul-1", own, Store::default());
    check(
        &empty(Own::Absent),
        &abroad(),
        expect![[r#"
        found: makes the first database
          Init"#]],
    );
    check(
        &empty(Own::Replica(replica())),
        &abroad(),
        expect![
            "found: waits: the store is empty, but the database here has been primary before; if it is the newest copy, `ondol takeover --accept-loss` on this host goes on with it"
        ],
    );
}

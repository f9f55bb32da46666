//! Databases that do not run: when they are started, and when they are left stopped.

use super::*;

#[test]
fn a_database_that_dies_again_and_again_is_started_less_and_less_often() {
    let stopped = |failures, seconds| {
        let lasting = Duration::from_secs(seconds);
        let (is_clean, is_settled_by_start) = (false, false);
        Own::Stopped(Stopped { place: place(), is_clean, lasting, failures, is_settled_by_start })
    };
    let mut view = vacant("oregon-1", &["seoul-1"]);
    for (failures, seconds) in [(0, 0), (3, 1), (3, 2), (99, 59), (99, 60)] {
        view.own = stopped(failures, seconds);
        let is_started = !decide(&view, &abroad()).steps.is_empty();
        assert_eq!(
            is_started,
            matches!((failures, seconds), (0, _) | (3, 2) | (99, 60)),
            "{failures} {seconds}"
        );
    }
}

#[test]
fn a_database_that_a_start_would_settle_stays_stopped_while_somebody_else_may_take_over() {
    let stopped = |is_settled_by_start| {
        let (is_clean, lasting, failures) = (false, Duration::ZERO, 0);
        Own::Stopped(Stopped { place: place(), is_clean, lasting, failures, is_settled_by_start })
    };
    let mut view = vacant("seoul-1", &["seoul-1", "oregon-1"]);
    view.own = stopped(false);
    check(
        &view,
        &abroad(),
        expect![[r#"
            vacancy: starts the database as a replica of nobody
              Start"#]],
    );
    view.own = stopped(true);
    let waits = expect![
        "vacancy: leaves the vacancy to oregon-1 for a moment: started now, the database could not be led back to it"
    ];
    check(&view, &abroad(), waits);
    let started =
        |view: &View| decide(view, &abroad()).reason == "starts the database as a replica of nobody";
    let mut late = view.clone();
    late.store.as_mut().unwrap().leaderless_for = LONG;
    assert!(started(&late), "nobody came");
    let mut unfit = view.clone();
    let members = &mut unfit.store.as_mut().unwrap().members;
    members.get_mut(&Host::new("oregon-1")).unwrap().unfit = Some("it was started anew".to_owned());
    assert!(started(&unfit), "nobody else may");
    let mut absent = view.clone();
    absent.store.as_mut().unwrap().members.remove(&Host::new("oregon-1"));
    assert!(!started(&absent), "it may come back at once");
    absent.store.as_mut().unwrap().leaderless_for = abroad().patience.missing;
    assert!(started(&absent), "it did not");
    view.store.as_mut().unwrap().leader =
        Some(Leader { host: Host::new("seoul-1"), epoch: 3, is_mine: false, is_silent: false });
    check(
        &view,
        &abroad(),
        expect![
            "follow: leaves the database stopped while oregon-1 may take over once the earlier lease of this host has ended"
        ],
    );
}

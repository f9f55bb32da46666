//! The keeper's decision under a model checker: two or three databases, a store, and everything that may go wrong between any two
//! steps. What is decided is the product's own `decide`; the world around it is `world`, what it may do is `moves`, what a
//! keeper sees and does in it is `shell`, and what must hold is `law`.
//!
//! The small exploration runs with the other tests. A larger one: `KEEPER_MODEL_FAULTS=3 cargo test -p keeper --test model
//! --release` (each fault more is about sixty times the states).

mod law;
mod moves;
mod shell;
mod world;

use stateright::{Checker, HasDiscoveries, Model};

use world::{Bug, Scene};

/// Explores the scene and gives each broken law with the moves that break it.
fn broken(scene: Scene) -> Vec<String> {
    let search = scene.clone().checker().threads(2).finish_when(HasDiscoveries::AnyFailures);
    // a planted mistake is looked for along the first path that leads to it, a law on all paths
    match scene.bug {
        Bug::None => told(search.spawn_bfs().join()),
        _ => told(search.spawn_dfs().join()),
    }
}

fn told(checker: impl Checker<Scene>) -> Vec<String> {
    let found = checker.discoveries().into_iter();
    found
        .filter(|(name, _)| law::ALWAYS.iter().any(|(law, _)| law == name))
        .map(|(name, path)| {
            let moves: Vec<String> = path.into_actions().iter().map(|action| format!("{action:?}")).collect();
            format!("{name}: {}", moves.join(", "))
        })
        .collect()
}

/// How many faults the exploration may put in: 2, unless a larger one is asked for.
#[expect(
    clippy::disallowed_methods,
    reason = "the size of a test's exploration is no setting of the product"
)]
fn faults(small: u8) -> u8 {
    std::env::var("KEEPER_MODEL_FAULTS").ok().and_then(|n| n.parse().ok()).unwrap_or(small)
}

/// What must be reachable, so that what holds does not hold for want of anything happening.
fn unreached(scene: Scene) -> Vec<&'static str> {
    let checker = scene.checker().threads(2).spawn_bfs().join();
    law::SOMETIMES.iter().map(|(name, _)| *name).filter(|name| checker.discovery(name).is_none()).collect()
}

#[test]
fn nothing_acknowledged_is_lost_where_writes_go_on_without_a_replica() {
    assert_eq!(broken(Scene::going_on().faults(faults(2))), Vec::<String>::new());
}

#[test]
fn nothing_acknowledged_is_lost_where_writes_wait_for_a_replica() {
    assert_eq!(broken(Scene::blocking().faults(faults(2))), Vec::<String>::new());
}

#[test]
fn nothing_acknowledged_is_lost_where_a_replica_forgets_what_it_had_only_received() {
    assert_eq!(broken(Scene::forgetting().faults(faults(2))), Vec::<String>::new());
}

#[test]
fn only_what_was_accepted_is_lost_where_a_person_accepts_a_loss() {
    assert_eq!(broken(Scene::accepting().faults(faults(2))), Vec::<String>::new());
}

#[test]
fn from_every_state_a_primary_comes_back() {
    assert_eq!(broken(Scene::going_on().faults(faults(2)).healing()), Vec::<String>::new());
    assert_eq!(broken(Scene::blocking().faults(faults(2)).healing()), Vec::<String>::new());
    assert_eq!(broken(Scene::forgetting().faults(faults(2)).healing()), Vec::<String>::new());
    for scene in [Scene::spared(), Scene::near_and_far()] {
        assert_eq!(broken(scene.writes(1).faults(faults(1)).healing()), Vec::<String>::new());
    }
}

#[test]
fn nothing_acknowledged_is_lost_where_one_of_two_replicas_confirms() {
    assert_eq!(broken(Scene::spared().writes(1).faults(faults(1))), Vec::<String>::new());
}

#[test]
fn nothing_acknowledged_is_lost_where_a_near_and_a_far_replica_confirm() {
    assert_eq!(broken(Scene::near_and_far().writes(1).faults(faults(1))), Vec::<String>::new());
}

#[test]
fn everything_that_the_keeper_is_for_does_happen_in_the_model() {
    assert_eq!(unreached(Scene::going_on().faults(2)), Vec::<&str>::new());
    assert_eq!(unreached(Scene::spared().writes(1).faults(1)), Vec::<&str>::new());
}

macro_rules! found {
    ($($name:ident: $scene:ident $bug:ident;)*) => {
        $(#[test]
        fn $name() {
            let told = broken(Scene::$scene().with(Bug::$bug));
            assert!(!told.is_empty(), "the model does not see it");
        })*
    };
}

// Each is a way in which keepers have lost data.
found! {
    a_leader_key_put_without_a_compare_is_found: going_on BarePut;
    a_renewal_of_another_keepers_epoch_is_found: going_on RenewsAnothersEpoch;
    promoting_by_the_leader_key_alone_is_found: going_on PromotesByKeyAlone;
    to_stop_waiting_before_the_store_knows_is_found: going_on DegradesBeforeStore;
    to_count_on_a_replica_before_it_has_caught_up_is_found: going_on AdmitsBeforeCaughtUp;
    to_open_right_after_a_restart_in_place_is_found: going_on OpensAfterRestart;
    eligibility_from_an_earlier_round_is_found: going_on CachesEligibility;
    to_hand_over_before_the_last_write_is_found: going_on HandsOverBeforeStop;
    a_deadline_counted_from_the_reply_is_found: accepting DeadlineFromReply;
    a_promotion_after_the_deadline_is_found: accepting PromotesLate;
    a_fence_that_is_decided_and_not_done_is_found: accepting FenceNotDone;
    a_stopped_keeper_without_a_guard_is_found: accepting NoGuard;
    to_be_content_with_any_of_those_that_are_counted_on_is_found: near_and_far AnyConfirmIsEnough;
    to_change_who_confirms_before_the_new_one_has_everything_is_found: spared SwapsConfirmerAtOnce;
    to_count_on_the_last_reigns_candidates_is_found: going_on KeepsOldCandidates;
    to_trust_a_replica_that_was_started_anew_is_found: forgetting TrustsRestartedReplica;
    to_take_the_key_though_its_holder_has_just_renewed_is_found: accepting DeposesUncompared;
    a_renewal_that_leaves_no_sign_of_life_is_found: accepting RenewsWithoutASign;
    to_take_the_key_before_all_is_secured_is_found: forgetting_and_healing TakesTheKeyUnsecured;
}

//! What is decided where the leader gives no sign of life.

use super::*;

#[test]
fn a_leader_that_gives_no_sign_of_life_is_taken_the_key_by_who_may_lead() {
    let mut store = store(&["seoul-1", "oregon-1"]);
    store.leader = Some(Leader { host: Host::new("seoul-1"), epoch: 3, is_mine: false, is_silent: true });
    let of = |me: &str| view(me, Own::Replica(replica()), store.clone());
    check(
        &of("oregon-1"),
        &abroad(),
        expect![[r#"
        depose: takes the leader key from seoul-1: it has given no sign of life for a lease's time
          Depose"#]],
    );
    check(&of("seoul-2"), &abroad(), expect!["follow: follows seoul-1 in epoch 3"]);
    let accepted = Some(Wish::AcceptLoss { of: 3 });
    check(
        &View { wish: accepted, ..of("seoul-2") },
        &abroad(),
        expect![[r#"
        depose: takes the leader key from seoul-1: it has given no sign of life for a lease's time
          Depose"#]],
    );
    check(
        &View { is_leaving: true, ..of("oregon-1") },
        &abroad(),
        expect!["follow: follows seoul-1 in epoch 3"],
    );
}

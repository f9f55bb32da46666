//! Three databases: who confirms, who takes over, and that the rest follows.

use crate::play::HOSTS;
use crate::rig::Rig;

#[test]
fn the_near_one_of_two_takes_over_and_the_far_one_follows_it() {
    let mut rig = Rig::three("seoul");
    let writer = rig.writer();
    writer.forget_pauses();
    rig.kill(0);
    rig.wait("the near one leads", |view| (view.leader.as_ref()?.what.host == HOSTS[2]).then_some(()));
    writer.wait_acknowledged(5);
    rig.wait("the far one confirms", |view| {
        let sync = &view.sync.as_ref()?.what;
        (sync.primary == HOSTS[2] && sync.eligible.contains(HOSTS[1])).then_some(())
    });
    rig.start(0);
    assert_eq!(rig.wait_well().0, 2, "the old primary follows too");
    rig.ask_for(1);
    rig.wait("the change", |view| (view.leader.as_ref()?.what.host == HOSTS[1]).then_some(()));
    writer.wait_acknowledged(5);
    assert_eq!(rig.wait_well().0, 1);
    let told = writer.end(1);
    println!("three hosts: writers paused for {:?}", told.pause_max);
}

#[test]
fn another_replica_confirms_in_place_of_one_that_is_gone_and_takes_over() {
    let mut rig = Rig::three("oregon");
    let writer = rig.writer();
    let counted = |rig: &Rig| {
        let sync = rig.view().unwrap().sync.unwrap().what;
        sync.eligible.into_iter().find(|host| host != HOSTS[0]).unwrap()
    };
    let gone = usize::from(counted(&rig) == HOSTS[2]) + 1;
    let spare = 3 - gone;
    rig.kill(gone);
    rig.wait("the spare one is counted on instead", |view| {
        let eligible = &view.sync.as_ref()?.what.eligible;
        assert!(eligible.len() > 1, "writes were never without a confirmation: {}", rig.told());
        (eligible.contains(HOSTS[spare]) && !eligible.contains(HOSTS[gone])).then_some(())
    });
    writer.wait_acknowledged(5);
    rig.kill(0);
    rig.wait("the spare one leads", |view| (view.leader.as_ref()?.what.host == HOSTS[spare]).then_some(()));
    writer.wait_acknowledged(5);
    rig.start(gone);
    rig.start(0);
    assert_eq!(rig.wait_well().0, spare);
    writer.end(spare);
}

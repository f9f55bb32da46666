//! What the mover refuses, and the way back.

use crate::team::Team;

#[test]
fn a_place_that_holds_something_is_refused() {
    let (team, other) = (Team::new(), Team::new());
    let place = format!("sqlite:{}", other.path().join("data").display());
    let (code, _, stderr) = team.run(&["move", "--to", &place]);
    assert_eq!(code, 1);
    assert!(stderr.contains("is not empty: it holds a service's records"), "{stderr}");
    let (code, _, stderr) = team.run(&["move", "--to", "sqlite:data"]);
    assert_eq!(code, 1);
    assert!(stderr.contains("in sqlite:") && stderr.contains("already"), "{stderr}");
    for wrong in ["mysql://kim@db/floor", "there"] {
        let (code, _, stderr) = team.run(&["move", "--to", wrong]);
        assert_eq!((code, stderr.lines().count()), (2, 1), "{stderr}");
    }
    let (code, _, stderr) = team.run(&["move"]);
    assert_eq!(code, 2, "{stderr}");
}

#[test]
fn what_has_moved_can_be_taken_back() {
    let team = Team::new();
    let (code, _, stderr) = team.run(&["move", "--back"]);
    assert_eq!(code, 1);
    assert!(stderr.contains("have not moved"), "{stderr}");

    let databases = [testbed::postgres().database(), testbed::mariadb().database()];
    for to in
        [format!("sqlite:{}", team.path().join("new").display()), databases[0].url(), databases[1].url()]
    {
        let said = team.well(&["move", "--to", &to]);
        assert!(said.starts_with("The data are in ") && !said.contains(":secret@"), "{said}");
        let (code, _, stderr) = team.run(&["superuser", "list"]);
        assert_eq!(code, 1);
        assert!(
            stderr.contains("the data have moved to ") && stderr.contains("`ondol move --back`"),
            "{stderr}"
        );
        // the same move again finds all of it done
        let said = team.well(&["move", "--to", &to]);
        assert!(said.starts_with("The data are in "), "{said}");
        let said = team.well(&["move", "--back"]);
        assert!(said.contains("can be used again"), "{said}");
        assert!(team.well(&["superuser", "list"]).contains("root@example.com"));
    }
    // and a server that was left as well
    let file = format!(
        "[database]\nengine = \"postgres\"\naddress = \"127.0.0.1:{}\"\nname = \"{}\"\nsecret = \"{}\"\n",
        testbed::postgres().port(),
        databases[0].name(),
        testbed::PASSWORD
    );
    std::fs::write(team.path().join("ondol.toml"), file).expect("a file");
    team.well(&["move", "--to", "sqlite:third"]);
    let (code, _, stderr) = team.run(&["superuser", "list"]);
    assert_eq!(code, 1);
    assert!(stderr.contains("the data have moved to sqlite:"), "{stderr}");
    team.well(&["move", "--back"]);
    assert!(team.well(&["superuser", "list"]).contains("root@example.com"));
}

#[test]
fn a_move_that_died_before_its_last_word_is_finished_by_saying_it_again() {
    let databases = [testbed::postgres().database(), testbed::mariadb().database()];
    for database in databases {
        let team = Team::new();
        let said = team.well(&["move", "--to", &database.url()]);
        for (mark, outcome) in [("copied", 0), ("arriving", 1)] {
            // as the mover leaves it that dies right after it has left the source, or, by somebody's hand, before
            database.sql(&format!("UPDATE meta SET value = '{mark}' WHERE name = 'setting.moving'"));
            team.heed(&said);
            let (code, _, stderr) = team.run(&["superuser", "list"]);
            assert_eq!(code, 1);
            assert!(stderr.contains("a move to this database was not finished"), "{stderr}");
            std::fs::remove_file(team.path().join("ondol.toml")).expect("it is there");
            let (code, stdout, stderr) = team.run(&["move", "--to", &database.url()]);
            assert_eq!(code, outcome, "{stdout}{stderr}");
            if outcome == 0 {
                team.heed(&said);
                assert!(team.well(&["superuser", "list"]).contains("root@example.com"));
            }
        }
    }
}

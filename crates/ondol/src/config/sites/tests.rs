//! Sites by words: a service file in, the topology and what each loss costs out; or every fault with its line.

use expect_test::{Expect, expect};

use crate::config::Config;
use crate::topology::core::{Times, words};

fn check(text: &str, told: Expect) {
    // what is not about sites is as it should be
    let rest = if text.contains("[database]") { "" } else { "[database]\nsecret = \"warm floor\"\n" };
    let lines = match Config::parse("ondol.toml", &format!("{text}{rest}")) {
        Ok(config) => config
            .topology
            .map_or_else(|| vec!["one box".to_owned()], |topology| words(&topology, Times::default())),
        Err(failure) => failure.lines,
    };
    told.assert_eq(&lines.join("\n"));
}

#[test]
fn two_countries_and_a_witness() {
    check(
        "[seoul]\nweb = [\"10.0.0.11\", \"10.0.0.12\"]\ndatabase = \"10.0.0.21\"\n\
         [oregon]\nall = \"10.9.0.11\"\n[tokyo]\nwitness = \"192.0.2.5\"\n",
        expect![[r#"
            seoul: 10.0.0.11 web, 10.0.0.12 web, 10.0.0.21 database
            oregon: 10.9.0.11 web and database
            tokyo: 192.0.2.5 witness
            primary at first: 10.0.0.21 of seoul
            a write counts once it is on the disks of two sites; without the second, writes wait 2 s and then go on, with an alarm
            if seoul's 10.0.0.11 goes: writes go on, nothing is lost; 2 of 3 web hosts answer
            if seoul's 10.0.0.12 goes: writes go on, nothing is lost; 2 of 3 web hosts answer
            if seoul's 10.0.0.21 goes: takeover to oregon (10.9.0.11) in about 4 s, nothing acknowledged is lost; a second loss before it is back would stop all writes
            if oregon's 10.9.0.11 goes: writes wait 2 s and then go on; from then to its return the loss of the primary too would lose writes; 2 of 3 web hosts answer; a second loss before it is back would stop all writes
            if tokyo's 192.0.2.5 goes: writes go on, nothing is lost; a second loss before it is back would stop all writes
            if all of seoul goes: takeover to oregon (10.9.0.11) in about 4 s, nothing acknowledged is lost; 1 of 3 web hosts answer; a second loss before it is back would stop all writes"#]],
    );
}

#[test]
fn two_databases_at_home_and_one_abroad() {
    check(
        "[seoul]\ndatabase = [\"10.0.0.21\", \"10.0.0.22\"]\n[oregon]\nall = \"10.9.0.11\"\n[tokyo]\nwitness = \"192.0.2.5\"\n",
        expect![[r#"
            seoul: 10.0.0.21 database, 10.0.0.22 database
            oregon: 10.9.0.11 web and database
            tokyo: 192.0.2.5 witness
            primary at first: 10.0.0.21 of seoul
            a write counts once it is on the disks of two sites; without the second, writes wait 2 s and then go on, with an alarm
            if seoul's 10.0.0.21 goes: takeover to seoul (10.0.0.22) in about 4 s, nothing acknowledged is lost; a second loss before it is back would stop all writes
            if seoul's 10.0.0.22 goes: writes go on, nothing is lost
            if oregon's 10.9.0.11 goes: writes wait 2 s and then go on with 10.0.0.22; from then to its return the loss of all of their site would lose writes; no web host is left to answer; a second loss before it is back would stop all writes
            if tokyo's 192.0.2.5 goes: writes go on, nothing is lost; a second loss before it is back would stop all writes
            if all of seoul goes: takeover to oregon (10.9.0.11) in about 4 s, nothing acknowledged is lost; a second loss before it is back would stop all writes"#]],
    );
    check(
        "confirm = \"site\"\n[seoul]\ndatabase = [\"10.0.0.21\", \"10.0.0.22\"]\n[oregon]\ndatabase = \"10.9.0.11\"\n",
        expect![[
            r#"ondol.toml:2: databases at two sites and no witness: cut off from each other neither site can know that the other is gone, and the loss of one would stop the other; name a machine at a third site, such as [tokyo] witness = "192.0.2.5""#
        ]],
    );
}

#[test]
fn one_site_without_a_word_about_when_a_write_counts() {
    check(
        "[floor]\nall = [\"a\", \"b\"]\nwitness = \"c\"\n",
        expect![[r#"
            floor: a web and database, b web and database, c witness
            primary at first: a of floor
            a write counts once it is on the disks of two machines of one site; without the second, writes wait 2 s and then go on, with an alarm
            if floor's a goes: takeover to floor (b) in about 4 s, nothing acknowledged is lost; 1 of 2 web hosts answer; a second loss before it is back would stop all writes
            if floor's b goes: writes wait 2 s and then go on; from then to its return the loss of the primary too would lose writes; 1 of 2 web hosts answer; a second loss before it is back would stop all writes
            if floor's c goes: writes go on, nothing is lost; a second loss before it is back would stop all writes
            if all of floor goes: no database is left: all stops until one is back; no web host is left to answer"#]],
    );
}

#[test]
fn writes_that_count_on_one_disk_cost_a_question() {
    check(
        "confirm = \"here\"\n[seoul]\ndatabase = \"10.0.0.21\"\n[oregon]\ndatabase = \"10.9.0.21\"\nwitness = \"10.9.0.5\"\n",
        expect![[r#"
            seoul: 10.0.0.21 database
            oregon: 10.9.0.21 database, 10.9.0.5 witness
            primary at first: 10.0.0.21 of seoul
            a write counts once it is on the primary's disk
            if seoul's 10.0.0.21 goes: no takeover by itself, since oregon (10.9.0.21) may lack the last moments' writes; `ondol takeover --accept-loss` gives them up; a second loss before it is back would stop all writes
            if oregon's 10.9.0.21 goes: writes go on; a second loss before it is back would stop all writes
            if oregon's 10.9.0.5 goes: writes go on; a second loss before it is back would stop all writes
            if all of oregon goes: too few hosts are left to agree on a primary: writes stop until some are back, nothing is lost"#]],
    );
}

#[test]
fn a_replica_that_stays_one_is_told_with_what_it_means() {
    check(
        "[seoul]\ndatabase = [\"10.0.0.21\", \"10.0.0.22\"]\n[oregon]\nreplica = \"10.9.0.21\"\n[tokyo]\nwitness = \"192.0.2.5\"\n",
        expect![[r#"
            seoul: 10.0.0.21 database, 10.0.0.22 database
            oregon: 10.9.0.21 replica
            tokyo: 192.0.2.5 witness
            primary at first: 10.0.0.21 of seoul
            10.9.0.21 of oregon stays a replica: it confirms writes where it is the only one that can, and never becomes primary, not even by `ondol takeover`; while it alone has every write, a loss of the primary stops the service until that is back
            a write counts once it is on the disks of two sites; without the second, writes wait 2 s and then go on, with an alarm
            if seoul's 10.0.0.21 goes: takeover to seoul (10.0.0.22) in about 4 s, nothing acknowledged is lost; a second loss before it is back would stop all writes
            if seoul's 10.0.0.22 goes: writes go on, nothing is lost
            if oregon's 10.9.0.21 goes: writes wait 2 s and then go on with 10.0.0.22; from then to its return the loss of all of their site would lose writes; a second loss before it is back would stop all writes
            if tokyo's 192.0.2.5 goes: writes go on, nothing is lost; a second loss before it is back would stop all writes
            if all of seoul goes: only 10.9.0.21 is left, which stays a replica: all stops until another database is back, or until the file says `database` of it"#]],
    );
    check(
        "[seoul]\ndatabase = \"10.0.0.21\"\n[oregon]\nreplica = \"10.9.0.21\"\n[tokyo]\nwitness = \"192.0.2.5\"\n",
        expect![[
            r#"ondol.toml:1: only one database may become primary, and the others are `replica`: nothing could take over; write `database` for another one"#
        ]],
    );
}

#[test]
fn writes_that_wait_for_a_second_machine_are_told() {
    check(
        "confirm = \"site\"\nwithout = \"block\"\n[floor]\ndatabase = [\"10.0.0.21\", \"10.0.0.22\"]\nwitness = \"10.0.0.5\"\n",
        expect![[r#"
            floor: 10.0.0.21 database, 10.0.0.22 database, 10.0.0.5 witness
            primary at first: 10.0.0.21 of floor
            a write counts once it is on the disks of two machines of one site; without the second, writes wait
            if floor's 10.0.0.21 goes: takeover to floor (10.0.0.22) in about 4 s, nothing acknowledged is lost, but writes wait until a second machine is there again; a second loss before it is back would stop all writes
            if floor's 10.0.0.22 goes: writes wait until it is back, nothing is lost; reads go on; a second loss before it is back would stop all writes
            if floor's 10.0.0.5 goes: writes go on, nothing is lost; a second loss before it is back would stop all writes
            if all of floor goes: no database is left: all stops until one is back"#]],
    );
}

#[test]
fn every_mistake_of_spelling_is_told_with_its_line() {
    check(
        "confrim = \"abroad\"\nwithout = \"blok\"\n[seoul]\ndatabse = \"10.0.0.21\"\nweb = [\"10.0.0.11:80\", 5]\nxyzzy = \"a\"\n\
         [databas]\nengine = \"postgres\"\n[oregon]\n[tokyo]\nwitness = \"0.0.0.0\"\n",
        expect![[r#"
            ondol.toml:1: unknown key `confrim`; did you mean `confirm`?
            ondol.toml:2: `without`: `blok` is not what to do without a second machine; did you mean "block"?
            ondol.toml:4: unknown role `databse` in the site [seoul]; did you mean `database`?
            ondol.toml:5: `web` in [seoul] is an address or a list of them
            ondol.toml:5: `10.0.0.11:80` is not a host's address; write it as 10.0.0.21 or db1.popong.net, without a port
            ondol.toml:6: unknown role `xyzzy` in the site [seoul]; a site knows balancer, web, cache, database, replica, witness, backup, or all
            ondol.toml:7: unknown table [databas]; did you mean [database]?
            ondol.toml:9: the site [oregon] names no host; say what it has: balancer, web, cache, database, replica, witness, backup, or all
            ondol.toml:11: `0.0.0.0` is every machine's address; write this host's own"#]],
    );
    check(
        "confirm = \"everywhere\"\n[dns]\nweb = \"10.0.0.1\"\n[web]\ndatabase = \"10.0.0.2\"\n",
        expect![[r#"
            ondol.toml:1: `confirm`: `everywhere` is not a place where a write counts; there are "here", "site", "abroad"
            ondol.toml:2: [dns] is kept for a room and can't be a site's name; call the site otherwise
            ondol.toml:5: unknown key `database` in [web]; it knows connections_max, connections_per_second_max, head_bytes_max, headers_max, head_time_max, handshake_time_max, idle_time_max, streams_max, connection_age_max, body_bytes_max, body_grace, body_pace_min, request_time_max, slow_time, write_stall_max, drain_time_max, handover_time_max, linger_time_max, access_log, trusted_proxies, proxy_protocol, origins, rates, rate_entries_max
            ondol.toml:7: `secret` in [database] is a server's, and none is named: add engine = "postgres" or "mariadb""#]],
    );
}

#[test]
fn what_is_not_built_is_refused_by_name() {
    check(
        "[seoul]\nbalancer = \"203.0.113.10\"\ncache = \"10.0.0.14\"\nall = \"10.0.0.21\"\nbackup = \"10.0.0.30\"\n\
         [oregon]\nall = \"10.9.0.21\"\n[tokyo]\nwitness = \"192.0.2.5\"\n",
        expect![[
            r#"ondol.toml:5: the role `backup` is not built yet; make backups with the database's own tools for now, and take this line out"#
        ]],
    );
    check(
        "[seoul]\nall = [\"a\", \"b\", \"c\"]\nwitness = \"w\"\n[database]\nsecret = \"warm floor\"\nengine = \"mariadb\"\naddress = \"10.0.0.5\"\n",
        expect![[r#"
            ondol.toml:6: `engine` in [database]: 3 hosts are `database`, and MariaDB's commits wait for any one replica, not for those that may take over: name two, or write engine = "postgres"
            ondol.toml:7: `address` in [database]: the sites' `database` hosts are its addresses; take this line out"#]],
    );
    check(
        "without = \"block\"\n[seoul]\nall = [\"a\", \"b\"]\nwitness = \"w\"\n[database]\nsecret = \"warm floor\"\nengine = \"mariadb\"\n",
        expect![[
            r#"ondol.toml:7: `engine` in [database]: with `without = "block"` a MariaDB that lost its replica could never get another: the copy for it waits for the commits that wait for it; write without = "go on", or engine = "postgres""#
        ]],
    );
    let text = "[seoul]\nall = [\"a\", \"b\"]\nwitness = \"w\"\n[database]\nsecret = \"warm floor\"\nengine = \"mariadb\"\n";
    assert!(matches!(
        Config::parse("ondol.toml", text).expect("reads").store.engine,
        store::Engine::MariaDb(_)
    ));
    check(
        "[seoul]\nall = [\"a\", \"b\"]\nwitness = \"w\"\n[database]\nsecret = \"warm floor\"\nengine = \"sqlite\"\n",
        expect![[
            r#"ondol.toml:6: `engine` in [database]: SQLite is one host's alone: write engine = "postgres" or "mariadb" for several"#
        ]],
    );
}

#[test]
fn databases_on_several_hosts_need_a_secret() {
    check(
        "[seoul]\nall = [\"a\", \"b\"]\nwitness = \"w\"\n[database]\nname = \"popong\"\n",
        expect![[
            r#"ondol.toml:4: the hosts' databases are reached with a secret, the same on all hosts: add secret = { file = "db.secret" } to [database]"#
        ]],
    );
}

#[test]
fn a_host_is_named_once() {
    check(
        "[seoul]\ndatabase = [\"10.0.0.21\", \"10.0.0.21\"]\nall = \"10.0.0.21\"\n[oregon]\nweb = \"10.0.0.21\"\n",
        expect![[r#"
            ondol.toml:2: 10.0.0.21 is database of [seoul] already; name it once
            ondol.toml:3: 10.0.0.21 is database of [seoul] already; name it once
            ondol.toml:5: 10.0.0.21 stands in [seoul] already; a host is in one site"#]],
    );
}

#[test]
fn what_would_not_take_over_is_told() {
    check(
        "[seoul]\ndatabase = \"a\"\n[oregon]\ndatabase = \"b\"\n",
        expect![[
            r#"ondol.toml:1: two databases and no witness: cut off from each other neither can know that the other is gone, so there would be no automatic takeover; name a third machine, such as [tokyo] witness = "192.0.2.5""#
        ]],
    );
    check(
        "[seoul]\nweb = \"a\"\n",
        expect![
            "ondol.toml:1: no host is `database`: nothing could take over; name two, or none of the sites and [database] address"
        ],
    );
    check(
        "[seoul]\nall = \"a\"\nwitness = \"b\"\n",
        expect![
            "ondol.toml:1: only one host is `database`: nothing could take over; name two, or none of the sites and [database] address"
        ],
    );
    check(
        "[seoul]\nall = [\"a\", \"b\"]\nwitness = \"b\"\n",
        expect!["ondol.toml:3: b is `database` and can't be its own witness; the witness is a third machine"],
    );
    check(
        "[seoul]\nall = [\"a\", \"b\"]\nwitness = [\"c\", \"d\"]\n",
        expect!["ondol.toml:3: 2 hosts are `witness`: one is right, more don't help"],
    );
}

#[test]
fn a_write_counts_only_where_there_is_a_machine_for_it() {
    check(
        "\nconfirm = \"abroad\"\n[seoul]\nall = [\"a\", \"b\"]\nwitness = \"c\"\n",
        expect![[
            r#"ondol.toml:2: `confirm` is "abroad" and every database is in [seoul]: name a database in another site, or write "site""#
        ]],
    );
    check(
        "confirm = \"site\"\n[seoul]\nall = \"a\"\n[oregon]\nall = \"b\"\nwitness = \"c\"\n",
        expect![[
            r#"ondol.toml:1: `confirm` is "site" and [seoul] has one database: name a second one there, or write "abroad""#
        ]],
    );
    check(
        "confirm = \"abroad\"\nwithout = \"block\"\n",
        expect![[r#"
            ondol.toml:1: `confirm` is about several hosts, and the file names none; add a site, such as [seoul]
            ondol.toml:2: `without` is about several hosts, and the file names none; add a site, such as [seoul]
            ondol.toml:4: `secret` in [database] is a server's, and none is named: add engine = "postgres" or "mariadb""#]],
    );
}

#[test]
fn what_a_balancer_and_a_cache_are_for_and_what_their_loss_costs() {
    check(
        "[seoul]\nbalancer = \"203.0.113.10\"\nweb = [\"10.0.0.11\", \"10.0.0.12\"]\ncache = \"10.0.0.12\"\n\
         database = \"10.0.0.21\"\n[oregon]\nbalancer = \"198.51.100.10\"\nall = \"10.9.0.11\"\n\
         [tokyo]\nwitness = \"192.0.2.5\"\n",
        expect![[r#"
            seoul: 203.0.113.10 balancer, 10.0.0.11 web, 10.0.0.12 web and cache, 10.0.0.21 database
            oregon: 198.51.100.10 balancer, 10.9.0.11 web and database
            tokyo: 192.0.2.5 witness
            primary at first: 10.0.0.21 of seoul
            a write counts once it is on the disks of two sites; without the second, writes wait 2 s and then go on, with an alarm
            if seoul's 203.0.113.10 goes: writes go on, nothing is lost; 1 of 2 balancers answer: visitors of the others are served where the service's name leads to both
            if seoul's 10.0.0.11 goes: writes go on, nothing is lost; 2 of 3 web hosts answer
            if seoul's 10.0.0.12 goes: writes go on, nothing is lost; 2 of 3 web hosts answer; the web hosts of seoul read from the database what was cached, nothing is lost
            if seoul's 10.0.0.21 goes: takeover to oregon (10.9.0.11) in about 4 s, nothing acknowledged is lost; a second loss before it is back would stop all writes
            if oregon's 198.51.100.10 goes: writes go on, nothing is lost; 1 of 2 balancers answer: visitors of the others are served where the service's name leads to both
            if oregon's 10.9.0.11 goes: writes wait 2 s and then go on; from then to its return the loss of the primary too would lose writes; 2 of 3 web hosts answer; a second loss before it is back would stop all writes
            if tokyo's 192.0.2.5 goes: writes go on, nothing is lost; a second loss before it is back would stop all writes
            if all of seoul goes: takeover to oregon (10.9.0.11) in about 4 s, nothing acknowledged is lost; 1 of 3 web hosts answer; 1 of 2 balancers answer: visitors of the others are served where the service's name leads to both; a second loss before it is back would stop all writes
            if all of oregon goes: writes wait 2 s and then go on; from then to its return the loss of the primary too would lose writes; 2 of 3 web hosts answer; 1 of 2 balancers answer: visitors of the others are served where the service's name leads to both; a second loss before it is back would stop all writes"#]],
    );
}

#[test]
fn a_balancer_and_a_cache_without_anybody_to_serve_are_told() {
    check(
        "[seoul]\nbalancer = \"b\"\ndatabase = \"x\"\ncache = \"c\"\n[oregon]\ndatabase = \"y\"\nwitness = \"w\"\n",
        expect![[r#"
            ondol.toml:2: [seoul] has a balancer and no host of the file is `web`: nobody is behind it; name one
            ondol.toml:4: [seoul] has a cache and no `web`: a cache is for the web hosts of its own site, so that nobody would use it; take this line out, or name a web host here"#]],
    );
    check(
        "[seoul]\nall = [\"x\", \"y\"]\nwitness = \"w\"\n[balancer]\nhold_time_max = \"5 s\"\n\
         [database]\nsecret = \"warm floor\"\ntls = \"verify\"\n",
        expect![[r#"
            ondol.toml:4: [balancer] is there and no host of the sites is `balancer`: name one, such as balancer = "203.0.113.10"
            ondol.toml:8: `tls` in [database]: the hosts of sites always encrypt, by keys that they make of the secret; take this line out"#]],
    );
    check(
        "[seoul]\nall = [\"x\", \"y\"]\nwitness = \"w\"\nbalancer = \"x\"\ncache = \"x\"\n\
         [balancer]\nbackends = [\"x:8090\"]\n[cache]\nmemcached = [\"x:11211\"]\n",
        expect![[r#"
            ondol.toml:7: `backends` in [balancer]: the sites' `web` hosts are its backends; take this line out
            ondol.toml:9: `memcached` in [cache]: the sites' `cache` hosts are its addresses; take this line out, or those"#]],
    );
}

#[test]
fn reads_that_a_replica_answers_are_told_and_need_one_that_confirms() {
    let sites = "[floor]\nall = [\"a\", \"b\"]\nwitness = \"c\"\n";
    check(
        &format!("reads = \"replica\"\n{sites}"),
        expect![[r#"
            floor: a web and database, b web and database, c witness
            primary at first: a of floor
            a write counts once it is on the disks of two machines of one site; without the second, writes wait 2 s and then go on, with an alarm
            while the primary does not answer, reads are answered by a replica that has everything that anybody was shown, with a mark; while none is known to, they wait
            if floor's a goes: takeover to floor (b) in about 4 s, nothing acknowledged is lost; 1 of 2 web hosts answer; a second loss before it is back would stop all writes
            if floor's b goes: writes wait 2 s and then go on; from then to its return the loss of the primary too would lose writes; 1 of 2 web hosts answer; a second loss before it is back would stop all writes
            if floor's c goes: writes go on, nothing is lost; a second loss before it is back would stop all writes
            if all of floor goes: no database is left: all stops until one is back; no web host is left to answer"#]],
    );
    check(
        &format!("reads = \"replica\"\nconfirm = \"here\"\n{sites}"),
        expect![[
            r#"ondol.toml:1: `reads` is "replica" and no replica confirms writes, so that none is known to have everything: write confirm = "site" or "abroad", or take this line out"#
        ]],
    );
    check(
        &format!("reads = \"replicas\"\n{sites}"),
        expect![[
            r#"ondol.toml:1: `reads`: `replicas` is not what becomes of reads while the primary does not answer; did you mean "replica"?"#
        ]],
    );
    check(
        "reads = \"replica\"\n[database]\n",
        expect![[
            r#"ondol.toml:1: `reads` is about several hosts, and the file names none; add a site, such as [seoul]"#
        ]],
    );
}

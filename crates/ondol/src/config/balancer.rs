//! The web servers that this process stands in front of: `[balancer]`.

use balancer::Config;

use super::read::Reader;
use crate::topology::core::{Role, Topology};

/// The table's name.
pub(super) const ROOM: &str = "balancer";

/// The settings; `None` where nothing is balanced: the file has no such table, and no host of its sites is a balancer. Faults
/// go to the reader.
pub(super) fn read(reader: &mut Reader<'_>, topology: Option<&Topology>) -> Option<Config> {
    let is_role = topology.is_some_and(|topology| topology.with(Role::Balancer).next().is_some());
    if !reader.has(ROOM) {
        return is_role.then(Config::default);
    }
    let mut config: Config = reader.room(ROOM);
    if topology.is_some() && !is_role {
        let what = "[balancer] is there and no host of the sites is `balancer`: name one, such as balancer = \"203.0.113.10\"";
        reader.blame(ROOM, "", what.into());
        return None;
    }
    if is_role && reader.says(ROOM, "backends") {
        let what = "`backends` in [balancer]: the sites' `web` hosts are its backends; take this line out";
        reader.blame(ROOM, "backends", what.into());
        return None;
    }
    if is_role {
        // who they are is each balancer's own: those of its site come first
        config.backends = vec![balancer::Place { address: "host:1".into(), weight: 1, is_spare: false }];
    }
    let faults = config.check();
    if is_role {
        config.backends = Vec::new();
    }
    for (key, what) in faults {
        if !reader.is_faulty(ROOM, key) {
            reader.blame(ROOM, key, format!("`{key}` in [{ROOM}]: {what}"));
        }
    }
    Some(config)
}

#[cfg(test)]
mod tests {
    use base::word::keys;
    use expect_test::{Expect, expect};

    use crate::config::Config;

    fn check(text: &str, faults: Expect) {
        let lines =
            Config::parse("ondol.toml", text).map_or_else(|f| f.lines.join("\n"), |c| format!("{c:?}"));
        faults.assert_eq(&lines);
    }

    #[test]
    fn web_servers_are_named_by_their_addresses_or_with_their_weights() {
        let text = "[balancer]\nbackends = [\"10.0.0.11:8090\", { address = \"web2:8090\", weight = 3 }]\nhold_time_max = \"5 s\"\n";
        let balancer = Config::parse("ondol.toml", text).expect("reads").balancer.expect("a balancer");
        let backends: Vec<_> = balancer.backends.iter().map(|b| (b.address.as_str(), b.weight)).collect();
        assert_eq!(backends, [("10.0.0.11:8090", 1), ("web2:8090", 3)]);
        assert_eq!(balancer.hold_time_max.0.as_secs(), 5);
        assert!(Config::parse("ondol.toml", "").expect("reads").balancer.is_none());
    }

    #[test]
    fn what_is_wrong_about_a_balancer_is_told_with_its_line() {
        check(
            "\n[balancer]\n",
            expect![[
                r#"ondol.toml:2: `backends` in [balancer]: name the web servers, such as backends = ["10.0.0.11:8090"]"#
            ]],
        );
        check(
            "[balancer]\nbackends = [\"10.0.0.11\", \"a:1\", \"a:1\", { address = \"b:1\", weight = 0 }]\nholdtime_max = 1\nprobe_path = \"x\"\n",
            expect![[r#"
                ondol.toml:2: `backends` in [balancer]: `10.0.0.11` is no address of a web server; write host:port, such as 10.0.0.11:8090
                ondol.toml:2: `backends` in [balancer]: `a:1` is named twice; give it a weight instead
                ondol.toml:2: `backends` in [balancer]: `b:1` has no weight; take it out, and reload, to send nothing there
                ondol.toml:3: unknown key `holdtime_max` in [balancer]; did you mean `hold_time_max`?
                ondol.toml:4: `probe_path` in [balancer]: `x` is no path; it begins with /"#]],
        );
    }

    #[test]
    fn the_page_of_the_balancer_shows_every_setting_with_its_default() {
        let page = include_str!("../../../../docs/balancer.md");
        let blocks = page.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next());
        let block = blocks.max_by_key(|block| block.len()).expect("a block");
        let shown = Config::parse("docs/balancer.md", block).expect("reads").balancer.expect("a balancer");
        let usual = balancer::Config { backends: shown.backends.clone(), ..balancer::Config::default() };
        assert_eq!(format!("{shown:#?}"), format!("{usual:#?}"));
        for word in keys::<balancer::Config>() {
            let is_shown =
                block.lines().any(|line| line.split('=').next().is_some_and(|key| key.trim() == *word));
            assert!(is_shown, "{word} is missing in docs/balancer.md");
        }
    }
}

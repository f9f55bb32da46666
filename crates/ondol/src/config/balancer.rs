//! The web servers that this process stands in front of: `[balancer]`.

use balancer::Config;

use super::read::Reader;
use crate::topology::core::{Role, Topology};

/// The table's name.
pub(super) const ROOM: &str = "balancer";
/// Its list of routes.
const ROUTES: &str = "routes";
/// What a host of sites does not do.
const ELSEWHERE: &str = "with sites, the `web` hosts answer what no route takes; take this line out";

/// The settings; `None` where nothing is balanced: the file has no such table, and no host of its sites is a balancer. Faults
/// go to the reader.
pub(super) fn read(reader: &mut Reader<'_>, topology: Option<&Topology>) -> Option<Config> {
    let is_role = topology.is_some_and(|topology| topology.with(Role::Balancer).next().is_some());
    if !reader.has(ROOM) {
        return is_role.then(Config::default);
    }
    let (routes, places): (Vec<_>, Vec<_>) = reader.list(ROOM, ROUTES).into_iter().unzip();
    let mut config = Config { routes, ..reader.room(ROOM) };
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
        config.backends =
            vec![balancer::Place { address: "host:1".into(), weight: 1, is_spare: false, is_host: false }];
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
    for (at, _) in config.routes.iter().enumerate().filter(|(_, route)| is_role && route.local) {
        reader.blame_listed((ROOM, ROUTES), &places[at], "local", ELSEWHERE);
    }
    for (at, key, what) in config.check_routes() {
        reader.blame_listed((ROOM, ROUTES), &places[at], key, &what);
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
                ondol.toml:4: `probe_path` in [balancer]: `x` is no path; it begins with /, and what is no plain sign is escaped in it"#]],
        );
    }

    #[test]
    fn routes_lead_by_host_and_path_to_what_is_named_above_them() {
        let text = "[balancer]\nroots = { static = \"/srv/static\" }\n[balancer.pools]\nmedia = [\"10.0.0.21:80\"]\n\
                    [[balancer.routes]]\npath = \"/static/\"\nfiles = \"static\"\n\
                    [[balancer.routes]]\nhost = \"m.popong.com\"\npool = \"media\"\nuploads = \"whole\"\n";
        let balancer = Config::parse("ondol.toml", text).expect("reads").balancer.expect("a balancer");
        let goals: Vec<_> = balancer.routes.iter().map(|route| (route.title(), route.goal())).collect();
        let [files, pool] = [balancer::Goal::Files("static"), balancer::Goal::Pool("media")];
        assert_eq!(goals, [("/static/".to_owned(), files), ("m.popong.com/".to_owned(), pool)]);
        assert!(balancer.has_local() && balancer.routes[1].uploads == balancer::Uploads::Whole);
    }

    #[test]
    fn what_is_wrong_about_a_route_is_told_with_its_line_and_the_nearest_word() {
        check(
            "[balancer]\nroots = { static = \"srv\" }\npools = { media = [\"a:1\"] }\n\
             [[balancer.routes]]\npth = \"/x\"\nfiles = \"statik\"\n\
             [[balancer.routes]]\npool = \"medai\"\npath = \"x\"\nstatus = \"y\"\n\
             [[balancer.routes]]\nhost = \"a:80\"\nredirect = \"https://b*\"\nstatus = 200\n\
             [[balancer.routes]]\npath = \"/x/\"\nlocal = true\nfiles = \"static\"\nreproxy_pools = [\"none\"]\n\
             [[balancer.routes]]\npath = \"/x/\"\n",
            expect![[r#"
                ondol.toml:2: `roots` in [balancer]: static: `srv` is no folder; write its whole path, from / on
                ondol.toml:5: unknown key `pth` in [[balancer.routes]]; did you mean `path`?
                ondol.toml:6: `files` in [[balancer.routes]]: there is no root `statik`; did you mean `static`?
                ondol.toml:8: `pool` in [[balancer.routes]]: there is no pool `medai`; did you mean `media`?
                ondol.toml:9: `path` in [[balancer.routes]]: `x` is no beginning of a path; it begins with / and has no %, //, /., \ or sign that a path must not have
                ondol.toml:10: `status` in [[balancer.routes]]: invalid type: string "y", expected u16
                ondol.toml:12: `host` in [[balancer.routes]]: `a:80` is no host; write a name without a port, such as www.popong.com or *.popong.com
                ondol.toml:13: `redirect` in [[balancer.routes]]: `https://b*` is no address to be sent to; write https://HOST/PATH or /PATH; a `*` may stand at its end, behind a /
                ondol.toml:16: `path` in [[balancer.routes]]: it leads to one of `pool`, `files`, `redirect` and `local`, not to several
                ondol.toml:19: `reproxy_pools` in [[balancer.routes]]: there is no pool `none`; there are media
                ondol.toml:21: `path` in [[balancer.routes]]: `/x/` of this host has a route already"#]],
        );
        check(
            "[balancer]\nroutes = 1\n",
            expect![[r#"
                ondol.toml:1: `backends` in [balancer]: name the web servers, such as backends = ["10.0.0.11:8090"]
                ondol.toml:2: `routes` in [balancer] is a list of tables: write [[balancer.routes]]"#]],
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
        let of_routes = page.split("```toml\n").find(|rest| rest.contains("requests_per_address_max"));
        let of_routes = of_routes.and_then(|rest| rest.split("```").next()).expect("a block of routes");
        Config::parse("docs/balancer.md", of_routes).expect("reads");
        for word in keys::<balancer::Route>() {
            assert!(of_routes.contains(&format!("{word} ")), "{word} is missing in docs/balancer.md");
        }
        for word in keys::<balancer::Config>() {
            let is_shown =
                block.lines().any(|line| line.split('=').next().is_some_and(|key| key.trim() == *word));
            assert!(is_shown, "{word} is missing in docs/balancer.md");
        }
    }
}

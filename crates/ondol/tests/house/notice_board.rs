//! A team's notice board, written against the unmodified client library, finds all that it relies on: on one box, and on three
//! web servers that share a database server and memcached.

use testbed::SignInPeer;

use crate::server::{EMAIL, House, PASSWORD, Server, run_app};

#[test]
fn the_notice_board_works() {
    let house = House::new();
    let mail = mail(&house);
    use_board_of(&house, &[house.start()], mail.as_ref());
}

#[test]
fn the_notice_board_works_on_three_web_servers_with_postgres() {
    let house = House::on("postgres", testbed::postgres().database());
    let mail = mail(&house);
    use_board_of(&house, &[house.start(), house.start(), house.start()], mail.as_ref());
}

#[test]
fn the_notice_board_works_on_three_web_servers_with_mariadb() {
    let house = House::on("mariadb", testbed::mariadb().database());
    let mail = mail(&house);
    use_board_of(&house, &[house.start(), house.start(), house.start()], mail.as_ref());
}

/// A mail server for a house, where there is one to be had.
pub(crate) fn mail(house: &House) -> Option<SignInPeer> {
    let smtp = testbed::free_port();
    let peer = testbed::sign_in_peer("mail", &["--smtp", &smtp.to_string()])?;
    house.sends_mail_to(smtp);
    Some(peer)
}

fn use_board_of(house: &House, servers: &[Server], mail: Option<&SignInPeer>) {
    let others: Vec<String> = servers[1..].iter().map(Server::url).collect();
    use_board(house, &servers[0].url(), &others, mail);
}

/// Goes through every check; with several servers each request goes to another one.
pub(crate) fn use_board(house: &House, first: &str, others: &[String], mail: Option<&SignInPeer>) {
    let settings = [
        ("BASE_URL", first.to_owned()),
        ("SERVERS", others.join(" ")),
        ("SUPERUSER_EMAIL", EMAIL.into()),
        ("SUPERUSER_PASSWORD", PASSWORD.into()),
        ("MAILS", mail.map(SignInPeer::base).unwrap_or_default()),
    ];
    let script: &[&str] =
        if others.is_empty() { &["main.js"] } else { &["--import", "./spread.js", "main.js"] };
    let checks = run_app(script, &settings, house);
    assert!(checks > 100, "it checks much, not {checks}");
}

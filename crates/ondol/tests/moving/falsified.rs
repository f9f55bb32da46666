//! A row of the target that somebody changes while the move goes on is found, and the source is not left.

use serde_json::Value;
use testbed::Database;

use crate::http::Client;
use crate::team::{Team, real, told};

#[test]
fn a_row_that_somebody_falsifies_meanwhile_is_found() {
    let Some(bills) = real("bills.csv") else {
        eprintln!("skipped a_row_that_somebody_falsifies_meanwhile_is_found: shared/data is not there");
        return;
    };
    let update = |table: &str, id: &str| {
        [
            format!("UPDATE \"{table}\" SET body = '{{}}' WHERE id = '{id}'"),
            format!("UPDATE `{table}` SET body = '{{}}' WHERE id = '{id}'"),
        ]
    };
    let databases = [testbed::postgres().database(), testbed::mariadb().database()];
    for (place, database) in databases.iter().enumerate() {
        let team = Team::new();
        team.well(&["import", bills.to_str().expect("UTF-8"), "--into", "bills", "--id-from", "bill_id"]);
        let served = team.serve();
        let token = served.prepare();
        let (table, id) = a_bill(&served.address, &token);

        let mover = team.mover(&database.url());
        wait_for(database, &table, &id);
        database.sql(&update(&table, &id)[place]);
        let (code, stdout, stderr) = told(&mover.wait_with_output().expect("it ends"));
        assert_eq!((code, stdout.as_str()), (1, ""), "{stderr}");
        assert!(stderr.contains("is not the same on both sides"), "{stderr}");
        let (code, _, stderr) = team.run(&["export", "bills"]);
        assert_eq!(code, 0, "the source serves: {stderr}");

        // left alone, the same move succeeds
        team.well(&["move", "--to", &database.url()]);
    }
}

/// The table of the bills, and the id of the first of them.
fn a_bill(address: &str, token: &str) -> (String, String) {
    let mut client = Client::new(address, token).expect("a connection");
    let mut ask = |path: &str| client.ask("GET", path, &Value::Null).expect("an answer").1;
    let collection = ask("/api/collections/bills")["id"].as_str().expect("an id").to_owned();
    let first = ask("/api/collections/bills/records?perPage=1&sort=@rowid")["items"][0]["id"].clone();
    (format!("r_r_{collection}"), first.as_str().expect("an id").to_owned())
}

/// Waits until the row has arrived.
fn wait_for(database: &Database, table: &str, id: &str) {
    let tables = format!("SELECT count(*) FROM information_schema.tables WHERE table_name = '{table}'");
    while database.sql(&tables).trim() == "0" {}
    let rows = format!("SELECT count(*) FROM {table} WHERE id = '{id}'");
    while database.sql(&rows).trim() == "0" {}
}

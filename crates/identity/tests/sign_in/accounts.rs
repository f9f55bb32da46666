//! Superusers, as the command makes them.

use base::secret::Secret;
use identity::superusers;

use crate::house::fixture;

#[tokio::test]
async fn superusers_are_made_renewed_listed_and_deleted() {
    let house = fixture().await;
    let (records, first) = (&house.records, Secret::new("first password"));
    assert!(superusers::create(records, "root@example.com", &first).await.is_err(), "already there");
    assert!(superusers::create(records, "nonsense", &first).await.is_err());
    assert!(superusers::create(records, "b@example.com", &Secret::new("short")).await.is_err());
    assert!(superusers::update(records, "b@example.com", &first).await.is_err(), "not there yet");
    let done = superusers::upsert(records, "b@example.com", &first).await.expect("made");
    assert_eq!(done, superusers::Done::Created);
    let done =
        superusers::upsert(records, "b@example.com", &Secret::new("second password")).await.expect("renewed");
    assert_eq!(done, superusers::Done::Updated);
    let listed = superusers::list(records).await.expect("a list");
    assert_eq!(
        listed.iter().map(|s| s.email.as_str()).collect::<Vec<_>>(),
        ["b@example.com", "root@example.com"]
    );
    superusers::delete(records, "root@example.com").await.expect("deleted");
    assert!(superusers::delete(records, "b@example.com").await.is_err(), "the last one stays");
    assert!(superusers::exist(records).await.expect("reads"));
}

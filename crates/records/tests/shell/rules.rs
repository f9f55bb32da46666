//! Who may do what.

use serde_json::{Value, json};

use crate::house::{House, guest, superuser, told};

async fn notes() -> House {
    let house = House::new().await;
    let users = house.records.catalog().find("users").unwrap().id.clone();
    house
        .collection(json!({
            "name": "notes", "type": "base",
            "fields": [
                { "name": "text", "type": "text" },
                { "name": "owner", "type": "relation", "collectionId": users, "maxSelect": 1 },
                { "name": "level", "type": "number" },
                { "name": "secret", "type": "text", "hidden": true },
            ],
            "listRule": "owner = @request.auth.id",
            "viewRule": "owner = @request.auth.id",
            "createRule": "@request.auth.id != '' && owner = @request.auth.id",
            "updateRule": "owner = @request.auth.id && @request.body.level:isset = false",
        }))
        .await;
    house
}

fn own(asking: &records::Request) -> String {
    asking.auth.as_ref().unwrap().row.id.clone()
}

#[tokio::test]
async fn each_sees_and_changes_their_own() {
    let house = notes().await;
    let (kim, lee) = (house.user("kim@example.com").await, house.user("lee@example.com").await);
    let made = house
        .create(&kim, "notes", json!({ "text": "비밀", "owner": own(&kim) }))
        .await
        .map_err(told)
        .unwrap();
    let id = made["id"].as_str().unwrap();
    assert_eq!(house.listed(&kim, "notes", "", "text").await, ["비밀"]);
    assert!(house.listed(&lee, "notes", "", "text").await.is_empty());
    assert!(house.listed(&guest(), "notes", "", "text").await.is_empty());
    assert!(told(house.view(&lee, ("notes", id), "").await.unwrap_err()).starts_with("404"));
    assert!(
        told(house.update(&lee, ("notes", id), json!({ "text": "x" })).await.unwrap_err()).starts_with("404")
    );
    assert_eq!(house.update(&kim, ("notes", id), json!({ "text": "새 글" })).await.unwrap()["text"], "새 글");
    let refused = house.update(&kim, ("notes", id), json!({ "level": 9 })).await.unwrap_err();
    assert!(told(refused).starts_with("404"));
}

#[tokio::test]
async fn a_create_rule_judges_the_record_that_would_be() {
    let house = notes().await;
    let (kim, lee) = (house.user("kim@example.com").await, house.user("lee@example.com").await);
    let theirs = house.create(&kim, "notes", json!({ "text": "x", "owner": own(&lee) })).await.unwrap_err();
    assert!(told(theirs).starts_with("400 Failed to create record."));
    assert!(
        told(house.create(&guest(), "notes", json!({ "text": "x" })).await.unwrap_err()).starts_with("400")
    );
    assert_eq!(house.count("notes").await, 0);
}

#[tokio::test]
async fn a_locked_rule_lets_superusers_only() {
    let house = notes().await;
    let kim = house.user("kim@example.com").await;
    let made = house.create(&kim, "notes", json!({ "owner": own(&kim) })).await.unwrap();
    let id = made["id"].as_str().unwrap();
    let fault = house.records.delete(&kim, "notes", id).await.unwrap_err();
    assert_eq!(told(fault), "403 Only superusers can perform this action. {}");
    house.records.delete(&superuser(&house.records), "notes", id).await.unwrap();
}

#[tokio::test]
async fn hidden_fields_are_neither_shown_nor_filtered_by() {
    let house = notes().await;
    let kim = house.user("kim@example.com").await;
    house
        .create(&superuser(&house.records), "notes", json!({ "owner": own(&kim), "secret": "s" }))
        .await
        .unwrap();
    assert_eq!(house.listed(&kim, "notes", "", "secret").await, [Value::Null]);
    let query = records::ListQuery { filter: "secret = 's'".into(), ..Default::default() };
    let text = told(house.records.list(&kim, "notes", &query).await.unwrap_err());
    assert!(text.starts_with("400"), "{text}");
}

#[tokio::test]
async fn an_address_is_shown_to_its_owner_and_to_others_only_if_they_may() {
    let house = House::new().await;
    let (kim, lee) = (house.user("kim@example.com").await, house.user("lee@example.com").await);
    let shown = |v: &Value| v.get("email").cloned();
    let root = superuser(&house.records);
    assert_eq!(
        shown(&house.view(&kim, ("users", &own(&kim)), "").await.unwrap()),
        Some(json!("kim@example.com"))
    );
    assert_eq!(
        shown(&house.view(&root, ("users", &own(&kim)), "").await.unwrap()),
        Some(json!("kim@example.com"))
    );
    let users = json!({ "viewRule": "", "listRule": "" });
    house.records.update_collection("users", users.as_object().unwrap()).await.unwrap();
    let seen = house.view(&lee, ("users", &own(&kim)), "").await.unwrap();
    assert_eq!((shown(&seen), seen.get("password"), seen.get("tokenKey")), (None, None, None));
}

#[tokio::test]
async fn a_password_change_needs_the_old_one_and_rotates_the_token_key() {
    let house = House::new().await;
    let kim = house.user("kim@example.com").await;
    let place = ("users", own(&kim));
    let key = |asking: &records::Request| {
        let account = asking.auth.clone().unwrap();
        house.records.values(&account.collection, &account.row).0["tokenKey"].clone()
    };
    let new = json!({ "password": "a new one", "passwordConfirm": "a new one" });
    let text = told(house.update(&kim, (place.0, &place.1), new).await.unwrap_err());
    assert!(text.contains("oldPassword"), "{text}");
    let wrong = json!({ "oldPassword": "wrong", "password": "a new one", "passwordConfirm": "a new one" });
    assert!(told(house.update(&kim, (place.0, &place.1), wrong).await.unwrap_err()).contains("oldPassword"));
    let right =
        json!({ "oldPassword": "correct horse", "password": "a new one", "passwordConfirm": "a new one" });
    house.update(&kim, (place.0, &place.1), right).await.map_err(told).unwrap();
    let later = house.asking_as("users", &place.1).await;
    assert_ne!(key(&kim), key(&later));
    let account = later.auth.clone().unwrap();
    assert!(house.records.verify_password(Some(&account), "a new one").await.unwrap());
    assert!(!house.records.verify_password(Some(&account), "correct horse").await.unwrap());
}

//! Files of records.

use records::{Draft, Shape, Upload};
use serde_json::{Value, json};

use crate::house::{House, guest, object, told};

async fn album() -> House {
    let house = House::new().await;
    let fields = json!([
        { "name": "cover", "type": "file", "maxSelect": 1, "maxSize": 100 },
        { "name": "pictures", "type": "file", "maxSelect": 5, "mimeTypes": ["image/png"] },
    ]);
    house.open_collection("albums", fields).await;
    house
}

async fn upload(house: &House, key: &str, name: &str, bytes: &[u8]) -> Upload {
    let mut file = house.records.store().files().begin().await.unwrap();
    file.write(bytes).await.unwrap();
    Upload { key: key.into(), name: name.into(), file }
}

async fn create(house: &House, uploads: Vec<Upload>) -> Result<Value, records::Error> {
    let draft = Draft { values: object(json!({})), uploads };
    let written = house.records.create(&guest(), "albums", draft, &Shape::default()).await?;
    Ok(serde_json::from_str(&written.json).unwrap())
}

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n0000";

async fn is_there(house: &House, id: &str, name: &str) -> bool {
    let table = house.records.catalog().find("albums").unwrap().table();
    house.records.store().files().find(table.as_str(), id, name).await.unwrap().is_some()
}

#[tokio::test]
async fn files_come_with_a_record_and_go_with_it() {
    let house = album().await;
    let uploads = vec![
        upload(&house, "cover", "표지 그림.TXT", b"text").await,
        upload(&house, "pictures", "a.png", PNG).await,
        upload(&house, "pictures", "b.png", PNG).await,
    ];
    let made = create(&house, uploads).await.map_err(told).unwrap();
    let (id, cover) = (made["id"].as_str().unwrap(), made["cover"].as_str().unwrap());
    assert!(cover.starts_with("표지_그림_") && cover.ends_with(".txt"), "{cover}");
    let pictures: Vec<_> = made["pictures"].as_array().unwrap().iter().map(|p| p.as_str().unwrap()).collect();
    assert_eq!(pictures.len(), 2);
    assert!(is_there(&house, id, cover).await && is_there(&house, id, pictures[0]).await);
    let changed = house
        .update(&guest(), ("albums", id), json!({ "pictures-": pictures[0], "cover": "" }))
        .await
        .unwrap();
    assert_eq!((&changed["cover"], &changed["pictures"]), (&json!(""), &json!([pictures[1]])));
    assert!(!is_there(&house, id, cover).await && !is_there(&house, id, pictures[0]).await);
    house.records.delete(&guest(), "albums", id).await.unwrap();
    assert!(!is_there(&house, id, pictures[1]).await);
}

#[tokio::test]
async fn a_file_too_large_or_of_another_kind_is_refused_and_leaves_nothing() {
    let house = album().await;
    let uploads = vec![
        upload(&house, "cover", "a.txt", &[0; 101]).await,
        upload(&house, "pictures", "a.png", b"no picture").await,
    ];
    let text = told(create(&house, uploads).await.unwrap_err());
    assert!(
        text.contains("validation_file_size_limit") && text.contains("validation_invalid_mime_type"),
        "{text}"
    );
    assert_eq!(house.count("albums").await, 0);
}

#[tokio::test]
async fn a_name_that_was_never_uploaded_is_not_taken() {
    let house = album().await;
    let sent = json!({ "cover": "../../data.db", "pictures": ["x.png"] });
    let text = told(house.create(&guest(), "albums", sent).await.unwrap_err());
    assert!(text.contains("\"cover\":{\"code\":\"validation_invalid_file\""), "{text}");
    assert_eq!(house.count("albums").await, 0);
}

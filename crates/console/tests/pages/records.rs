//! Records: their grid and their form, there and back.

use axum::body::Body;
use axum::http::{Request, StatusCode};

use crate::house::{HOSTILE, House, escaped};

#[tokio::test]
async fn a_record_goes_through_its_form_and_back() {
    let house = House::signed_in().await.with_bills().await;
    let sent = [
        ("f.title", "온돌\r\n난방"),
        ("f.number", "2104"),
        ("f.topics", "환경"),
        ("f.topics", "교육"),
        ("f.extra", "{\"a\": [1]}"),
    ];
    let made = house.post("/_/collections/bills/new", &sent).await;
    assert_eq!(made.location(), "/_/collections/bills?said=made", "{}", made.page);
    let path = format!("/_/collections/bills/records/{}", house.newest().await);
    let form = house.get(&path).await;
    assert!(form.page.contains("온돌\n난방") && form.page.contains("value=\"2104\""));
    assert!(form.page.contains("value=\"교육\" checked") && form.page.contains("&quot;a&quot;: [\n    1"));
    let rev = form.value("_rev").to_owned();
    let changed = [("_rev", &*rev), ("f.title", "온돌"), ("f.number", ""), ("f.extra", "")];
    assert_eq!(house.post(&path, &changed).await.location(), format!("{path}?said=saved"));
    let form = house.get(&path).await;
    assert!(!form.page.contains("value=\"교육\" checked"));
    assert!(form.page.contains("name=\"f.number\" type=\"number\" step=\"any\" value=\"0\""));
}

#[tokio::test]
async fn a_form_that_was_overtaken_asks_before_it_overwrites() {
    let house = House::signed_in().await.with_bills().await;
    house.post("/_/collections/bills/new", &[("f.title", "one")]).await;
    let path = format!("/_/collections/bills/records/{}", house.newest().await);
    let rev = house.get(&path).await.value("_rev").to_owned();
    house.post(&path, &[("_rev", &rev), ("f.title", "theirs")]).await;
    let mine = house.post(&path, &[("_rev", &rev), ("f.title", "mine")]).await;
    assert_eq!(mine.status, StatusCode::BAD_REQUEST);
    assert!(mine.page.contains("Somebody else has changed this record") && mine.page.contains("mine"));
    let fresh = mine.value("_rev").to_owned();
    assert_eq!(
        house.post(&path, &[("_rev", &fresh), ("f.title", "mine")]).await.status,
        StatusCode::SEE_OTHER
    );
}

#[tokio::test]
async fn what_is_wrong_stands_beside_its_field() {
    let house = House::signed_in().await.with_bills().await;
    let sent = [("f.title", ""), ("f.number", "3")];
    let reply = house.post("/_/collections/bills/new", &sent).await;
    assert_eq!(reply.status, StatusCode::BAD_REQUEST);
    assert!(
        reply.page.contains("id=\"f-title-fault\">Cannot be blank.") && reply.page.contains("value=\"3\"")
    );
    let reply = house.post("/_/collections/bills/new", &[("f.title", "x"), ("f.extra", "{oops")]).await;
    assert!(reply.page.contains("This is not JSON") && reply.page.contains("{oops"));
}

#[tokio::test]
async fn an_upload_is_kept_shown_and_taken_away() {
    let house = House::signed_in().await.with_bills().await;
    let body = "--x\r\nContent-Disposition: form-data; name=\"f.title\"\r\n\r\nwith a file\r\n\
                --x\r\nContent-Disposition: form-data; name=\"f.paper\"; filename=\"note.txt\"\r\n\
                Content-Type: text/plain\r\n\r\nwarm\r\n--x--\r\n";
    let request = Request::post("/_/collections/bills/new")
        .header("sec-fetch-site", "same-origin")
        .header("content-type", "multipart/form-data; boundary=x");
    let made = house.answer(request, Body::from(body)).await;
    assert_eq!(made.status, StatusCode::SEE_OTHER, "{}", made.page);
    let path = format!("/_/collections/bills/records/{}", house.newest().await);
    let form = house.get(&path).await;
    let (file, rev) = (form.value("f.paper.remove").to_owned(), form.value("_rev").to_owned());
    assert!(file.starts_with("note_") && form.page.contains("/api/files/bills/"));
    house.post(&path, &[("_rev", &rev), ("f.title", "without"), ("f.paper.remove", &file)]).await;
    assert!(!house.get(&path).await.page.contains(&file));
}

#[tokio::test]
async fn hostile_content_is_shown_as_text() {
    let house = House::signed_in().await.with_bills().await;
    house.post("/_/collections/bills/new", &[("f.title", HOSTILE)]).await;
    let path = format!("/_/collections/bills/records/{}", house.newest().await);
    let query = escaped(HOSTILE);
    for path in [
        &*path,
        "/_/collections/bills",
        &format!("/_/collections/bills?filter={query}&sort={query}&column={query}"),
    ] {
        let page = house.get(path).await.page;
        assert!(page.contains("&lt;script&gt;") && !page.contains("<script>"), "{path}");
    }
}

#[tokio::test]
async fn words_find_and_a_wrong_filter_is_told() {
    let house = House::signed_in().await.with_bills().await;
    for title in ["온돌 난방", "마을 도서관"] {
        house.post("/_/collections/bills/new", &[("f.title", title)]).await;
    }
    let found = house.get(&format!("/_/collections/bills?filter={}", escaped("난방 온돌"))).await.page;
    assert!(found.contains("1 found") && found.contains("온돌 난방") && !found.contains("마을 도서관"));
    let none = house.get(&format!("/_/collections/bills?filter={}", escaped("a\\ \"' %"))).await;
    assert!(none.status == StatusCode::OK && none.page.contains("Nothing fits"), "quotes are no filter");
    let wrong = house.get(&format!("/_/collections/bills?filter={}", escaped("titel = 1"))).await.page;
    assert!(wrong.contains("The filter can&#39;t be read") || wrong.contains("The filter can't be read"));
    assert!(wrong.contains("titel"));
}

#[tokio::test]
async fn records_go_only_when_it_was_asked() {
    let house = House::signed_in().await.with_bills().await;
    house.post("/_/collections/bills/new", &[("f.title", "to go")]).await;
    let id = house.newest().await;
    let asked = house.post("/_/collections/bills/delete", &[("id", &id)]).await;
    assert!(asked.page.contains("Delete this record?") && asked.page.contains("to go"));
    assert_eq!(house.newest().await, id);
    let gone = house.post("/_/collections/bills/delete", &[("id", &id), ("sure", "1")]).await;
    assert_eq!(gone.location(), "/_/collections/bills?said=deleted");
    assert!(house.get("/_/collections/bills").await.page.contains("No records yet"));
}

#[tokio::test]
async fn a_new_account_needs_its_password_twice() {
    let house = House::signed_in().await;
    let with =
        |again| [("f.email", "a@example.com"), ("f.password", "long enough"), ("f.passwordConfirm", again)];
    let refused = house.post("/_/collections/users/new", &with("other")).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    assert!(!refused.page.contains("long enough"), "a password never comes back");
    let made = house.post("/_/collections/users/new", &with("long enough")).await;
    assert_eq!(made.location(), "/_/collections/users?said=made", "{}", made.page);
}

#[tokio::test]
async fn an_export_holds_each_record_that_the_filter_finds_once() {
    let house = House::signed_in().await.with_bills().await;
    for title in ["온돌 하나", "온돌 둘", "마을"] {
        house.post("/_/collections/bills/new", &[("f.title", title)]).await;
    }
    let all = house.get("/_/collections/bills/export").await;
    assert_eq!(all.page.lines().count(), 3);
    assert!(all.headers["content-disposition"].to_str().expect("plain").contains("bills.jsonl"));
    let some = house.get(&format!("/_/collections/bills/export?filter={}", escaped("온돌"))).await.page;
    assert_eq!(some.lines().filter(|line| line.contains("온돌")).count(), 2);
    assert_eq!(
        house.get("/_/collections/bills/export?filter=nope%3D1").await.status,
        StatusCode::BAD_REQUEST
    );
}

#[tokio::test]
async fn the_pulse_moves_with_every_write() {
    let house = House::signed_in().await.with_bills().await;
    house.hears_all().await;
    let before = house.get("/_/pulse").await.page;
    house.post("/_/collections/bills/new", &[("f.title", "x")]).await;
    house.hears_all().await;
    assert_ne!(house.get("/_/pulse").await.page, before);
}

#[tokio::test]
async fn a_picker_offers_what_its_search_finds() {
    let house = House::signed_in().await.with_bills().await;
    for title in ["온돌", "마을"] {
        house.post("/_/collections/bills/new", &[("f.title", title)]).await;
    }
    let bills = house.records.catalog().find("bills").expect("there").id.clone();
    house.post("/_/new", &[("name", "notes")]).await;
    let editor = house.get("/_/collections/notes/fields").await;
    let sent = [
        ("field.0.id", editor.value("field.0.id")),
        ("field.0.type", "text"),
        ("field.1.type", "relation"),
        ("field.1.name", "about"),
        ("field.1.collectionId", &bills),
        ("field.1.maxSelect", "1"),
        ("_do", "save"),
    ];
    assert_eq!(house.post("/_/collections/notes/fields", &sent).await.status, StatusCode::SEE_OTHER);
    let found = house.get(&format!("/_/collections/notes/pick/about?q={}", escaped("온돌"))).await.page;
    assert!(found.contains("온돌") && !found.contains("마을"), "{found}");
    let form = house.post("/_/collections/notes/new", &[("_find.about", "마을"), ("_do", "find")]).await;
    assert_eq!(form.status, StatusCode::OK, "searching is not saving");
    assert!(form.page.contains("마을") && !form.page.contains("<span>온돌</span>"));
    let chosen = form.value("f.about").to_owned();
    let made = house.post("/_/collections/notes/new", &[("f.about", &chosen)]).await;
    assert_eq!(made.location(), "/_/collections/notes?said=made", "{}", made.page);
    let grid = house.get("/_/collections/notes").await.page;
    assert!(grid.contains(&format!("/_/collections/bills/records/{chosen}")) && grid.contains("마을"));
}

#[tokio::test]
async fn the_audit_list_is_read_like_any_records() {
    let house = House::signed_in().await;
    let front = house.get("/_/collections").await;
    assert!(front.page.contains("href=\"/_/collections/_audit\""), "{}", front.page);
    let page = house.get("/_/collections/_audit").await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.page.contains("sign_in") && page.page.contains("superuser_made"), "{}", page.page);
}

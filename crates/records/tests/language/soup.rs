//! Filters and sorts made of anything: none may panic, and whatever is taken must be SQL without a word of the user's in
//! it that the database understands.

use proptest::prelude::*;
use store::dialect::sqlite;

use super::*;

const WORDS: [&str; 62] = [
    "title",
    "room",
    "done",
    "author",
    "editors",
    "tags",
    "kind",
    "meta",
    "spot",
    "at",
    "secret",
    "id",
    "name",
    "team",
    "owner",
    "level",
    "roles",
    "likes",
    "notes_via_post",
    "comments_via_post",
    "members_via_user",
    "posts_via_editors",
    "@request.auth.",
    "@request.body.",
    "@request.query.x",
    "@collection.members.",
    "@collection.teams:a.",
    "@now",
    "@todayStart",
    ".",
    ".",
    ".",
    ":each",
    ":length",
    ":lower",
    ":isset",
    ":changed",
    "=",
    "!=",
    "~",
    "!~",
    ">",
    "<=",
    "?=",
    "?!~",
    "&&",
    "||",
    "(",
    ")",
    ",",
    "'marked \\' \" --'",
    "\"marked;%_\"",
    "'2026'",
    "12.5",
    "-1",
    "null",
    "true",
    "strftime(",
    "geoDistance(",
    "//",
    "\n",
    "'",
];

/// A well-formed comparison, so that much of the soup is taken.
const TERMS: [&str; 12] = [
    "title='marked'",
    "editors.name~'marked'",
    "author.team.owner.name!=title",
    "tags:each?=kind",
    "meta.a.0.b=5",
    "@collection.members.user?=author",
    "comments_via_post.by.team.name='marked'",
    "author.notes_via_likes.text>at",
    "@request.auth.team.name=author.team.name",
    "@request.body.title:changed=true",
    "strftime('%Y',editors.name)=''",
    "geoDistance(spot.lon,spot.lat,1,2)<room",
];

fn soup() -> impl Strategy<Value = String> {
    let word = prop_oneof![
        3 => proptest::sample::select(&WORDS[..]).prop_map(str::to_owned),
        1 => any::<char>().prop_map(String::from),
    ];
    let loose = proptest::collection::vec(word, 0..20).prop_map(|words| words.join(" "));
    let glued = proptest::collection::vec(proptest::sample::select(&WORDS[..]), 0..20)
        .prop_map(|words| words.concat());
    let join = proptest::sample::select(&[" && ", "||", " && (", ") || ", " "][..]);
    let terms = proptest::collection::vec((proptest::sample::select(&TERMS[..]), join), 1..8)
        .prop_map(|all| all.iter().flat_map(|(term, join)| [*term, *join]).chain(["1=1"]).collect());
    prop_oneof![loose, glued, terms]
}

/// Compiles a text in every role, and lets the database read what comes out.
fn taste(world: &World, runtime: &tokio::runtime::Runtime, text: &str) {
    for (who, role) in
        [("root", "filter"), ("kim", "filter"), ("kim", "rule"), ("guest", "rule"), ("root", "sort")]
    {
        let asked = serde_json::json!({"as": who, role: text});
        let Ok(select) = world.select(&asked) else { continue };
        assert!(!sqlite::select(&select).text.contains("marked"), "{asked}");
        let count = runtime.block_on(async { world.store.reader().await.unwrap().count(&select).await });
        count.unwrap_or_else(|error| panic!("{error:?}: {asked}"));
    }
}

#[test]
fn whatever_is_taken_is_read_by_the_database() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let world = runtime.block_on(World::new());
    let config = ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() };
    proptest!(config, |(text in soup())| taste(&world, &runtime, &text));
}

/// What was found by longer runs, and what somebody will try first.
#[test]
fn known_troublemakers_do_no_harm() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let world = runtime.block_on(World::new());
    let long = [
        "(".repeat(3000),
        "title='x'&&".repeat(300),
        format!("meta{} = 1", ".a".repeat(1500)),
        format!("{} = 1", "author.".repeat(400)),
        format!("title = '{}'", "\\".repeat(3001)),
    ];
    let short = [
        "title = '\0'",
        "meta.a\0b = 1",
        "title ~ '%_\\'",
        "title = ''' OR 1=1 --'",
        "'marked' ~ 'marked'",
        "meta.0.00.99999999999999999999 = 1",
        "@request.body.editors:each = @request.body.editors:each",
        "title = 179769313486231570000000000000000000000",
        "-title,--title",
        "🙂 = 1",
    ];
    long.iter().map(String::as_str).chain(short).for_each(|text| taste(&world, &runtime, text));
}

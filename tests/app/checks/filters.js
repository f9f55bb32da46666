// The filter language, asked of five posts: each line is a filter and the posts that it finds.

import assert from "node:assert/strict";

import { found, refused } from "../board/expect.js";

const ALL = ["dinner", "floor", "lower", "move", "sale"];

/** A check that each filter finds its posts, all told at once. */
const finds = (name, table) => [name, async ({ root }) => {
  const wrong = [];
  for (const [filter, expected] of table) {
    const told = await found(root, filter).then(
      (names) => names.join(" "),
      (error) => `refused: ${error.status} ${JSON.stringify(error.response)}`,
    );
    if (told !== [...expected].sort().join(" ")) wrong.push(`${filter}\n  expected: ${expected.join(" ")}\n  found:    ${told}`);
  }
  assert.equal(wrong.length, 0, `\n${wrong.join("\n")}`);
}];

export default [
  finds("texts and numbers are compared", [
    ["", ALL],
    ["title = '주말 회식'", ["dinner"]],
    ["title != '주말 회식'", ["floor", "lower", "move", "sale"]],
    ['title = "주말 회식"', ["dinner"]],
    ["votes > 2.5", ["floor", "sale"]],
    ["votes >= 2.5", ["floor", "lower", "sale"]],
    ["votes < 0", ["move"]],
    ["votes <= 0", ["dinner", "move"]],
    ["votes = -3", ["move"]],
    ["2.5 = votes", ["lower"]],
    ["seats = 0", ["move", "sale"]],
    ["title > 'm'", ["dinner", "floor"]],
  ]),

  finds("a part of a text is found, in either case, and marks are only marks", [
    ["title ~ '온돌'", ["floor"]],
    ["title ~ 'LOWER'", ["lower"]],
    ["title !~ 'e'", ["dinner", "floor", "sale"]],
    ["title ~ 'server%'", ["move"]],
    ["title ~ '%점검'", ["floor"]],
    ["title ~ 'oregon%'", []],
    ["title ~ '할인_행사'", ["sale"]],
    ["title ~ '할인%행사'", []],
    ["title ~ '%할인%행사'", ["sale"]],
    ["title ~ 'ov_s'", []],
    ["title ~ ''", ALL],
  ]),

  finds("conditions join, with brackets, spaces, line ends and comments", [
    ["votes > 0 && pinned = true", ["floor", "sale"]],
    ["votes < 0 || votes > 9", ["move", "sale"]],
    ["(votes < 0 || votes > 9) && status = 'draft'", ["sale"]],
    ["votes < 0 || votes > 9 && status = 'draft'", ["move", "sale"]],
    ["votes<0||(votes>9&&status='draft')", ["move", "sale"]],
    ["votes > 0\n&& // only the pinned\npinned = true", ["floor", "sale"]],
    ["((((votes = 5))))", ["floor"]],
  ]),

  finds("truth, nothing and emptiness", [
    ["pinned = true", ["floor", "sale"]],
    ["pinned != true", ["dinner", "lower", "move"]],
    ["pinned = false", ["dinner", "lower", "move"]],
    ["due = ''", ["dinner"]],
    ["due = null", ["dinner"]],
    ["due != null", ["floor", "lower", "move", "sale"]],
    ["body = ''", ["dinner", "lower", "sale"]],
    ["extra = null", ["dinner"]],
    ["true = true", ALL],
    ["1 = 2", []],
  ]),

  finds("texts with quotes are texts", [
    ["title = 'it\\'s'", []],
    ["title != \"a 'b' c\"", ALL],
    ["title = '\\' OR 1=1 --'", []],
    ["title ~ '\\''", []],
  ]),

  finds("dates are compared as dates, and macros know today", [
    ["due > '2020-02-01'", ["lower", "move", "sale"]],
    ["due >= '2020-01-10 10:00:00.000Z' && due < '2020-03-01'", ["floor", "move"]],
    ["due > @now", ["sale"]],
    ["due != '' && due < @now", ["floor", "lower", "move"]],
    ["due < @todayStart && due != ''", ["floor", "lower", "move"]],
    ["due > @todayEnd", ["sale"]],
    ["due > @monthEnd && due > @yearEnd && due > @tomorrow", ["sale"]],
    ["due < @monthStart && due < @yearStart && due < @yesterday && due != ''", ["floor", "lower", "move"]],
    ["@todayStart <= @now && @now <= @todayEnd && @yesterday < @now && @now < @tomorrow", ALL],
    ["@monthStart <= @todayStart && @todayEnd <= @monthEnd", ALL],
    ["@yearStart <= @monthStart && @monthEnd <= @yearEnd", ALL],
    ["created > '2020-01-01' && created < @tomorrow", ALL],
    ["@year > 2024 && @month >= 1 && @month <= 12 && @day >= 1 && @day <= 31", ALL],
    ["@hour >= 0 && @hour < 24 && @minute < 60 && @second < 60 && @weekday >= 0 && @weekday < 7", ALL],
    ["@year = 1999", []],
  ]),

  finds("functions", [
    ["strftime('%Y', due) = '2020'", ["floor", "move"]],
    ["strftime('%m-%d', due) = '06-01'", ["lower"]],
    ["strftime('%Y-%m-%d', due, '+1 day') = '2020-02-21'", ["move"]],
    ["geoDistance(place.lon, place.lat, 126.978, 37.5665) < 10", ["floor"]],
    ["geoDistance(place.lon, place.lat, 126.978, 37.5665) < 400", ["dinner", "floor"]],
    ["geoDistance(place.lon, place.lat, team.place.lon, team.place.lat) < 1", ["floor", "move"]],
    ["place.lat > 40", ["move"]],
  ]),

  finds("what is inside JSON", [
    ["extra.floor = 2", ["floor"]],
    ["extra.floor > 1", ["floor"]],
    ["extra.names.1 = '나래'", ["floor"]],
    ["extra.rooms.1.warm = 22", ["floor"]],
    ["extra = 42", ["lower"]],
    ["extra = 'text'", ["sale"]],
    ["extra.gone = null", ALL],
    ["extra.names ~ '가람'", ["floor"]],
  ]),

  finds("any of several values, or each of them", [
    ["tags:each = 'fun'", ["dinner"]],
    ["tags:each ?= 'fun'", ["dinner", "lower"]],
    ["tags:each != 'ops'", ["dinner", "floor", "sale"]],
    ["tags:each ?!= 'ops'", ALL],
    ["tags:each ~ 'o'", ["floor", "move"]],
    ["tags:each ?~ 'o'", ["floor", "lower", "move"]],
    ["tags ~ 'home'", ["floor", "lower"]],
    ["tags ?~ 'home'", ["floor", "lower"]],
    ["tags:length = 3", ["lower"]],
    ["tags:length > 1", ["floor", "lower", "move"]],
    ["tags:length = 0", ["sale"]],
    ["readers:length = 2", ["floor"]],
  ]),

  finds("lower case", [
    ["title:lower = 'lower case title'", ["lower"]],
    ["title:lower ~ 'server'", ["move"]],
    ["title:lower = 'lower CASE Title'", []],
  ]),

  finds("relations are followed, one and many", [
    ["team.name = 'Ops'", ["lower", "move", "sale"]],
    ["author.name = 'junho'", ["dinner", "move"]],
    ["readers.name = 'junho'", ["dinner"]],
    ["readers.name ?= 'junho'", ["dinner", "floor"]],
    ["readers.name ?!= 'junho'", ["floor", "lower", "move", "sale"]],
    ["readers.name ?~ 'jun'", ["dinner", "floor"]],
    ["readers.id ?= author.id", ["dinner", "floor", "sale"]],
    ["readers.name = ''", ["lower", "move"]],
  ]),

  finds("relations are followed backwards", [
    ["comments_via_post.stars ?> 4", ["floor", "lower"]],
    ["comments_via_post.stars > 4", ["lower"]],
    ["comments_via_post.stars ?>= 4 && comments_via_post.stars ?< 5", ["dinner"]],
    ["comments_via_post.stars = 5", ["lower"]],
    ["comments_via_post.text ?~ '번째'", ["floor"]],
    ["comments_via_post.author.name ?= 'junho'", ["floor", "lower"]],
    ["comments_via_post.id = ''", ["move", "sale"]],
  ]),

  finds("other collections are asked", [
    ["@collection.comments.post ?= id", ["dinner", "floor", "lower"]],
    ["@collection.comments.post ?= id && @collection.comments.stars ?= 4", ["dinner"]],
    ["@collection.comments:a.post ?= id && @collection.comments:a.text ?= 'ok'", ["lower"]],
    ["@collection.teams.name ?= 'Ops'", ALL],
    ["@collection.teams.name ?= 'gone'", []],
  ]),

  finds("any-of operators compare too", [
    ["readers.name ?!~ 'jun'", ["floor", "sale"]],
    ["comments_via_post.stars ?< 2", ["floor"]],
    ["comments_via_post.stars ?<= 4", ["dinner", "floor"]],
    ["comments_via_post.stars ?>= 5", ["floor", "lower"]],
    ["votes ?= 5", ["floor"]],
  ]),

  finds("the request is known", [
    ["@request.method = 'GET'", ALL],
    ["@request.context = 'default'", ALL],
    ["@request.query.filter != ''", ALL],
    ["@request.auth.id != ''", ALL],
    ["@request.auth.collectionName = '_superusers'", ALL],
    ["@request.headers.user_agent != '' || @request.headers.accept_language:isset = true", ALL],
    ["@request.body.title:isset = false", ALL],
  ]),

  ["a member's filter is asked under the rules", async ({ members, guest }) => {
    assert.deepEqual(await found(guest, ""), ["dinner", "floor", "lower"]);
    assert.deepEqual(await found(members.junho.pb, "votes != 99"), ["dinner", "floor", "lower", "move"]);
  }],

  ["only superusers filter and sort by the request and by other collections", async ({ members, guest }) => {
    for (const pb of [members.minji.pb, guest]) {
      const posts = pb.collection("posts");
      for (const filter of ["author = @request.auth.id", "votes > 0 && @collection.locked.text ?= 'x'"]) {
        await refused(403, posts.getList(1, 1, { filter }));
      }
      await refused(403, posts.getList(1, 1, { sort: "@request.auth.id" }));
    }
  }],

  ["values are put into a filter by the client, Korean and quotes too", async ({ root }) => {
    const filter = (text, values) => found(root, root.filter(text, values));
    assert.deepEqual(await filter("title = {:title}", { title: "온돌 바닥 점검" }), ["floor"]);
    assert.deepEqual(await filter("title != {:title}", { title: "o'clock \"옷\" \\" }), ALL);
    assert.deepEqual(await filter("due < {:day} && due != ''", { day: new Date(Date.UTC(2020, 0, 31)) }), ["floor"]);
    assert.deepEqual(await filter("votes = {:votes} && pinned = {:pinned}", { votes: 5, pinned: true }), ["floor"]);
    assert.deepEqual(await filter("due = {:due}", { due: null }), ["dinner"]);
  }],

  ["a broken filter is refused, and says nothing of SQL", async ({ root }) => {
    const broken = [
      "votes >", "votes = ", "= 5", "(votes = 5", "votes = 5)", "votes == 5", "gone = 1", "votes = 5 && ", "votes = 5 and pinned",
      "title = 'open", "title.gone = 1", "team.gone = 1", "title:gone = 1", "gone(1) = 1", "@gone = 1", "@collection.gone.id = 1",
      "'; DROP TABLE posts; --", "votes = 5; votes = 6", "strftime(1) = 1", "geoDistance(1,2,3) < 4", "\u0000", "🙂 = 1",
    ];
    const passed = [];
    for (const filter of broken) {
      const answer = await root.collection("posts").getList(1, 1, { filter }).catch((error) => error);
      if (answer.status !== 400) passed.push(`${filter} -> ${answer.status ?? "a list"}`);
      else assert.doesNotMatch(JSON.stringify(answer.response), /sqlite|syntax error|near |SELECT|no such column/i);
    }
    assert.deepEqual(passed, []);
    assert.equal((await root.collection("posts").getList(1, 1)).totalItems, 5);
  }],
];

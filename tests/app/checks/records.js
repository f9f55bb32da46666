// Records: one and many, in pages and in order.

import assert from "node:assert/strict";

import { TITLES } from "../board/seed.js";
import { found, refused } from "../board/expect.js";

export default [
  ["a record comes back as it was sent, every kind of field", async ({ root, posts, members, teams }) => {
    const post = await root.collection("posts").getOne(posts[TITLES.floor]);
    assert.equal(post.collectionName, "posts");
    assert.equal(post.title, "온돌 바닥 점검");
    assert.equal(post.body, "<p>이번 주 <b>토요일</b>에 바닥을 &amp; 방을 점검합니다.</p>");
    assert.equal(post.team, teams["난방팀"]);
    assert.deepEqual(post.readers, [members.minji.id, members.junho.id]);
    assert.deepEqual(post.photos, []);
    assert.equal(post.contract, "");
    assert.deepEqual(post.tags, ["notice", "home"]);
    assert.equal(post.votes, 5);
    assert.equal(post.pinned, true);
    assert.equal(post.due, "2020-01-10 10:00:00.000Z");
    assert.deepEqual(post.extra, { floor: 2, names: ["가람", "나래"], rooms: [{ warm: 1 }, { warm: 22 }] });
    assert.equal(post.contact, "floor@example.com");
    assert.equal(post.link, "https://example.com/floor");
    assert.deepEqual(post.place, { lon: 126.978, lat: 37.5665 });
    assert.match(post.created, /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}Z$/);
    assert.equal(post.updated, post.created);
  }],

  ["what was not sent comes back as its kind's nothing", async ({ root, posts }) => {
    const post = await root.collection("posts").getOne(posts[TITLES.sale]);
    assert.equal(post.body, "");
    assert.equal(post.seats, 0);
    assert.equal(post.contact, "");
    assert.deepEqual(post.place, { lon: 0, lat: 0 });
    assert.deepEqual(post.photos, []);
    const dinner = await root.collection("posts").getOne(posts[TITLES.dinner]);
    assert.equal(dinner.due, "");
    assert.equal(dinner.extra, null);
    assert.equal(dinner.pinned, false);
  }],

  ["a date is taken in several forms and given in one", async ({ root, posts }) => {
    assert.equal((await root.collection("posts").getOne(posts[TITLES.lower])).due, "2021-06-01 00:00:00.000Z");
    const id = posts[TITLES.dinner];
    const zoned = await root.collection("posts").update(id, { due: "2020-05-05T09:30:00+09:00" });
    assert.equal(zoned.due, "2020-05-05 00:30:00.000Z");
    assert.equal((await root.collection("posts").update(id, { due: new Date(Date.UTC(2020, 4, 5)) })).due, "2020-05-05 00:00:00.000Z");
    assert.equal((await root.collection("posts").update(id, { due: "" })).due, "");
  }],

  ["a hidden field is seen by superusers only", async ({ root, members, posts }) => {
    const id = posts[TITLES.floor];
    assert.equal((await root.collection("posts").getOne(id)).note, "비밀");
    assert.equal("note" in (await members.minji.pb.collection("posts").getOne(id)), false);
    await refused(400, members.minji.pb.collection("posts").getList(1, 1, { filter: "note = '비밀'" }));
  }],

  ["an empty text is filled by its pattern", async ({ root, posts }) => {
    const post = await root.collection("posts").getOne(posts[TITLES.lower]);
    assert.match(post.slug, /^post-[a-z0-9]{8}$/);
  }],

  ["a record is made, changed and deleted by its author", async ({ members, teams }) => {
    const { pb, id: author } = members.junho;
    const made = await pb.collection("posts").create({ title: "잃어버린 우산", status: "open", team: teams.Ops, author });
    assert.equal(made.id.length, 15);
    const changed = await pb.collection("posts").update(made.id, { title: "찾은 우산", votes: 7 });
    assert.equal(changed.title, "찾은 우산");
    assert.equal(changed.status, "open", "what was not sent stays");
    assert.ok(changed.updated >= made.updated);
    assert.equal(changed.created, made.created);
    assert.equal(await pb.collection("posts").delete(made.id), true);
    await refused(404, pb.collection("posts").getOne(made.id));
  }],

  ["an id may be chosen, once", async ({ root, teams, members }) => {
    const post = { id: "chosenchosen123", title: "정한 번호", status: "closed", team: teams.Ops, author: members.minji.id };
    assert.equal((await root.collection("posts").create(post)).id, "chosenchosen123");
    try {
      const again = await refused(400, root.collection("posts").create({ ...post, slug: "another" }));
      assert.equal(again.response.data.id.code, "validation_not_unique");
      await refused(400, root.collection("posts").update("chosenchosen123", { id: "another12345678" }));
    } finally {
      await root.collection("posts").delete("chosenchosen123");
    }
  }],

  ["a list comes in pages", async ({ root }) => {
    const first = await root.collection("posts").getList(1, 2, { sort: "title" });
    assert.equal(first.page, 1);
    assert.equal(first.perPage, 2);
    assert.equal(first.totalItems, 5);
    assert.equal(first.totalPages, 3);
    const third = await root.collection("posts").getList(3, 2, { sort: "title" });
    assert.equal(third.items.length, 1);
    const beyond = await root.collection("posts").getList(9, 2, { sort: "title" });
    assert.deepEqual(beyond.items, []);
    assert.equal(beyond.totalItems, 5);
  }],

  ["a list is not counted when asked not to", async ({ root }) => {
    const page = await root.collection("posts").getList(1, 2, { skipTotal: true });
    assert.equal(page.totalItems, -1);
    assert.equal(page.totalPages, -1);
    assert.equal(page.items.length, 2);
  }],

  ["a page has an end, however much is asked for", async ({ root }) => {
    assert.equal((await root.collection("posts").getList(1, 5000)).perPage, 1000);
    assert.equal((await root.collection("posts").getList(-3, -1)).page, 1);
    assert.equal((await root.collection("posts").getList(1, 0)).perPage, 30);
  }],

  ["the whole list comes batch by batch", async ({ root }) => {
    const all = await root.collection("comments").getFullList({ batch: 2, sort: "created" });
    assert.equal(all.length, 5);
    assert.equal(new Set(all.map((one) => one.id)).size, 5);
  }],

  ["the first that fits is found, or none", async ({ root }) => {
    const post = await root.collection("posts").getFirstListItem(root.filter("title ~ {:word}", { word: "회식" }));
    assert.equal(post.title, "주말 회식");
    await refused(404, root.collection("posts").getFirstListItem("votes > 999"));
  }],

  ["order goes up, down and by several fields", async ({ root }) => {
    const by = (sort) => found(root, "", { sort });
    assert.deepEqual(await by("votes"), ["move", "dinner", "lower", "floor", "sale"]);
    assert.deepEqual(await by("-votes"), ["sale", "floor", "lower", "dinner", "move"]);
    assert.deepEqual(await by("-pinned,votes"), ["floor", "sale", "move", "dinner", "lower"]);
    assert.deepEqual(await by("+status,-title"), ["move", "sale", "dinner", "floor", "lower"]);
    assert.deepEqual(await by("due"), ["dinner", "floor", "move", "lower", "sale"]);
  }],

  ["order goes by a relation's field and by what is inside JSON", async ({ root }) => {
    assert.deepEqual(await found(root, "", { sort: "team.name,votes" }), ["move", "lower", "sale", "dinner", "floor"]);
    assert.equal((await found(root, "", { sort: "-extra.floor" }))[0], "floor");
  }],

  ["order is random when asked for, and complete", async ({ root }) => {
    const random = await root.collection("posts").getFullList({ sort: "@random" });
    assert.equal(new Set(random.map((post) => post.id)).size, 5);
    assert.equal((await root.collection("posts").getFullList({ sort: "-@rowid" }))[0].title, TITLES.lower);
  }],

  ["an order by a field that is not there is refused", async ({ root, guest }) => {
    await refused(400, root.collection("posts").getList(1, 1, { sort: "gone" }));
    await refused(400, guest.collection("teams").getList(1, 1, { sort: "name,-gone" }));
  }],
];

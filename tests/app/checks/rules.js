// Rules: who may do what, and how a refusal looks.

import assert from "node:assert/strict";

import { TITLES } from "../board/seed.js";
import { refused } from "../board/expect.js";

export default [
  ["a list holds what its asker may list, and is empty otherwise", async ({ guest, members }) => {
    assert.equal((await guest.collection("posts").getList()).totalItems, 3);
    const nothing = await guest.collection("comments").getList();
    assert.deepEqual([nothing.items, nothing.totalItems], [[], 0]);
    assert.equal((await members.junho.pb.collection("comments").getList()).totalItems, 5);
  }],

  ["what may not be viewed is not found", async ({ guest, members, posts }) => {
    await refused(404, guest.collection("posts").getOne(posts[TITLES.sale]));
    await refused(404, members.junho.pb.collection("posts").getOne(posts[TITLES.sale]));
    assert.equal((await members.minji.pb.collection("posts").getOne(posts[TITLES.sale])).title, TITLES.sale);
  }],

  ["what may not be created is a bad request", async ({ guest, members, teams }) => {
    const post = { title: "남의 이름으로", status: "open", team: teams.Ops, author: members.minji.id };
    const nobody = await refused(400, guest.collection("posts").create(post));
    assert.deepEqual(nobody.response.data, {});
    await refused(400, members.junho.pb.collection("posts").create(post));
  }],

  ["what may not be changed or deleted is not found", async ({ guest, members, posts }) => {
    for (const pb of [guest, members.junho.pb]) {
      await refused(404, pb.collection("posts").update(posts[TITLES.floor], { votes: 100 }));
      await refused(404, pb.collection("posts").delete(posts[TITLES.floor]));
    }
    assert.equal((await guest.collection("posts").getOne(posts[TITLES.floor])).votes, 5);
  }],

  ["a rule that is null lets only superusers in", async ({ guest, members, root, teams }) => {
    for (const pb of [guest, members.minji.pb]) {
      await refused(403, pb.collection("locked").getList());
      await refused(403, pb.collection("locked").getOne("nosuchrecord123"));
      await refused(403, pb.collection("locked").create({ text: "x" }));
      await refused(403, pb.collection("teams").update(teams.Ops, { name: "x" }));
      await refused(403, pb.collection("teams").delete(teams.Ops));
    }
    const made = await root.collection("locked").create({ text: "비밀" });
    assert.equal((await root.collection("locked").getList()).totalItems, 1);
    await root.collection("locked").delete(made.id);
  }],

  ["a field may be kept from changing", async ({ members, posts }) => {
    const { minji, junho } = members;
    await refused(404, minji.pb.collection("posts").update(posts[TITLES.floor], { author: junho.id }));
    const same = await minji.pb.collection("posts").update(posts[TITLES.floor], { author: minji.id, votes: 5 });
    assert.equal(same.author, minji.id);
  }],

  ["a rule looks through a relation", async ({ members, posts }) => {
    const { minji, junho } = members;
    const post = posts[TITLES.floor];
    const [made, kept] = await Promise.all(["지울 말", "남을 말"].map((text) => junho.pb.collection("comments").create({ post, author: junho.id, text })));
    await refused(404, minji.pb.collection("comments").update(made.id, { text: "x" }));
    await minji.pb.collection("comments").delete(made.id);
    await junho.pb.collection("comments").delete(kept.id);
  }],

  ["a rule asks another collection", async ({ root, members, guest }) => {
    const { minji, junho } = members;
    await root.collections.update("locked", { listRule: "@collection.posts.author ?= @request.auth.id && @collection.posts.title ?= text" });
    const made = await Promise.all([TITLES.floor, TITLES.dinner].map((text) => root.collection("locked").create({ text })));
    const seen = async (pb) => (await pb.collection("locked").getFullList()).map((one) => one.text);
    assert.deepEqual(await seen(minji.pb), [TITLES.floor]);
    assert.deepEqual(await seen(junho.pb), [TITLES.dinner]);
    assert.deepEqual(await seen(guest), []);
    await Promise.all(made.map((one) => root.collection("locked").delete(one.id)));
    await root.collections.update("locked", { listRule: null });
  }],

  ["a rule knows body, query, headers and method", async ({ root, members, guest }) => {
    const { pb } = members.minji;
    const set = (rules) => root.collections.update("locked", rules);
    await set({ createRule: "@request.method = 'POST' && @request.body.text:isset = true && @request.body.text:lower = 'yes'" });
    await refused(400, pb.collection("locked").create({}));
    await refused(400, pb.collection("locked").create({ text: "no" }));
    const made = await pb.collection("locked").create({ text: "YES" });
    await set({ createRule: null, viewRule: "@request.query.key = '열쇠' && @request.headers.x_room = 'warm'" });
    await refused(404, guest.collection("locked").getOne(made.id));
    await refused(404, guest.collection("locked").getOne(made.id, { query: { key: "열쇠" } }));
    const seen = await guest.collection("locked").getOne(made.id, { query: { key: "열쇠" }, headers: { "X-Room": "warm" } });
    assert.equal(seen.text, "YES");
    await set({ viewRule: null });
    await root.collection("locked").delete(made.id);
  }],

  ["a rule may look at the account's own fields", async ({ root, members, guest }) => {
    await root.collections.update("locked", { listRule: "@request.auth.role = 'lead' || @request.auth.posts_via_author.title ?= text" });
    const made = await root.collection("locked").create({ text: TITLES.dinner });
    const count = async (pb) => (await pb.collection("locked").getList()).totalItems;
    assert.equal(await count(members.lead.pb), 1);
    assert.equal(await count(members.junho.pb), 1);
    assert.equal(await count(members.minji.pb), 0);
    assert.equal(await count(guest), 0);
    await root.collections.update("locked", { listRule: null });
    await root.collection("locked").delete(made.id);
  }],

  ["a broken rule is refused where it is written", async ({ root }) => {
    for (const rule of ["gone = 1", "text =", "@request.gone = 1", "@collection.gone.id = 1"]) {
      const { response } = await refused(400, root.collections.update("locked", { viewRule: rule }));
      assert.ok(response.data.viewRule, rule);
    }
  }],

  ["only superusers see and change collections", async ({ guest, members }) => {
    for (const [pb, status] of [[guest, 401], [members.minji.pb, 403]]) {
      await refused(status, pb.collections.getList());
      await refused(status, pb.collections.getOne("posts"));
      await refused(status, pb.collections.create({ name: "x", type: "base" }));
      await refused(status, pb.collections.update("posts", { listRule: "" }));
      await refused(status, pb.collections.delete("posts"));
      await refused(status, pb.collections.truncate("posts"));
      await refused(status, pb.collections.import([]));
    }
    await refused(403, members.minji.pb.collection("_superusers").getList());
  }],
];

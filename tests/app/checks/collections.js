// Collections as they change: fields come, go and are renamed under records that stay.

import assert from "node:assert/strict";

import { faulty, refused } from "../board/expect.js";

const text = (name, more = {}) => ({ name, type: "text", ...more });

/** A collection of its own with three records, gone afterwards. */
const onCollection = (name, check) => [name, async ({ root }) => {
  const made = await root.collections.create({ name: "later", type: "base", fields: [text("first"), { name: "count", type: "number" }] });
  try {
    for (const [first, count] of [["가", 1], ["나", 2], ["다", 3]]) await root.collection("later").create({ first, count });
    await check(root, made);
  } finally {
    for (const one of ["later", "renamed"]) await root.collections.delete(one).catch((error) => assert.equal(error.status, 404));
  }
}];

const firsts = async (root, name = "first") => (await root.collection("later").getFullList({ sort: "count" })).map((one) => one[name]);

export default [
  ["collections are listed, found and filtered", async ({ root }) => {
    const page = await root.collections.getList(1, 50, { filter: "name = 'posts' || name = 'teams'", sort: "-name" });
    assert.deepEqual(page.items.map(({ name }) => name), ["teams", "posts"]);
    const posts = await root.collections.getOne("posts");
    assert.equal((await root.collections.getOne(posts.id)).name, "posts");
    assert.equal((await root.collections.getFirstListItem("name = 'users'")).type, "auth");
    const system = await root.collections.getOne("_superusers");
    assert.equal(system.system, true);
  }],

  onCollection("a field is added, and old records have its nothing", async (root, { fields }) => {
    const changed = await root.collections.update("later", { fields: [...fields, text("second"), { name: "yes", type: "bool" }] });
    assert.deepEqual(changed.fields.map((field) => field.name), ["id", "first", "count", "second", "yes"]);
    const [one] = await root.collection("later").getFullList({ sort: "count" });
    assert.equal(one.second, "");
    assert.equal(one.yes, false);
    assert.equal((await root.collection("later").getList(1, 1, { filter: "second = ''" })).totalItems, 3);
  }),

  onCollection("a field is renamed, and its values stay", async (root, { fields }) => {
    await root.collections.update("later", { fields: fields.map((field) => (field.name === "first" ? { ...field, name: "title" } : field)) });
    assert.deepEqual(await firsts(root, "title"), ["가", "나", "다"]);
    await refused(400, root.collection("later").getList(1, 1, { filter: "first = '가'" }));
  }),

  onCollection("a field is dropped, and one of its name begins empty", async (root, { fields }) => {
    await root.collections.update("later", { fields: fields.filter((field) => field.name !== "first") });
    assert.deepEqual(await firsts(root), [undefined, undefined, undefined]);
    const { fields: left } = await root.collections.getOne("later");
    await root.collections.update("later", { fields: [...left, text("first")] });
    assert.deepEqual(await firsts(root), ["", "", ""]);
  }),

  onCollection("a collection is renamed, and its records stay", async (root, { id }) => {
    await root.collections.update(id, { name: "renamed" });
    assert.equal((await root.collection("renamed").getList()).totalItems, 3);
    await refused(404, root.collection("later").getList());
  }),

  onCollection("an index comes, forbids, and goes", async (root) => {
    const index = "CREATE UNIQUE INDEX idx_later_first ON later (first)";
    const changed = await root.collections.update("later", { indexes: [index] });
    assert.equal(changed.indexes.length, 1);
    await faulty({ first: "validation_not_unique" }, root.collection("later").create({ first: "가" }));
    await root.collections.update("later", { indexes: [] });
    await root.collection("later").create({ first: "가" });
    const { response } = await refused(400, root.collections.update("later", { indexes: [index] }));
    assert.ok(response.data.indexes, "a unique index over doubles is refused");
  }),

  onCollection("an index over several fields, one descending", async (root) => {
    const changed = await root.collections.update("later", { indexes: ["CREATE UNIQUE INDEX idx_later_both ON later (first, count DESC)"] });
    assert.equal(changed.indexes.length, 1);
    await root.collection("later").create({ first: "가", count: 9 });
    const { response } = await refused(400, root.collection("later").create({ first: "가", count: 9 }));
    assert.deepEqual(Object.keys(response.data).sort(), ["count", "first"]);
  }),

  onCollection("a truncated collection is empty and goes on", async (root) => {
    assert.equal(await root.collections.truncate("later"), true);
    assert.equal((await root.collection("later").getList()).totalItems, 0);
    await root.collection("later").create({ first: "라" });
    assert.deepEqual(await firsts(root), ["라"]);
  }),

  onCollection("a collection that is pointed at is not deleted", async (root, { id }) => {
    await root.collections.create({ name: "renamed", type: "base", fields: [{ name: "to", type: "relation", collectionId: id, maxSelect: 1 }] });
    await refused(400, root.collections.delete("later"));
    await root.collections.delete("renamed");
    assert.equal(await root.collections.delete("later"), true);
    await refused(404, root.collection("later").getList());
  }),

  ["a collection's faults are told by field", async ({ root }) => {
    const made = (sent) => root.collections.create({ type: "base", ...sent });
    const fault = async (sent) => (await refused(400, made(sent))).response.data;
    assert.equal((await fault({ name: "" })).name.code, "validation_required");
    assert.ok((await fault({ name: "no name!" })).name);
    assert.ok((await fault({ name: "posts" })).name);
    assert.ok((await fault({ name: "POSTS" })).name, "names differ by more than case");
    await refused(400, made({ name: "fine", fields: [{ name: "a", type: "gone" }] }));
    assert.ok((await fault({ name: "fine", fields: [text("a"), text("A")] })).fields);
    assert.ok((await fault({ name: "fine", fields: [{ name: "a", type: "relation", collectionId: "gone" }] })).fields);
    assert.ok((await fault({ name: "fine", indexes: ["CREATE INDEX x ON fine (gone)"] })).indexes);
    assert.ok((await fault({ name: "fine", listRule: "gone = 1" })).listRule);
    await refused(404, root.collections.getOne("fine"));
  }],

  ["system collections stay", async ({ root }) => {
    await refused(400, root.collections.delete("_superusers"));
    await refused(400, root.collections.update("_superusers", { name: "others" }));
  }],

  ["many collections are imported at once, and again", async ({ root }) => {
    const imported = { id: "imported1234567", name: "imported", type: "base", listRule: "", fields: [text("title")] };
    const staff = { name: "staff", type: "auth", fields: [text("nick")] };
    assert.equal(await root.collections.import([imported, staff]), true);
    const made = await root.collections.getOne("imported");
    assert.equal(made.id, "imported1234567");
    assert.equal(made.listRule, "");
    assert.equal((await root.collections.getOne("staff")).type, "auth");
    assert.ok(await root.collections.getOne("posts"), "what is not named stays");

    await root.collection("imported").create({ title: "남을 글" });
    await root.collections.import([{ ...imported, listRule: null, fields: [...made.fields, text("more")] }]);
    const [record] = await root.collection("imported").getFullList();
    assert.equal(record.title, "남을 글");
    assert.equal(record.more, "");

    await refused(400, root.collections.import([{ ...imported, name: "imported" }, { name: "bad name!", type: "base" }]));
    for (const name of ["imported", "staff"]) await root.collections.delete(name);
  }],

  ["an account of another auth collection signs in there only", async ({ root, client }) => {
    const password = "직원-비밀번호-1234";
    await root.collections.create({
      name: "staff", type: "auth", createRule: "", listRule: "@request.auth.collectionName = 'staff'",
      fields: [text("nick", { required: true })],
      indexes: ["CREATE UNIQUE INDEX idx_staff_nick ON staff (nick)"],
      passwordAuth: { enabled: true, identityFields: ["email", "nick"] },
    });
    const pb = client();
    await pb.collection("staff").create({ email: "dol@example.com", nick: "돌쇠", password, passwordConfirm: password });
    const { record } = await pb.collection("staff").authWithPassword("돌쇠", password);
    assert.equal(record.collectionName, "staff");
    assert.equal((await pb.collection("staff").getList()).totalItems, 1);
    await refused(400, client().collection("users").authWithPassword("dol@example.com", password));
    await root.collections.delete("staff");
    await refused(401, pb.collection("users").authRefresh());
  }],
];

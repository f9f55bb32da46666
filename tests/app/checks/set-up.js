// The board is made: the superuser signs in, the collections are made, members sign up, the first posts are written.

import assert from "node:assert/strict";

import { join } from "../board/open.js";
import * as schema from "../board/schema.js";
import * as seed from "../board/seed.js";

export default [
  ["the server is healthy", async ({ guest }) => {
    const health = await guest.health.check();
    assert.equal(health.code, 200);
  }],

  ["the superuser signs in", async ({ root, superuser }) => {
    const auth = await root.collection("_superusers").authWithPassword(superuser.email, superuser.password);
    assert.equal(auth.record.email, superuser.email);
    assert.equal(auth.record.collectionName, "_superusers");
    assert.ok(root.authStore.isValid);
    assert.ok(root.authStore.isSuperuser);
  }],

  ["what an earlier run left is taken away", async ({ root }) => {
    for (const name of ["comments", "posts", "teams", "locked", "staff", "imported", "later", "renamed", "fine"]) {
      await root.collections.delete(name).catch((error) => assert.equal(error.status, 404));
    }
    await root.collections.truncate("users");
  }],

  ["the collection of accounts is there from the start and takes more fields", async ({ root }) => {
    const users = await root.collections.getOne("users");
    assert.equal(users.type, "auth");
    const fields = users.fields.filter((field) => field.name !== "role");
    fields.push({ name: "role", type: "select", values: ["member", "lead"], maxSelect: 1 });
    const changed = await root.collections.update("users", {
      fields,
      listRule: "@request.auth.id != ''",
      viewRule: "@request.auth.id != ''",
      createRule: "@request.body.role:isset = false",
      updateRule: "id = @request.auth.id || @request.auth.role = 'lead'",
      deleteRule: "id = @request.auth.id",
      manageRule: "@request.auth.role = 'lead'",
    });
    assert.equal(changed.fields.filter((field) => field.name === "role").length, 1);
  }],

  ["collections are made with fields, rules and indexes", async ({ root }) => {
    const users = await root.collections.getOne("users");
    const teams = await root.collections.create(schema.teams);
    const posts = await root.collections.create(schema.posts(teams.id, users.id));
    const comments = await root.collections.create(schema.comments(posts.id, users.id));
    await root.collections.create(schema.locked);

    assert.equal(teams.name, "teams");
    assert.equal(teams.listRule, "");
    assert.equal(teams.updateRule, null);
    assert.equal(posts.indexes.length, 2);
    const kinds = Object.fromEntries(posts.fields.map((field) => [field.name, field.type]));
    assert.equal(kinds.place, "geoPoint");
    assert.equal(kinds.created, "autodate");
    assert.ok(posts.fields.every((field) => field.id.length > 0), "every field has an id");
    assert.deepEqual(posts.fields.find((field) => field.name === "photos").thumbs, ["32x32", "20x0"]);
    assert.equal(comments.fields.find((field) => field.name === "post").collectionId, posts.id);
  }],

  ["members sign up and in", async (board) => {
    const minji = await join(board, "minji", { emailVisibility: true });
    const junho = await join(board, "junho");
    assert.ok(minji.pb.authStore.isValid);
    assert.equal(junho.pb.authStore.record.id, junho.id);
    assert.equal(junho.pb.authStore.isSuperuser, false);
  }],

  ["the first teams, posts and comments are written", async (board) => {
    const { root, members, teams, posts } = board;
    for (const [name, place] of [["난방팀", seed.SEOUL], ["Ops", seed.PORTLAND]]) {
      teams[name] = (await members.minji.pb.collection("teams").create({ name, place })).id;
    }
    for (const post of seed.posts(members.minji.id, members.junho.id, teams)) {
      posts[post.title] = (await root.collection("posts").create(post)).id;
    }
    for (const [short, lines] of Object.entries(seed.comments)) {
      for (const [author, text, stars] of lines) {
        const post = posts[seed.TITLES[short]];
        await members[author].pb.collection("comments").create({ post, author: members[author].id, text, stars });
      }
    }
    assert.equal((await root.collection("comments").getList(1, 1)).totalItems, 5);
  }],
];

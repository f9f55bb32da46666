// Changing what is there: plus and minus on numbers, lists and relations.

import assert from "node:assert/strict";

import { refused } from "../board/expect.js";

/** A check on a post of its own, gone afterwards. */
const onPost = (name, check, more = {}) => [name, async (board) => {
  const { root, members, teams } = board;
  const post = await root.collection("posts").create({
    title: "고치는 글", status: "closed", team: teams.Ops, author: members.minji.id,
    votes: 10, tags: ["notice"], readers: [members.minji.id],
  });
  try {
    await check((changes) => root.collection("posts").update(post.id, changes), board, post);
  } finally {
    await root.collection("posts").delete(post.id);
  }
}, more];

export default [
  onPost("numbers go up and down", async (update) => {
    assert.equal((await update({ "votes+": 5 })).votes, 15);
    assert.equal((await update({ "votes-": 20.5 })).votes, -5.5);
    assert.equal((await update({ "votes+": 0 })).votes, -5.5);
  }),

  onPost("a number stays within its bounds", async (update, { root }, { id }) => {
    await refused(400, update({ "votes+": 5000 }));
    assert.equal((await root.collection("posts").getOne(id)).votes, 10);
  }),

  onPost("twenty who vote at once are all counted", async (update, { root }, { id }) => {
    await Promise.all(Array.from({ length: 20 }, () => update({ "votes+": 1 })));
    assert.equal((await root.collection("posts").getOne(id)).votes, 30);
  }, { isBeyond: true }),

  onPost("a choice is added, put first and taken away", async (update) => {
    assert.deepEqual((await update({ "tags+": "fun" })).tags, ["notice", "fun"]);
    assert.deepEqual((await update({ "+tags": ["ops"] })).tags, ["ops", "notice", "fun"]);
    assert.deepEqual((await update({ "tags+": "fun" })).tags, ["ops", "notice", "fun"], "once is enough");
    assert.deepEqual((await update({ "tags-": ["ops", "fun"] })).tags, ["notice"]);
    assert.deepEqual((await update({ tags: [] })).tags, []);
  }),

  onPost("a relation is added, put first and taken away", async (update, { members }) => {
    const { minji, junho, lead } = members;
    assert.deepEqual((await update({ "readers+": junho.id })).readers, [minji.id, junho.id]);
    assert.deepEqual((await update({ "+readers": lead.id })).readers, [lead.id, minji.id, junho.id]);
    assert.deepEqual((await update({ "readers-": [minji.id, lead.id] })).readers, [junho.id]);
    await refused(400, update({ "readers+": "nosuchrecord123" }));
    assert.deepEqual((await update({ "readers-": junho.id })).readers, []);
  }),

  onPost("a field may be set and changed in one request", async (update) => {
    const post = await update({ votes: 1, "tags+": "ops", title: "고친 글" });
    assert.equal(post.votes, 1);
    assert.deepEqual(post.tags, ["notice", "ops"]);
    assert.equal(post.title, "고친 글");
  }),

  onPost("fields that nobody declared are passed over", async (update) => {
    const post = await update({ gone: 1, collectionId: "x", "votes*": 3 });
    assert.equal("gone" in post, false);
    assert.equal(post.votes, 10);
    assert.equal(post.collectionName, "posts");
  }),
];

// Realtime: what one client does, another hears.

import assert from "node:assert/strict";

import { listen } from "../board/listen.js";
import { TITLES } from "../board/seed.js";

const about = (text) => ({ record }) => record.text === text;

/** Two members' comments on one post: `say` writes as junho. */
const talk = ({ members, posts }) => {
  const { pb, id: author } = members.junho;
  const post = posts[TITLES.floor];
  return { pb, post, author, say: (text, more = {}) => pb.collection("comments").create({ post, author, text, ...more }) };
};

export default [
  ["a collection's creates, updates and deletes are heard", async (board) => {
    const { pb, say } = talk(board);
    const ears = await listen(board.members.minji.pb, "comments", "*");
    const made = await say("들리나요");
    const create = await ears.next(about("들리나요"));
    assert.equal(create.action, "create");
    assert.deepEqual(create.record, made);
    await pb.collection("comments").update(made.id, { text: "들려요" });
    assert.equal((await ears.next(about("들려요"))).action, "update");
    await pb.collection("comments").delete(made.id);
    const gone = await ears.next(({ action }) => action === "delete");
    assert.equal(gone.record.id, made.id);
    assert.deepEqual(ears.heard.map(({ action }) => action), ["create", "update", "delete"]);
    await ears.stop();
  }],

  ["one record is heard, its neighbours are not", async (board) => {
    const { pb, say } = talk(board);
    const [one, other] = [await say("하나"), await say("다른 하나")];
    const ears = await listen(board.members.minji.pb, "comments", one.id);
    await pb.collection("comments").update(other.id, { text: "안 들려요" });
    await pb.collection("comments").update(one.id, { text: "들려요" });
    await ears.next(about("들려요"));
    assert.equal(ears.heard.length, 1);
    await ears.stop();
    for (const { id } of [one, other]) await pb.collection("comments").delete(id);
  }],

  ["a filter chooses, and expand and fields shape", async (board) => {
    const { pb, say } = talk(board);
    const options = { filter: "stars > 3 && text ~ '별'", expand: "author", fields: "text,expand.author.id" };
    const ears = await listen(board.members.minji.pb, "comments", "*", options);
    const made = [await say("별 하나", { stars: 1 }), await say("다섯", { stars: 5 }), await say("별 다섯", { stars: 5 })];
    const { record } = await ears.next(about("별 다섯"));
    assert.deepEqual(record, { text: "별 다섯", expand: { author: { id: board.members.junho.id } } });
    assert.equal(ears.heard.length, 1);
    await ears.stop();
    for (const { id } of made) await pb.collection("comments").delete(id);
  }],

  ["nobody hears what the rules hide", async (board) => {
    const { guest, members, teams } = board;
    const { pb, id: author } = members.minji;
    const [outside, inside] = [await listen(guest, "posts", "*"), await listen(pb, "posts", "*")];
    const post = { team: teams.Ops, author };
    const draft = await pb.collection("posts").create({ ...post, title: "초안", status: "draft" });
    const open = await pb.collection("posts").create({ ...post, title: "공개", status: "open" });
    const titled = (title) => ({ record }) => record.title === title;
    await outside.next(titled("공개"));
    await inside.next(titled("공개"));
    assert.deepEqual(outside.heard.map(({ record }) => record.title), ["공개"]);
    assert.deepEqual(inside.heard.map(({ record }) => record.title), ["초안", "공개"]);
    assert.equal("note" in outside.heard[0].record, false, "hidden fields are hidden here too");
    await Promise.all([outside.stop(), inside.stop()]);
    for (const { id } of [draft, open]) await pb.collection("posts").delete(id);
  }],

  ["several subscriptions share a client, and each ends by itself", async (board) => {
    const { pb, say } = talk(board);
    const all = await listen(board.members.minji.pb, "comments", "*");
    const posts = await listen(board.members.minji.pb, "posts", board.posts[TITLES.floor]);
    const first = await say("첫 소식");
    await all.next(about("첫 소식"));
    await board.members.minji.pb.collection("posts").update(board.posts[TITLES.floor], { seats: 4 });
    await posts.next(({ record }) => record.seats === 4);
    await all.stop();
    const second = await say("둘째 소식");
    await board.members.minji.pb.collection("posts").update(board.posts[TITLES.floor], { seats: 3 });
    await posts.next(({ record }) => record.seats === 3);
    assert.equal(all.heard.length, 1);
    await board.members.minji.pb.collection("posts").unsubscribe();
    for (const { id } of [first, second]) await pb.collection("comments").delete(id);
  }],

  ["a batch is heard whole", async (board) => {
    const { pb, post, author } = talk(board);
    const ears = await listen(board.members.minji.pb, "comments", "*");
    const batch = pb.createBatch();
    for (const text of ["묶음 1", "묶음 2", "묶음 3"]) batch.collection("comments").create({ post, author, text });
    const made = await batch.send();
    await ears.next(about("묶음 3"));
    assert.deepEqual(ears.heard.map(({ record }) => record.text).sort(), ["묶음 1", "묶음 2", "묶음 3"]);
    await ears.stop();
    for (const { body } of made) await pb.collection("comments").delete(body.id);
  }],

  ["a cascade is heard by who watches what went", async (board) => {
    const { root, members, teams } = board;
    const post = await root.collection("posts").create({ title: "사라질 글", status: "open", team: teams.Ops, author: members.minji.id });
    const comment = await root.collection("comments").create({ post: post.id, text: "같이 사라질 말" });
    const ears = await listen(members.junho.pb, "comments", "*");
    await root.collection("posts").delete(post.id);
    const event = await ears.next(({ record }) => record.id === comment.id);
    assert.equal(event.action, "delete");
    await ears.stop();
  }],

  ["who signs out hears as nobody", async (board) => {
    const { say, pb } = talk(board);
    const other = board.client();
    await other.collection("users").authWithPassword(board.members.minji.email, "따뜻한-바닥-1234");
    const ears = await listen(other, "comments", "*");
    const first = await say("아직 들려요");
    await ears.next(about("아직 들려요"));
    await ears.stop();
    other.authStore.clear();
    const [deaf, hearing] = [await listen(other, "comments", "*"), await listen(board.members.minji.pb, "comments", "*")];
    const second = await say("이제 안 들려요");
    await hearing.next(about("이제 안 들려요"));
    assert.equal(deaf.heard.length, 0);
    await Promise.all([deaf.stop(), hearing.stop()]);
    for (const { id } of [first, second]) await pb.collection("comments").delete(id);
  }],
];

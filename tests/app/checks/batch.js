// Several writes at once: all of them, or none.

import assert from "node:assert/strict";

import { refused } from "../board/expect.js";

const count = async (pb, filter) => (await pb.collection("comments").getList(1, 1, { filter })).totalItems;

export default [
  ["makes, changes, upserts and deletes go together", async ({ root, members, teams }) => {
    const { id: author } = members.minji;
    const kept = await root.collection("posts").create({ title: "바뀔 글", status: "closed", team: teams.Ops, author });
    const gone = await root.collection("posts").create({ title: "지울 글", status: "closed", team: teams.Ops, author });
    const batch = root.createBatch();
    batch.collection("posts").create({ id: "batchbatchbatch", title: "묶음 글", status: "closed", team: teams.Ops, author });
    batch.collection("posts").update(kept.id, { title: "바뀐 글", "votes+": 3 });
    batch.collection("posts").upsert({ id: "upsertupsert123", title: "없던 글", status: "closed", team: teams.Ops, author });
    batch.collection("posts").upsert({ id: kept.id, pinned: true }, { expand: "team", fields: "id,pinned,expand.team.name" });
    batch.collection("comments").create({ post: "batchbatchbatch", text: "묶음 안의 글에" });
    batch.collection("posts").delete(gone.id);
    const answers = await batch.send();

    assert.deepEqual(answers.map((answer) => answer.status), [200, 200, 200, 200, 200, 204]);
    assert.equal(answers[0].body.id, "batchbatchbatch");
    assert.equal(answers[1].body.title, "바뀐 글");
    assert.equal(answers[1].body.votes, 3);
    assert.equal(answers[2].body.title, "없던 글");
    assert.deepEqual(answers[3].body, { id: kept.id, pinned: true, expand: { team: { name: "Ops" } } });
    await refused(404, root.collection("posts").getOne(gone.id));
    for (const id of [kept.id, "batchbatchbatch", "upsertupsert123"]) await root.collection("posts").delete(id);
    assert.equal(await count(root, "text = '묶음 안의 글에'"), 0);
  }],

  ["one that fails undoes all, and is named", async ({ root, posts }) => {
    const post = Object.values(posts)[0];
    const batch = root.createBatch();
    batch.collection("comments").create({ post, text: "되돌릴 말" });
    batch.collection("comments").create({ post: "nosuchrecord123", text: "" });
    const { response } = await refused(400, batch.send());
    const fault = response.data.requests[1];
    assert.equal(fault.code, "batch_request_failed");
    assert.equal(fault.response.status, 400);
    assert.equal(fault.response.data.text.code, "validation_required");
    assert.equal(await count(root, "text = '되돌릴 말'"), 0);
  }],

  ["each is asked of its rule", async ({ members, posts, root }) => {
    const { minji, junho } = members;
    const post = posts["온돌 바닥 점검"];
    const batch = junho.pb.createBatch();
    batch.collection("comments").create({ post, author: junho.id, text: "내 말" });
    batch.collection("comments").create({ post, author: minji.id, text: "남의 말" });
    const { response } = await refused(400, batch.send());
    assert.deepEqual(Object.keys(response.data.requests), ["1"]);
    assert.equal(await count(root, "text = '내 말'"), 0);
    const own = junho.pb.createBatch();
    own.collection("comments").create({ post, author: junho.id, text: "내 말" });
    const [{ body }] = await own.send();
    await junho.pb.collection("comments").delete(body.id);
  }],

  ["files go along", async ({ root, members, teams }) => {
    const batch = root.createBatch();
    const file = (words) => new File([words], "a.txt", { type: "text/plain" });
    for (const words of ["하나", "둘"]) {
      batch.collection("posts").create({
        title: `묶음 ${words}`, status: "closed", team: teams.Ops, author: members.minji.id, tags: ["fun"], photos: [file(words)],
      });
    }
    const answers = await batch.send();
    for (const [index, words] of ["하나", "둘"].entries()) {
      const post = answers[index].body;
      assert.deepEqual(post.tags, ["fun"]);
      const served = await fetch(root.files.getURL(post, post.photos[0]));
      assert.equal(await served.text(), words);
      await root.collection("posts").delete(post.id);
    }
  }],

  ["too many at once are refused", async ({ root }) => {
    const batch = root.createBatch();
    for (let n = 0; n < 101; n += 1) batch.collection("locked").create({ text: `${n}` });
    await refused(400, batch.send());
    assert.equal((await root.collection("locked").getList()).totalItems, 0);
  }],
];

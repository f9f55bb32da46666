// What of a record is sent: fields, excerpts, relations forward, back and nested.

import assert from "node:assert/strict";

import { TITLES } from "../board/seed.js";
import { refused } from "../board/expect.js";

export default [
  ["only the fields asked for are sent", async ({ root, posts }) => {
    const post = await root.collection("posts").getOne(posts[TITLES.floor], { fields: "id,title,place" });
    assert.deepEqual(post, { id: posts[TITLES.floor], title: TITLES.floor, place: { lon: 126.978, lat: 37.5665 } });
    const page = await root.collection("posts").getList(1, 1, { fields: "title", sort: "votes" });
    assert.deepEqual(page.items, [{ title: TITLES.move }]);
    assert.equal(page.totalItems, 5);
  }],

  ["an excerpt is short, without marks, and Korean is counted by letters", async ({ root, posts }) => {
    const excerpt = async (fields) => (await root.collection("posts").getOne(posts[TITLES.floor], { fields })).body;
    assert.equal(await excerpt("body:excerpt(200)"), "이번 주 토요일에 바닥을 & 방을 점검합니다.");
    assert.equal(await excerpt("body:excerpt(4)"), "이번 주");
    const move = await root.collection("posts").getOne(posts[TITLES.move], { fields: "body:excerpt(2,true)" });
    assert.equal(move.body, "We...");
  }],

  ["a relation is expanded", async ({ root, posts, members }) => {
    const post = await root.collection("posts").getOne(posts[TITLES.floor], { expand: "team,author,readers" });
    assert.equal(post.expand.team.name, "난방팀");
    assert.equal(post.expand.author.id, members.minji.id);
    assert.deepEqual(post.expand.readers.map((reader) => reader.id), [members.minji.id, members.junho.id]);
    assert.equal("tokenKey" in post.expand.author, false);
  }],

  ["what points at a record is expanded", async ({ members, posts }) => {
    const post = await members.minji.pb.collection("posts").getOne(posts[TITLES.floor], { expand: "comments_via_post" });
    const texts = post.expand.comments_via_post.map((comment) => comment.text).sort();
    assert.deepEqual(texts, ["두 번째", "첫 번째"]);
  }],

  ["relations are expanded through others", async ({ members }) => {
    const page = await members.minji.pb.collection("comments").getList(1, 10, { expand: "post.team,post.author,author", sort: "text" });
    for (const comment of page.items) {
      assert.equal(comment.expand.post.id, comment.post);
      assert.equal(comment.expand.post.expand.team.id, comment.expand.post.team);
      assert.equal(comment.expand.author.id, comment.author);
    }
    const teams = await members.minji.pb.collection("teams").getFullList({ expand: "posts_via_team.comments_via_post.author", sort: "name" });
    const authors = teams.flatMap((team) => team.expand.posts_via_team ?? [])
      .flatMap((post) => post.expand?.comments_via_post ?? [])
      .map((comment) => comment.expand.author.name);
    assert.deepEqual(authors.sort(), ["junho", "junho", "junho", "김민지", "김민지"]);
  }],

  ["the fields of what is expanded are chosen too", async ({ root, posts }) => {
    const post = await root.collection("posts").getOne(posts[TITLES.floor], { expand: "team,readers", fields: "title,expand.team.name,expand.readers.id" });
    assert.deepEqual(Object.keys(post).sort(), ["expand", "title"]);
    assert.deepEqual(post.expand.team, { name: "난방팀" });
    assert.deepEqual(Object.keys(post.expand.readers[0]), ["id"]);
    const all = await root.collection("posts").getOne(posts[TITLES.floor], { expand: "team", fields: "*,expand.team.name" });
    assert.equal(all.title, TITLES.floor);
    assert.deepEqual(all.expand.team, { name: "난방팀" });
  }],

  ["what the asker may not see is not expanded", async ({ guest, posts }) => {
    const post = await guest.collection("posts").getOne(posts[TITLES.floor], { expand: "team,author,comments_via_post" });
    assert.equal(post.expand.team.name, "난방팀");
    assert.equal("author" in post.expand, false);
    assert.equal("comments_via_post" in post.expand, false);
    const seen = await guest.collection("teams").getFullList({ expand: "posts_via_team" });
    const titles = seen.flatMap((team) => team.expand?.posts_via_team ?? []).map((one) => one.title);
    assert.deepEqual(titles.sort(), [TITLES.lower, TITLES.floor, TITLES.dinner].sort());
  }],

  ["a relation that is not there is passed over", async ({ root, posts }) => {
    const post = await root.collection("posts").getOne(posts[TITLES.floor], { expand: "gone,team" });
    assert.deepEqual(Object.keys(post.expand), ["team"]);
    const move = await root.collection("posts").getOne(posts[TITLES.move], { expand: "readers" });
    assert.equal(move.expand?.readers, undefined);
  }],

  ["a write answers with expand and fields as well", async ({ members, posts }) => {
    const { pb, id: author } = members.junho;
    const post = posts[TITLES.dinner];
    const options = { expand: "post.team", fields: "text,expand.post.expand.team.name" };
    const made = await pb.collection("comments").create({ post, author, text: "저도요" }, options);
    assert.deepEqual(made, { text: "저도요", expand: { post: { expand: { team: { name: "난방팀" } } } } });
    const [comment] = await pb.collection("comments").getFullList({ filter: "text = '저도요'" });
    const changed = await pb.collection("comments").update(comment.id, { text: "저는 빼고요" }, { expand: "author", fields: "expand.author.id" });
    assert.deepEqual(changed, { expand: { author: { id: author } } });
    await pb.collection("comments").delete(comment.id);
  }],

  ["an unknown record, collection or path is a JSON 404", async ({ root, url }) => {
    await refused(404, root.collection("posts").getOne("nosuchrecord123"));
    await refused(404, root.collection("gone").getList());
    await refused(404, root.collections.getOne("gone"));
    for (const path of ["/api/nothing", "/api/collections/posts/records/a/b/c"]) {
      const answer = await fetch(url + path);
      assert.equal(answer.status, 404, path);
      assert.match(answer.headers.get("content-type"), /^application\/json/);
      const told = await answer.json();
      assert.equal(told.status, 404);
      assert.deepEqual(told.data, {});
    }
  }],

  ["pages of other origins may ask", async ({ url }) => {
    const origin = "https://board.example.com";
    const plain = await fetch(`${url}/api/health`, { headers: { origin } });
    assert.equal(plain.headers.get("access-control-allow-origin"), "*");
    const asked = { origin, "access-control-request-method": "PATCH", "access-control-request-headers": "authorization,content-type" };
    const before = await fetch(`${url}/api/collections/posts/records`, { method: "OPTIONS", headers: asked });
    assert.equal(before.status, 204);
    assert.equal(before.headers.get("access-control-allow-origin"), "*");
    assert.match(before.headers.get("access-control-allow-methods"), /PATCH/);
    assert.match(before.headers.get("access-control-allow-headers"), /authorization/i);
  }],
];

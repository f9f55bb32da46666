// Files: sent with records, served, shrunk, protected, taken away.

import assert from "node:assert/strict";

import { faulty, refused } from "../board/expect.js";
import { png, size } from "../board/picture.js";

const picture = (name = "온돌 방.png") => new File([png(64, 48)], name, { type: "image/png" });
const text = (words, name = "note.txt") => new File([words], name, { type: "text/plain" });

/** A check on a post with a picture and a text, gone afterwards. */
const onPost = (name, check) => [name, async (board) => {
  const { pb, id: author } = board.members.minji;
  const post = await pb.collection("posts").create({
    title: "사진이 있는 글", status: "draft", team: board.teams.Ops, author, tags: ["fun", "home"], extra: { a: [1] },
    photos: [picture(), text("한 줄\n")],
  });
  try {
    await check({ ...board, pb, post, update: (changes) => pb.collection("posts").update(post.id, changes) });
  } finally {
    await pb.collection("posts").delete(post.id).catch((error) => assert.equal(error.status, 404));
  }
}];

const bytes = async (url, options) => {
  const answer = await fetch(url, options);
  return { status: answer.status, headers: answer.headers, body: Buffer.from(await answer.arrayBuffer()) };
};

export default [
  onPost("several files are sent at once, beside other fields", async ({ post }) => {
    assert.equal(post.photos.length, 2);
    assert.match(post.photos[0], /\.png$/);
    assert.match(post.photos[1], /^note_.+\.txt$/);
    assert.deepEqual(post.tags, ["fun", "home"]);
    assert.deepEqual(post.extra, { a: [1] });
  }),

  onPost("a file is served as it was sent", async ({ pb, post }) => {
    const first = await bytes(pb.files.getURL(post, post.photos[0]));
    assert.equal(first.status, 200);
    assert.equal(first.headers.get("content-type"), "image/png");
    assert.deepEqual(first.body, png(64, 48));
    const second = await bytes(pb.files.getURL(post, post.photos[1]));
    assert.match(second.headers.get("content-type"), /^text\/plain/);
    assert.equal(second.body.toString(), "한 줄\n");
  }),

  onPost("a file is given for download, and in parts", async ({ pb, post }) => {
    const saved = await bytes(pb.files.getURL(post, post.photos[0], { download: true }));
    assert.match(saved.headers.get("content-disposition"), /^attachment/);
    const part = await bytes(pb.files.getURL(post, post.photos[0]), { headers: { range: "bytes=1-3" } });
    assert.equal(part.status, 206);
    assert.equal(part.body.toString("latin1"), "PNG");
  }),

  onPost("a picture is shrunk to the sizes that its field names", async ({ pb, post }) => {
    const thumb = async (thumb) => size((await bytes(pb.files.getURL(post, post.photos[0], { thumb }))).body);
    assert.deepEqual(await thumb("32x32"), { width: 32, height: 32 });
    assert.deepEqual(await thumb("20x0"), { width: 20, height: 15 });
    assert.deepEqual(await thumb("999x999"), { width: 64, height: 48 }, "another size is the original");
    const note = await bytes(pb.files.getURL(post, post.photos[1], { thumb: "32x32" }));
    assert.equal(note.body.toString(), "한 줄\n", "what is no picture is sent as it is");
  }),

  onPost("files are added and taken away one by one", async ({ pb, post, update }) => {
    const more = await update({ "photos+": [text("둘", "two.txt")] });
    assert.equal(more.photos.length, 3);
    assert.deepEqual(more.photos.slice(0, 2), post.photos);
    const fewer = await update({ "photos-": [post.photos[0]] });
    assert.deepEqual(fewer.photos, more.photos.slice(1));
    assert.equal((await bytes(pb.files.getURL(post, post.photos[0]))).status, 404);
    const front = await update({ "+photos": [text("앞", "front.txt")] });
    assert.match(front.photos[0], /^front_/);
    const one = await update({ photos: [text("하나", "one.txt")] });
    assert.equal(one.photos.length, 1);
    assert.deepEqual((await update({ photos: [] })).photos, []);
  }),

  onPost("files that stay are named, new ones are sent", async ({ post, update }) => {
    const changed = await update({ photos: [post.photos[1], text("새", "new.txt")] });
    assert.equal(changed.photos.length, 2);
    assert.equal(changed.photos[0], post.photos[1]);
  }),

  onPost("a form with fields and files is taken as it is", async ({ pb, post }) => {
    const form = new FormData();
    form.append("title", "양식으로 고친 글");
    form.append("tags", "ops");
    form.append("tags", "notice");
    form.append("votes", "12.5");
    form.append("pinned", "true");
    form.append("photos+", text("양식", "form.txt"));
    const changed = await pb.collection("posts").update(post.id, form);
    assert.equal(changed.title, "양식으로 고친 글");
    assert.deepEqual(changed.tags, ["ops", "notice"]);
    assert.equal(changed.votes, 12.5);
    assert.equal(changed.pinned, true);
    assert.equal(changed.photos.length, 3);
  }),

  onPost("too many, too large and the wrong kind are refused", async ({ update }) => {
    const many = Array.from({ length: 4 }, (_, n) => text(`${n}`, `${n}.txt`));
    await faulty({ photos: "validation_too_many_files" }, update({ "photos+": many }));
    await faulty({ photos: "validation_file_size_limit" }, update({ "photos+": [text("x".repeat(200001))] }));
    await faulty({ photos: "validation_invalid_mime_type" }, update({ "photos+": [new File(["%PDF-1.4 "], "a.png", { type: "image/png" })] }));
    await refused(400, update({ photos: ["somebody_elses.png"] }));
  }),

  onPost("a protected file needs a token of who may see its record", async ({ pb, post, guest, members, update }) => {
    const { contract } = await update({ contract: text("계약", "contract.txt") });
    assert.match(contract, /^contract_/);
    const at = (client, token) => client.files.getURL({ ...post, contract }, contract, token ? { token } : {});
    assert.equal((await bytes(at(guest))).status, 404);
    const own = await bytes(at(pb, await pb.files.getToken()));
    assert.equal(own.status, 200);
    assert.equal(own.body.toString(), "계약");
    const others = await members.junho.pb.files.getToken();
    assert.equal((await bytes(at(pb, others))).status, 404, "the post is a draft of minji's");
    assert.equal((await bytes(at(pb, pb.authStore.token))).status, 404, "a sign-in token is no file token");
    await refused(401, guest.files.getToken());
  }),

  onPost("files go with their record", async ({ pb, post }) => {
    await pb.collection("posts").delete(post.id);
    assert.equal((await bytes(pb.files.getURL(post, post.photos[0]))).status, 404);
  }),

  onPost("a name can't lead out of its folder", async ({ pb, post, url }) => {
    for (const name of ["../../data.db", "..%2f..%2fdata.db", "%2e%2e/%2e%2e/data.db", ".attrs", "%00"]) {
      const { status } = await bytes(`${url}/api/files/posts/${post.id}/${name}`);
      assert.ok(status === 404 || status === 400, `${name}: ${status}`);
    }
    const sly = await pb.collection("posts").update(post.id, { "photos+": [text("x", "../../x.txt")] });
    assert.match(sly.photos.at(-1), /^[^/\\]+$/);
  }),
];

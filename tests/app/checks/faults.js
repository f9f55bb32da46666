// What is wrong with a record is told field by field, with the codes that front ends know.

import assert from "node:assert/strict";

import { TITLES } from "../board/seed.js";
import { faulty, refused } from "../board/expect.js";

/** A post that lacks nothing. */
const sound = ({ members, teams }) => ({ title: "온전한 글", status: "closed", team: teams.Ops, author: members.minji.id });

/** A check that each value is refused with its code. */
const refuses = (name, table) => [name, async (board) => {
  const wrong = [];
  for (const [field, value, code] of table) {
    const answer = await board.root.collection("posts").create({ ...sound(board), [field]: value }).catch((error) => error);
    const told = answer.status === 400 ? answer.response.data?.[field]?.code : `taken: ${JSON.stringify(answer[field] ?? answer.response)}`;
    if (told !== code) wrong.push(`${field} = ${JSON.stringify(value)}: expected ${code}, got ${told}`);
    if (answer.id) await board.root.collection("posts").delete(answer.id);
  }
  assert.equal(wrong.length, 0, `\n${wrong.join("\n")}`);
}];

export default [
  ["all faults are told at once, each with code and message", async ({ root }) => {
    const response = await faulty(
      { title: "validation_required", team: "validation_required", author: "validation_required", status: "validation_required" },
      root.collection("posts").create({ votes: 1 }),
    );
    assert.equal(response.status, 400);
    assert.equal(response.message, "Failed to create record.");
    assert.equal(response.data.title.message, "Cannot be blank.");
  }],

  refuses("values that their field can't hold are refused", [
    ["title", "", "validation_required"],
    ["title", "x", "validation_min_text_constraint"],
    ["title", "가".repeat(121), "validation_max_text_constraint"],
    ["slug", "Not A Slug", "validation_invalid_format"],
    ["votes", 1001, "validation_max_number_constraint"],
    ["votes", -101, "validation_min_number_constraint"],
    ["seats", 1.5, "validation_only_int_constraint"],
    ["status", "gone", "validation_invalid_value"],
    ["tags", ["notice", "gone"], "validation_invalid_value"],
    ["contact", "no address", "validation_is_email"],
    ["link", "no link", "validation_invalid_url"],
    ["team", "nosuchrecord123", "validation_missing_rel_records"],
    ["readers", ["nosuchrecord123"], "validation_missing_rel_records"],
    ["extra", "x".repeat(3000), "validation_json_size_limit"],
    ["place", { lon: 181, lat: 0 }, "validation_invalid_longitude"],
    ["place", { lon: 0, lat: -91 }, "validation_invalid_latitude"],
    ["id", "short", "validation_min_text_constraint"],
    ["id", 15, "validation_min_text_constraint"],
    ["id", "UPPERCASE-12345", "validation_invalid_format"],
  ]),

  ["a title of 120 Korean letters is a title of 120", async (board) => {
    const made = await board.root.collection("posts").create({ ...sound(board), title: "가".repeat(120) });
    assert.equal([...made.title].length, 120);
    await board.root.collection("posts").delete(made.id);
  }],

  ["a unique index names the field that is taken", async (board) => {
    const { root, posts, members } = board;
    await faulty({ slug: "validation_not_unique" }, root.collection("posts").create({ ...sound(board), slug: "floor" }));
    await faulty({ slug: "validation_not_unique" }, root.collection("posts").update(posts[TITLES.dinner], { slug: "floor" }));
    await faulty({ name: "validation_not_unique" }, members.junho.pb.collection("teams").create({ name: "Ops" }));
  }],

  ["a change is told its faults and changes nothing", async ({ root, posts }) => {
    const id = posts[TITLES.dinner];
    const response = await faulty({ title: "validation_required" }, root.collection("posts").update(id, { title: "", votes: 9 }));
    assert.equal(response.message, "Failed to update record.");
    assert.equal((await root.collection("posts").getOne(id)).votes, 0);
  }],

  ["a body that is no JSON is refused", async ({ root, url }) => {
    for (const body of ["{", "[1", "\u0000", '{"title": }']) {
      const headers = { authorization: root.authStore.token, "content-type": "application/json" };
      const answer = await fetch(`${url}/api/collections/posts/records`, { method: "POST", headers, body });
      assert.equal(answer.status, 400, body);
      assert.equal((await answer.json()).status, 400);
    }
  }],

  ["what others lean on is not deleted, unless it cascades", async (board) => {
    const { root, members, posts } = board;
    await refused(400, root.collection("users").delete(members.minji.id));
    const team = await root.collection("teams").create({ name: "곧 사라질 팀" });
    const post = await root.collection("posts").create({ ...sound(board), team: team.id });
    const comment = await root.collection("comments").create({ post: post.id, text: "곧 사라질 말" });
    await root.collection("teams").delete(team.id);
    await refused(404, root.collection("posts").getOne(post.id));
    await refused(404, root.collection("comments").getOne(comment.id));
    assert.ok(await root.collection("posts").getOne(posts[TITLES.floor]));
  }],

  ["a relation that need not be is emptied when its record goes", async (board) => {
    const { root, members } = board;
    const visitor = await root.collection("users").create({ email: "visitor@example.com", password: "visitor-1234", passwordConfirm: "visitor-1234" });
    const post = await root.collection("posts").create({ ...sound(board), readers: [members.minji.id, visitor.id] });
    await root.collection("users").delete(visitor.id);
    assert.deepEqual((await root.collection("posts").getOne(post.id)).readers, [members.minji.id]);
    await root.collection("posts").delete(post.id);
  }],
];

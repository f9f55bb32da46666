// Accounts: sign-up, sign-in, tokens, what others see of an account, and who may manage it.

import assert from "node:assert/strict";

import { PASSWORD, join } from "../board/open.js";
import { faulty, refused } from "../board/expect.js";

const claims = (token) => JSON.parse(Buffer.from(token.split(".")[1], "base64url").toString());

export default [
  ["the ways to sign in are listed", async ({ guest }) => {
    const methods = await guest.collection("users").listAuthMethods();
    assert.equal(methods.password.enabled, true);
    assert.deepEqual(methods.password.identityFields, ["email"]);
    assert.equal(methods.oauth2.enabled, false);
    assert.deepEqual(methods.oauth2.providers, []);
    assert.equal(methods.mfa.enabled, false);
    assert.equal(methods.otp.enabled, false);
  }],

  ["a token can be read by the client", async ({ members }) => {
    const { pb, id } = members.minji;
    const token = claims(pb.authStore.token);
    assert.equal(token.id, id);
    assert.equal(token.type, "auth");
    assert.equal(token.collectionId, pb.authStore.record.collectionId);
    assert.equal(token.refreshable, true);
    assert.ok(token.exp > Date.now() / 1000);
  }],

  ["a sign-in answers with the account, its secrets left out", async ({ client, members }) => {
    const pb = client();
    const { token, record } = await pb.collection("users").authWithPassword(members.junho.email, PASSWORD);
    assert.equal(token, pb.authStore.token);
    assert.equal(record.email, members.junho.email);
    assert.equal(record.verified, false);
    for (const secret of ["password", "tokenKey", "passwordConfirm"]) assert.equal(secret in record, false, secret);
  }],

  ["a sign-in takes expand and fields", async ({ client, members }) => {
    const auth = await client().collection("users").authWithPassword(members.junho.email, PASSWORD, { fields: "token,record.id" });
    assert.deepEqual(Object.keys(auth.record), ["id"]);
  }],

  ["a wrong password and an unknown address are refused alike", async ({ client, members }) => {
    const wrong = await refused(400, client().collection("users").authWithPassword(members.minji.email, "no-such-password"));
    const unknown = await refused(400, client().collection("users").authWithPassword("nobody@example.com", PASSWORD));
    assert.deepEqual(wrong.response, unknown.response);
    assert.deepEqual(wrong.response.data, {});
  }],

  ["an empty sign-in names its missing fields", async ({ client }) => {
    await faulty(
      { identity: "validation_required", password: "validation_required" },
      client().collection("users").authWithPassword("", ""),
    );
  }],

  ["a token is refreshed", async ({ members }) => {
    const { pb, id } = members.minji;
    const { token, record } = await pb.collection("users").authRefresh();
    assert.equal(record.id, id);
    assert.equal(pb.authStore.token, token);
  }],

  ["a token names its session, and a refreshed one the same", async ({ members }) => {
    const { pb } = members.minji;
    const { sid, renew, exp } = claims(pb.authStore.token);
    await pb.collection("users").authRefresh();
    assert.match(sid, /^[a-z0-9]{15}$/);
    assert.equal(claims(pb.authStore.token).sid, sid);
    assert.ok(renew < exp);
  }, { isBeyond: true }],

  ["whoever has signed in sees where, and ends one session or all others", async ({ client, guest }) => {
    const email = "sessions@example.com";
    await guest.collection("users").create({ email, password: PASSWORD, passwordConfirm: PASSWORD, name: "sessions" });
    const [here, there, elsewhere] = [client(), client(), client()];
    for (const pb of [here, there, elsewhere]) await pb.collection("users").authWithPassword(email, PASSWORD);
    const sid = (pb) => claims(pb.authStore.token).sid;
    const seen = await here.collection("_sessions").getFullList();
    for (const pb of [here, there, elsewhere]) {
      assert.deepEqual(seen.find((session) => session.id === sid(pb)).methods, ["password"]);
    }
    await here.collection("_sessions").delete(sid(there));
    await refused(401, there.collection("users").authRefresh());
    await elsewhere.collection("users").authRefresh();
    await here.send("/api/collections/users/end-other-sessions", { method: "POST" });
    await refused(401, elsewhere.collection("users").authRefresh());
    await here.collection("users").authRefresh();
    assert.deepEqual((await here.collection("_sessions").getFullList()).map((s) => s.id), [sid(here)]);
    await here.collection("users").delete(here.authStore.record.id);
    await refused(401, here.collection("users").authRefresh());
  }, { isBeyond: true }],

  ["nobody can't refresh", async ({ client }) => {
    await refused(401, client().collection("users").authRefresh());
  }],

  ["a sign-up is told all its faults at once", async ({ guest }) => {
    await faulty(
      { email: "validation_is_email", password: "validation_min_text_constraint" },
      guest.collection("users").create({ email: "no address", password: "short", passwordConfirm: "short" }),
    );
  }],

  ["a sign-up repeats its password", async ({ guest }) => {
    const sent = { email: "twice@example.com", password: PASSWORD };
    await faulty(
      { passwordConfirm: "validation_values_mismatch" },
      guest.collection("users").create({ ...sent, passwordConfirm: "another password" }),
    );
    await faulty({ passwordConfirm: "validation_required" }, guest.collection("users").create(sent));
  }],

  ["an address signs up once", async ({ guest, members }) => {
    const again = { email: members.minji.email, password: PASSWORD, passwordConfirm: PASSWORD };
    await faulty({ email: "validation_not_unique" }, guest.collection("users").create(again));
  }],

  ["a sign-up can't give itself a role or say that it is verified", async ({ guest }) => {
    const sent = { email: "sly@example.com", password: PASSWORD, passwordConfirm: PASSWORD };
    await refused(400, guest.collection("users").create({ ...sent, role: "lead" }));
    await refused(400, guest.collection("users").create({ ...sent, verified: true }));
  }],

  ["an address is seen by others only if its owner says so", async ({ members, root }) => {
    const { minji, junho } = members;
    const seen = async (pb, who) => "email" in (await pb.collection("users").getOne(who.id));
    assert.equal(await seen(junho.pb, minji), true, "minji shows hers");
    assert.equal(await seen(minji.pb, junho), false, "junho hides his");
    assert.equal(await seen(junho.pb, junho), true, "but sees it");
    assert.equal(await seen(root, junho), true, "and so does the superuser");
  }],

  ["a filter can't tell what a hidden address is", async ({ members }) => {
    const { minji, junho } = members;
    const asked = (pb, email) => pb.collection("users").getList(1, 1, { filter: pb.filter("email = {:email}", { email }) });
    assert.equal((await asked(minji.pb, junho.email)).totalItems, 0);
    assert.equal((await asked(junho.pb, minji.email)).totalItems, 1);
  }],

  ["a member changes the own name, and nobody else's", async ({ members }) => {
    const { minji, junho } = members;
    const changed = await minji.pb.collection("users").update(minji.id, { name: "김민지" });
    assert.equal(changed.name, "김민지");
    await refused(404, junho.pb.collection("users").update(minji.id, { name: "x" }));
  }],

  ["changing the password needs the old one", async (board) => {
    const { pb, id } = await join(board, "sora");
    const next = { password: "새로운-비밀번호", passwordConfirm: "새로운-비밀번호" };
    await faulty({ oldPassword: "validation_required" }, pb.collection("users").update(id, next));
    await faulty({ oldPassword: "validation_invalid_old_password" }, pb.collection("users").update(id, { ...next, oldPassword: "wrong" }));
  }],

  ["a changed password voids the tokens given before", async (board) => {
    const { members, client } = board;
    const { pb, id, email } = members.sora;
    const before = client();
    before.authStore.save(pb.authStore.token, pb.authStore.record);
    const password = "새로운-비밀번호";
    await pb.collection("users").update(id, { oldPassword: PASSWORD, password, passwordConfirm: password });
    await refused(401, before.collection("users").authRefresh());
    assert.equal((await before.collection("comments").getList()).totalItems, 0, "an old token is nobody's");
    await refused(400, client().collection("users").authWithPassword(email, PASSWORD));
    await pb.collection("users").authWithPassword(email, password);
    assert.equal((await pb.collection("comments").getList()).totalItems, 5);
  }],

  ["a token that was tampered with is nobody's", async ({ client, members }) => {
    const pb = client();
    const [head, , sign] = members.minji.pb.authStore.token.split(".");
    const forged = Buffer.from(JSON.stringify({ ...claims(members.minji.pb.authStore.token), id: members.junho.id }));
    pb.authStore.save(`${head}.${forged.toString("base64url")}.${sign}`, null);
    await refused(401, pb.collection("users").authRefresh());
    assert.equal((await pb.collection("users").getList()).totalItems, 0);
  }],

  ["a superuser acts for a member, and the client can't refresh that", async ({ root, members }) => {
    const { minji } = members;
    const acting = await root.collection("users").impersonate(minji.id, 600);
    assert.equal(acting.authStore.record.id, minji.id);
    const token = claims(acting.authStore.token);
    assert.equal(token.refreshable, false);
    assert.ok(Math.abs(token.exp - Date.now() / 1000 - 600) < 60);
    assert.equal((await acting.collection("comments").getList()).totalItems, 5);
    await refused(403, minji.pb.collection("users").impersonate(minji.id, 600));
  }],

  ["who may manage accounts needs no old password", async (board) => {
    const { root, client } = board;
    const lead = await join(board, "lead");
    const hana = await join(board, "hana");
    await root.collection("users").update(lead.id, { role: "lead" });
    const password = "다시-만든-비밀번호";
    await lead.pb.collection("users").update(hana.id, { password, passwordConfirm: password, verified: true });
    const auth = await client().collection("users").authWithPassword(hana.email, password);
    assert.equal(auth.record.verified, true);
  }],

  // A server may void every token when who may sign in changes, so all sign in again.
  ["an auth rule keeps out who may not sign in", async ({ root, client, members }) => {
    await root.collections.update("users", { authRule: "role != 'lead'" });
    await refused(403, client().collection("users").authWithPassword(members.lead.email, PASSWORD));
    await root.collections.update("users", { authRule: "" });
    for (const { pb, email } of [members.lead, members.minji, members.junho]) {
      await pb.collection("users").authWithPassword(email, PASSWORD);
    }
  }],

  ["a member leaves, and the token is nobody's", async (board) => {
    const { pb, id } = await join(board, "leaver");
    assert.equal(await pb.collection("users").delete(id), true);
    await refused(401, pb.collection("users").authRefresh());
  }],
];

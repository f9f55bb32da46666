// What works by mail: verification, a new password, another address, codes, and a second step.

import assert from "node:assert/strict";

import { PASSWORD, join } from "../board/open.js";
import { refused } from "../board/expect.js";
import { mailed } from "../board/mailbox.js";

const NEXT = "새로운-바닥-5678";

export default [
  ["an address is verified, and the client knows", async (board) => {
    const { pb, email } = await join(board, "mina");
    assert.equal(await pb.collection("users").requestVerification(email), true);
    const { token, links } = await mailed(board.mails, email);
    assert.ok(links[0].startsWith("https://board.example/auth/confirm-verification?token="), links[0]);
    assert.equal(await pb.collection("users").confirmVerification(token), true);
    assert.equal(pb.authStore.record.verified, true);
    assert.equal((await pb.collection("users").authRefresh()).record.verified, true);
  }],

  ["an unknown address is answered alike", async ({ guest }) => {
    assert.equal(await guest.collection("users").requestVerification("nobody@example.com"), true);
    assert.equal(await guest.collection("users").requestPasswordReset("nobody@example.com"), true);
  }],

  ["a forgotten password is set anew, which ends all sessions", async (board) => {
    const { pb, email } = await join(board, "jisu");
    await board.guest.collection("users").requestPasswordReset(email);
    const { token } = await mailed(board.mails, email);
    assert.equal(await board.guest.collection("users").confirmPasswordReset(token, NEXT, NEXT), true);
    await refused(401, pb.collection("users").authRefresh());
    await refused(400, board.client().collection("users").authWithPassword(email, PASSWORD));
    await pb.collection("users").authWithPassword(email, NEXT);
    await refused(400, board.guest.collection("users").confirmPasswordReset(token, PASSWORD, PASSWORD));
  }],

  ["an address is changed, and the client signs out", async (board) => {
    const { pb } = await join(board, "yuna");
    await pb.collection("users").requestEmailChange("yuna.new@example.com");
    const { token } = await mailed(board.mails, "yuna.new@example.com");
    assert.equal(await pb.collection("users").confirmEmailChange(token, PASSWORD), true);
    assert.equal(pb.authStore.isValid, false);
    const { record } = await pb.collection("users").authWithPassword("yuna.new@example.com", PASSWORD);
    assert.equal(record.verified, true);
  }],

  ["a mailed code signs in once", async (board) => {
    const { email } = await join(board, "taeho");
    await board.root.collections.update("users", { otp: { enabled: true } });
    const methods = await board.guest.collection("users").listAuthMethods();
    assert.deepEqual(methods.otp, { enabled: true, duration: 180 });
    const pb = board.client();
    const { otpId } = await pb.collection("users").requestOTP(email);
    const { code } = await mailed(board.mails, email);
    const { record, token } = await pb.collection("users").authWithOTP(otpId, code);
    assert.equal(record.email, email);
    assert.equal(pb.authStore.token, token);
    await refused(400, pb.collection("users").authWithOTP(otpId, code));
  }],

  ["where two ways are asked for, one is told so and two let in", async (board) => {
    const { email } = await join(board, "sena");
    await board.root.collections.update("users", { mfa: { enabled: true } });
    try {
      const pb = board.client();
      const { response } = await refused(401, pb.collection("users").authWithPassword(email, PASSWORD));
      assert.ok(response.mfaId);
      const { otpId } = await pb.collection("users").requestOTP(email);
      const { code } = await mailed(board.mails, email);
      const { record } = await pb.collection("users").authWithOTP(otpId, code, { mfaId: response.mfaId });
      assert.equal(record.email, email);
    } finally {
      await board.root.collections.update("users", { mfa: { enabled: false }, otp: { enabled: false } });
    }
  }],

  ["the mails themselves are nobody's but the superusers'", async ({ root, members }) => {
    await refused(403, members.mina.pb.collection("_mails").getList());
    const mails = await root.collection("_mails").getFullList({ filter: "to = 'mina@example.com'" });
    assert.deepEqual(mails.map(({ kind, state }) => [kind, state]), [["verification", "sent"]]);
  }],
];

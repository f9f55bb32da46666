// Signing in through providers, by the unmodified client library, as a page does it that opens a window for the provider.
//
//   BASE_URL=http://127.0.0.1:8090 PEER=… OIDC=… node sign-in.js
//
// Assumption: the server offers `x`, `github` (of the peer), `op` and `hybrid` (of the other peer) to `users`, as its service file
// says; the peers agree without being asked. A browser's window is played by `visit`.

import assert from "node:assert/strict";

import { EventSource } from "eventsource";
import PocketBase from "pocketbase";

import { report } from "./board/report.js";

globalThis.EventSource ??= EventSource;

const { BASE_URL } = process.env;
const done = report();
const client = () => new PocketBase(BASE_URL);

/** Goes where a browser would: through redirects, and through a form that posts itself. */
async function visit(url, user) {
  const page = await fetch(user ? `${url}&user=${user}` : url, { redirect: "manual" });
  // asked anew, so that with several web servers it is another one than the client waits on
  if (page.headers.has("location")) return fetch(page.headers.get("location"));
  const text = await page.text();
  const action = /<form[^>]* action="([^"]+)"/.exec(text)?.[1];
  if (!action) return page;
  const fields = [...text.matchAll(/<input[^>]* name="([^"]+)"[^>]* value="([^"]*)"/g)];
  const form = new URLSearchParams(fields.map(([, name, value]) => [name, value.replaceAll("&quot;", '"').replaceAll("&amp;", "&")]));
  return fetch(action.replaceAll("&amp;", "&"), { method: "POST", body: form });
}

function signIn(pb, provider, options = {}) {
  const { user, ...more } = options;
  return pb.collection("users").authWithOAuth2({ provider, urlCallback: (url) => visit(url, user), ...more });
}

for (const provider of ["x", "op", "hybrid"]) {
  await done.run(`somebody new signs in through ${provider}, and again`, async () => {
    const pb = client();
    const first = await signIn(pb, provider, { createData: { email: `${provider}@example.test`, name: "Mine" } });
    assert.equal(first.meta.isNew, true);
    assert.equal(first.record.name, "Mine");
    assert.ok(pb.authStore.isValid);
    const again = await signIn(client(), provider);
    assert.equal(again.record.id, first.record.id);
    assert.equal(again.meta.isNew, false);
  });
}

await done.run("whoever has signed in links, lists and unlinks", async () => {
  const pb = client();
  const account = await pb.collection("users").create({
    email: "linking@example.test", password: "a long password", passwordConfirm: "a long password",
  });
  await pb.collection("users").authWithPassword("linking@example.test", "a long password");
  const linked = await signIn(pb, "github", { user: "bob" });
  assert.equal(linked.record.id, account.id);
  const links = await pb.collection("users").listExternalAuths(account.id);
  assert.deepEqual(links.map((link) => [link.provider, link.providerId]), [["github", "10002"]]);
  await pb.collection("users").unlinkExternalAuth(account.id, "github");
  assert.deepEqual(await pb.collection("users").listExternalAuths(account.id), []);
});

await done.run("whoever says no is told so", async () => {
  const no = pbRefused(signInDenied(client(), "x"));
  assert.match(String((await no).originalError ?? (await no)), /access_denied/);
});

await done.run("a code that a page of the team receives itself is taken", async () => {
  const pb = client();
  const { oauth2 } = await pb.collection("users").listAuthMethods();
  const way = oauth2.providers.find((provider) => provider.name === "x");
  const redirect = `${BASE_URL}/my/own/page`;
  const page = await fetch(way.authURL + encodeURIComponent(redirect), { redirect: "manual" });
  const back = new URL(page.headers.get("location"));
  assert.equal(back.searchParams.get("state"), way.state);
  const signed = await pb.collection("users")
    .authWithOAuth2Code("x", back.searchParams.get("code"), way.codeVerifier, redirect);
  assert.equal(signed.meta.id, "10001");
});

function signInDenied(pb, provider) {
  return pb.collection("users").authWithOAuth2({ provider, urlCallback: (url) => visit(`${url}&auto=deny`) });
}

function pbRefused(promise) {
  return promise.then((value) => assert.fail(`it was let in: ${JSON.stringify(value)}`), (error) => error);
}

process.exit(done.close());

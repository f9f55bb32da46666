// Signing in through providers of OAuth 1.0a and OpenID 2.0, by the unmodified client library: the window that the page opens
// begins at a page of the service, goes to the provider, and comes back.
//
//   BASE_URL=http://127.0.0.1:8090 node sign-in-detour.js
//
// Assumption: the server offers `twitter`, `openid`, `any` (which asks for an address) and `oldsite` (the hybrid) to `users`;
// the peers agree without being asked. A browser's window is played by `browse`.

import assert from "node:assert/strict";

import { EventSource } from "eventsource";
import PocketBase from "pocketbase";

import { report } from "./board/report.js";

globalThis.EventSource ??= EventSource;

const { BASE_URL, OPENID } = process.env;
const done = report();
const client = () => new PocketBase(BASE_URL);

/** Goes where a browser would, with its cookie: through redirects, a page that asks, and a form that posts itself. */
async function browse(begin, { typed = "", more = "" } = {}) {
  let [to, form, cookie, steps] = [begin, null, "", 0];
  while (steps++ < 10) {
    const is_ours = to.startsWith(BASE_URL);
    const options = form ? { method: "POST", body: form } : {};
    const page = await fetch(to, { ...options, redirect: "manual", headers: is_ours && cookie ? { cookie } : {} });
    form = null;
    cookie = page.headers.get("set-cookie")?.split(";")[0] ?? cookie;
    if (page.headers.has("location")) {
      to = new URL(page.headers.get("location"), to).href;
      if (!to.startsWith(BASE_URL)) to += more;
      continue;
    }
    const text = await page.text();
    if (!/name="identifier"/.test(text)) return text;
    assert.match(text, /OpenID/);
    form = new URLSearchParams({ identifier: typed });
  }
  throw new Error(`${begin} leads round and round`);
}

function signIn(pb, provider, options = {}) {
  // who has no address at the provider brings one along
  const createData = { email: `${provider}@example.test` };
  return pb.collection("users").authWithOAuth2({ provider, createData, urlCallback: (url) => browse(url, options) });
}

for (const [provider, options] of [
  ["twitter", {}],
  ["openid", { more: "&user=bob" }],
  ["any", { typed: `${OPENID}/id/header/noemail` }],
  ["oldsite", { more: "&user=noemail" }],
]) {
  await done.run(`somebody new signs in through ${provider}, and again`, async () => {
    const pb = client();
    const first = await signIn(pb, provider, options);
    assert.equal(first.meta.isNew, true);
    assert.ok(pb.authStore.isValid);
    const again = await signIn(client(), provider, options);
    assert.equal(again.record.id, first.record.id);
    assert.equal(again.meta.isNew, false);
  });
}

await done.run("whoever says no is told so", async () => {
  for (const provider of ["twitter", "openid"]) {
    const refused = signIn(client(), provider, { more: "&auto=deny" }).then(
      (value) => assert.fail(`it was let in: ${JSON.stringify(value)}`),
      (error) => error,
    );
    assert.match(String((await refused).originalError ?? (await refused)), /access_denied/);
  }
});

process.exit(done.close());

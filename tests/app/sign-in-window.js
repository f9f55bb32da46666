// Signing in through providers of OAuth 1.0a and OpenID 2.0 in Chromium: a page with the unmodified client library opens a
// window, which begins at a page of the service, goes to a provider of another site, and comes back with the browser's cookie.
//
//   BASE_URL=http://127.0.0.1:8090 OPENID=http://localhost:9001 TWITTER=http://localhost:9002 node sign-in-window.js
//
// Assumption: the server offers `twitter`, `openid` and `any` (which asks for an address) to `users`; the peers ask the person.

import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

import { report } from "./board/report.js";

const { BASE_URL, OPENID, TWITTER } = process.env;
const LIBRARY = fileURLToPath(new URL("node_modules/pocketbase/dist/pocketbase.umd.js", import.meta.url));
const done = report();

// without the last ones Chromium goes on looking for its maker's servers
const flags = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync"];
const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: flags });

/** Tells a peer how to behave. */
const tell = (peer, state) => fetch(`${peer}/__test/state`, { method: "POST", body: JSON.stringify(state) });

/** Signs in in a browser of its own; `walk` does in the window what a person does. */
async function signIn(provider, walk) {
  const context = await browser.newContext({ locale: "ko-KR" });
  context.setDefaultTimeout(20_000);
  try {
    const page = await context.newPage();
    await page.goto(`${BASE_URL}/api/health`);
    await page.addScriptTag({ path: LIBRARY });
    const opened = page.waitForEvent("popup");
    const signed = page.evaluate(
      ([provider, origin]) => new window.PocketBase(origin).collection("users")
        .authWithOAuth2({ provider, createData: { email: `${provider}@example.test` } })
        .then((found) => found.meta, (error) => String(error.originalError ?? error)),
      [provider, BASE_URL],
    );
    const popup = await opened;
    await walk(popup);
    return await signed;
  } finally {
    await context.close();
  }
}

const approve = (popup) => popup.getByRole("button", { name: "Approve" }).click();

await done.run("a person agrees at the provider of OAuth 1.0a", async () => {
  const meta = await signIn("twitter", approve);
  assert.equal(meta.id, "10001");
});

await done.run("a person agrees at the provider of OpenID 2.0", async () => {
  await tell(OPENID, { user: "noemail" });
  const meta = await signIn("openid", approve);
  assert.equal(meta.id, `${OPENID}/id/header/noemail`);
});

await done.run("an answer that comes as a form of another site finds the cookie all the same", async () => {
  await tell(OPENID, { mode: "post_response", user: "noemail" });
  const meta = await signIn("openid", approve);
  assert.equal(meta.id, `${OPENID}/id/header/noemail`);
  await tell(OPENID, { mode: "" });
});

await done.run("a person types the address of their OpenID, wrongly at first", async () => {
  const meta = await signIn("any", async (popup) => {
    const address = popup.getByLabel("OpenID 주소");
    await address.fill("http://op.example/");
    await popup.getByRole("button", { name: "계속" }).click();
    await popup.getByRole("alert").waitFor();
    assert.equal(await address.inputValue(), "http://op.example/");
    await address.fill(`${OPENID}/id/header/noemail`);
    await popup.getByRole("button", { name: "계속" }).click();
    await approve(popup);
  });
  assert.equal(meta.id, `${OPENID}/id/header/noemail`);
});

await done.run("a person who says no is told so", async () => {
  const said = await signIn("twitter", (popup) => popup.getByRole("button", { name: "Deny" }).click());
  assert.match(said, /access_denied/);
});

await browser.close();
process.exit(done.close());

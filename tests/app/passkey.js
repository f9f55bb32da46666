// A passkey in Chromium, on the service's own page and on one of the team's own, with an authenticator that the browser plays.
//
//   BASE_URL=http://127.0.0.1:8090 node passkey.js
//
// Assumption: the service names no `url`, so that it is developed as `localhost`, and everybody may make an account in `users`.

import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";
import PocketBase from "pocketbase";

import { report } from "./board/report.js";

const { BASE_URL } = process.env;
const ORIGIN = BASE_URL.replace("127.0.0.1", "localhost");
const LIBRARY = fileURLToPath(new URL("node_modules/pocketbase/dist/pocketbase.umd.js", import.meta.url));
const [EMAIL, PASSWORD] = ["kim@example.com", "따뜻한-바닥-1234"];
const done = report();

// without the last ones Chromium goes on looking for its maker's servers
const flags = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync"];
const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: flags });
const faults = [];

/** A page of a browser of its own with an authenticator in it. */
async function open(options) {
  const context = await browser.newContext({ locale: "ko-KR", ...options });
  context.setDefaultTimeout(20_000);
  const page = await context.newPage();
  page.on("pageerror", (error) => faults.push(String(error)));
  page.on("console", (said) => {
    if (said.type() === "error" && !/status of 40[014]/.test(said.text())) faults.push(said.text());
  });
  const cdp = await context.newCDPSession(page);
  await cdp.send("WebAuthn.enable");
  const { authenticatorId } = await cdp.send("WebAuthn.addVirtualAuthenticator", {
    options: {
      protocol: "ctap2", ctap2Version: "ctap2_1", transport: "internal", hasResidentKey: true, hasUserVerification: true,
      isUserVerified: true, automaticPresenceSimulation: true,
    },
  });
  return { page, cdp, authenticatorId };
}

await new PocketBase(BASE_URL).collection("users")
  .create({ email: EMAIL, password: PASSWORD, passwordConfirm: PASSWORD });

const { page, cdp, authenticatorId } = await open();
const told = (text) => page.locator("#told", { hasText: text }).waitFor();

await done.run("a person adds a passkey on the page of the service", async () => {
  await page.goto(`${BASE_URL}/auth/passkey?collection=users`);
  await page.getByLabel("이메일").fill(EMAIL);
  assert.equal(new URL(page.url()).origin, ORIGIN, "the page is at the address that passkeys are for");
  await page.getByLabel("비밀번호").fill("wrong");
  await page.getByLabel("패스키 이름").fill("내 노트북");
  await page.getByRole("button", { name: "패스키 추가" }).click();
  await told("맞지 않습니다");
  await page.getByLabel("비밀번호").fill(PASSWORD);
  await page.getByRole("button", { name: "패스키 추가" }).click();
  await told("패스키를 추가했습니다.");
});

await done.run("the same device is not added twice", async () => {
  await page.getByLabel("이메일").fill(EMAIL);
  await page.getByLabel("비밀번호").fill(PASSWORD);
  await page.getByRole("button", { name: "패스키 추가" }).click();
  await told("이미 있습니다");
});

await done.run("the person signs in with it, and the client library knows them", async () => {
  await page.evaluate(() => localStorage.clear());
  await page.getByRole("button", { name: "패스키로 로그인" }).click();
  await told("로그인되었습니다.");
  const kept = await page.evaluate(() => JSON.parse(localStorage.getItem("pocketbase_auth")));
  const pb = new PocketBase(BASE_URL);
  pb.authStore.save(kept.token, kept.record);
  const { record } = await pb.collection("users").authRefresh();
  assert.equal(record.email, EMAIL);
  const [passkey, ...others] = await pb.collection("_passkeys").getFullList();
  assert.deepEqual([passkey.name, others.length, passkey.publicKey], ["내 노트북", 0, undefined]);
  const renamed = await pb.collection("_passkeys").update(passkey.id, { name: "회사 노트북" });
  assert.equal(renamed.name, "회사 노트북");
});

await done.run("a page of the team's own signs in with the client library and ten lines", async () => {
  await page.goto(`${ORIGIN}/api/health`);
  await page.addScriptTag({ path: LIBRARY });
  const email = await page.evaluate(async () => {
    const pb = new window.PocketBase("/");
    const users = "/api/collections/users";
    const { publicKey } = await pb.send(`${users}/passkey-sign-in-options`, { method: "POST" });
    const options = window.PublicKeyCredential.parseRequestOptionsFromJSON(publicKey);
    const credential = (await navigator.credentials.get({ publicKey: options })).toJSON();
    const { token, record } = await pb.send(`${users}/auth-with-passkey`, { method: "POST", body: { credential } });
    pb.authStore.save(token, record);
    return pb.authStore.record.email;
  });
  assert.equal(email, EMAIL);
});

await done.run("without unlocking it nobody signs in", async () => {
  await page.goto(`${ORIGIN}/auth/passkey`);
  await cdp.send("WebAuthn.setUserVerified", { authenticatorId, isUserVerified: false });
  await page.getByRole("button", { name: "패스키로 로그인" }).click();
  await told("취소되었거나");
});

await done.run("the page speaks English, and says that it needs its script", async () => {
  const english = await open({ locale: "en-US" });
  await english.page.goto(`${ORIGIN}/auth/passkey`);
  await english.page.getByRole("button", { name: "Sign in with a passkey" }).waitFor();
  const plain = await open({ locale: "en-US", javaScriptEnabled: false });
  await plain.page.goto(`${ORIGIN}/auth/passkey`);
  assert.match(await plain.page.content(), /Passkeys need JavaScript/);
  assert.equal(await plain.page.getByRole("button").count(), 0);
});

await done.run("nothing went wrong inside of the pages", async () => assert.deepEqual(faults, []));

await browser.close();
process.exit(done.close());

// The pages of sign-in in Chromium: through a provider of each kind, with an authenticator, and after a forgotten password.
//
//   BASE_URL=http://127.0.0.1:8090 MAILS=http://127.0.0.1:9003 PROVIDERS="op github twitter openid oldsite" node sign-in-pages.js
//
// Assumption: the server offers those providers to `users`, and the peers agree without asking; it sends its mails to MAILS.

import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { chromium } from "playwright-core";
import PocketBase from "pocketbase";

import { report } from "./board/report.js";

const { BASE_URL, MAILS, PROVIDERS, SHOTS } = process.env;
const [EMAIL, PASSWORD, NEW] = ["kim@example.com", "따뜻한-바닥-1234", "새로운-바닥-5678"];
const done = report();

// without the last ones Chromium goes on looking for its maker's servers
const flags = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync"];
const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: flags });
const faults = [];

/** A browser of its own, as a phone in Korean. */
async function open(options) {
  const context = await browser.newContext({ locale: "ko-KR", viewport: { width: 390, height: 844 }, ...options });
  context.setDefaultTimeout(20_000);
  const page = await context.newPage();
  page.on("pageerror", (error) => faults.push(String(error)));
  page.on("console", (said) => {
    if (said.type() === "error" && !/status of 40[0134]|favicon/.test(said.text())) faults.push(said.text());
  });
  return page;
}

const account = (page) => page.getByRole("heading", { name: "내 계정" }).waitFor();

/** Keeps how a page looks, where a folder is named, and sees that it fits a phone. */
async function look(page, name) {
  const { scroll, width } = await page.evaluate(() => ({ scroll: document.documentElement.scrollWidth, width: innerWidth }));
  assert.ok(scroll <= width, `${name} is wider than a phone: ${scroll}`);
  if (SHOTS) await page.screenshot({ path: `${SHOTS}/${name}.png`, fullPage: true });
}

/** Signs in by password, as far as that goes. */
async function signIn(page, password) {
  await page.goto(`${BASE_URL}/auth/sign-in`);
  await look(page, "sign-in");
  await page.getByLabel("이메일").fill(EMAIL);
  await page.getByRole("button", { name: "계속", exact: true }).click();
  await look(page, "ways");
  await page.getByLabel("비밀번호").fill(password);
  await page.getByRole("button", { name: "로그인", exact: true }).click();
}

/** A code of RFC 6238, the next step's if `ahead`. */
function code(secret, ahead = 0) {
  const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
  const bits = [...secret].map((letter) => letters.indexOf(letter).toString(2).padStart(5, "0")).join("");
  const key = Buffer.from(bits.match(/.{8}/g).map((byte) => parseInt(byte, 2)));
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000) + ahead));
  const mac = createHmac("sha1", key).update(counter).digest();
  const at = mac[19] & 15;
  return String((mac.readUInt32BE(at) & 0x7fffffff) % 1_000_000).padStart(6, "0");
}

/** The link in the newest mail to an address, once there are so many. */
async function link(to, count) {
  for (;;) {
    const mails = await (await fetch(`${MAILS}/mails?to=${encodeURIComponent(to)}`)).json();
    if (mails.length >= count) return mails.at(-1).links[0].replace(/^https?:\/\/[^/]+/, BASE_URL);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

for (const provider of PROVIDERS.split(" ")) {
  await done.run(`a person signs in through ${provider}`, async () => {
    const page = await open();
    await page.goto(`${BASE_URL}/auth/sign-in`);
    await page.locator(`button[value="${provider}"]`).click();
    await account(page);
    assert.equal(new URL(page.url()).origin, BASE_URL);
    await look(page, "account");
    // the next provider vouches for the same address
    await page.goto(`${BASE_URL}/api/health`);
    const kept = await page.evaluate(() => fetch("/auth/token", { method: "POST" }).then((answer) => answer.json()));
    const pb = new PocketBase(BASE_URL);
    pb.authStore.save(kept.token, kept.record);
    await pb.collection("users").delete(kept.record.id);
    await page.context().close();
  });
}

const users = new PocketBase(BASE_URL).collection("users");
await users.create({ email: EMAIL, password: PASSWORD, passwordConfirm: PASSWORD });
let secret;

await done.run("a person proves the address, and turns an authenticator on", async () => {
  await users.requestVerification(EMAIL);
  const page = await open();
  await page.goto(await link(EMAIL, 1));
  await page.locator("main form button").click();
  await page.waitForLoadState();
  await signIn(page, PASSWORD);
  await account(page);
  await page.goto(`${BASE_URL}/auth/account/authenticator`);
  await page.getByRole("button", { name: "시작하기" }).click();
  assert.ok((await page.getByRole("img", { name: "네모" }).boundingBox()).width > 150);
  secret = await page.locator("#secret").innerText();
  await look(page, "authenticator");
  await page.getByLabel("코드").fill(code(secret));
  await page.getByRole("button", { name: "켜기" }).click();
  await page.getByRole("heading", { name: "복구 코드" }).waitFor();
  assert.equal(await page.locator(".codes li").count(), 10);
  await look(page, "recovery");
});

await done.run("a person who has forgotten the password sets a new one, and is still asked for the code", async () => {
  const page = await open();
  await page.goto(`${BASE_URL}/auth/sign-in`);
  await page.getByLabel("이메일").fill(EMAIL);
  await page.getByRole("button", { name: "계속", exact: true }).click();
  await page.getByRole("link", { name: "잊었나요" }).click();
  await page.getByLabel("이메일").fill(EMAIL);
  await page.getByRole("button", { name: "링크 받기" }).click();
  await page.getByRole("status").waitFor();
  await page.goto(await link(EMAIL, 2));
  await page.locator("#password").fill(NEW);
  await page.locator("#passwordConfirm").fill(NEW);
  await page.locator("form").filter({ has: page.locator("#password") }).getByRole("button").click();
  await signIn(page, NEW);
  await page.getByLabel("복구 코드").fill(code(secret, 1));
  await look(page, "second");
  await page.getByRole("button", { name: "계속", exact: true }).click();
  await account(page);
});

await done.run("a page can't be framed by another site", async () => {
  const page = await open();
  await page.route("http://evil.example/", (route) => route.fulfill({
    contentType: "text/html", body: `<iframe src="${BASE_URL}/auth/sign-in"></iframe>`,
  }));
  const before = faults.length;
  await page.goto("http://evil.example/");
  const frame = page.frames()[1];
  await frame.waitForLoadState().catch(() => {});
  assert.equal(await frame.locator("form").count(), 0);
  faults.length = before;
});

await done.run("the page speaks English when it is told to", async () => {
  const page = await open();
  await page.goto(`${BASE_URL}/auth/sign-in`);
  await page.getByRole("link", { name: "English" }).click();
  await page.getByRole("heading", { name: "Sign in" }).waitFor();
});

await done.run("nothing went wrong inside of the pages", async () => assert.deepEqual(faults, []));

await browser.close();
process.exit(done.close());

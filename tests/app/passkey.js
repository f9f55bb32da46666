// A passkey in Chromium, on the service's own pages and on one of the team's own, with an authenticator that the browser plays.
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
    if (said.type() === "error" && !/status of 40[0134]/.test(said.text())) faults.push(said.text());
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
const told = (text) => page.getByRole("alert").filter({ hasText: text }).waitFor();
const account = () => page.getByRole("heading", { name: "내 계정" }).waitFor();

await done.run("a person signs in by password and adds a passkey", async () => {
  await page.goto(`${ORIGIN}/auth/sign-in?return_to=/auth/account/passkeys`);
  await page.getByLabel("이메일").fill(EMAIL);
  await page.getByRole("button", { name: "계속", exact: true }).click();
  await page.getByLabel("비밀번호").fill("wrong");
  await page.getByRole("button", { name: "로그인", exact: true }).click();
  await told("맞지 않습니다");
  await page.getByLabel("비밀번호").fill(PASSWORD);
  await page.getByRole("button", { name: "로그인", exact: true }).click();
  await page.getByLabel("이름").fill("내 노트북");
  await page.getByRole("button", { name: "패스키 추가" }).click();
  await page.getByText("패스키를 추가했습니다.").waitFor();
  await page.getByText("내 노트북").waitFor();
});

await done.run("the same device is not added twice", async () => {
  await page.goto(`${ORIGIN}/auth/account/passkeys`);
  await page.getByRole("button", { name: "패스키 추가" }).click();
  await told("이미 있습니다");
});

await done.run("the person signs out and in with it, and scripts of the team's own pages know them", async () => {
  await page.goto(`${ORIGIN}/auth/sign-out`);
  await page.getByRole("button", { name: "로그아웃" }).click();
  await page.getByRole("button", { name: "패스키로 로그인" }).click();
  await account();
  await page.goto(`${ORIGIN}/api/health`);
  const kept = await page.evaluate(() => fetch("/auth/token", { method: "POST" }).then((answer) => answer.json()));
  assert.equal(await page.evaluate(() => document.cookie.includes("ondol=")), false, "no script reads the cookie");
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
  await page.goto(`${ORIGIN}/auth/sign-in?again=1`);
  await cdp.send("WebAuthn.setUserVerified", { authenticatorId, isUserVerified: false });
  await page.getByRole("button", { name: "패스키로 로그인" }).click();
  await told("취소되었거나");
});

await done.run("without a script there is no passkey, and all the rest", async () => {
  const plain = await open({ locale: "en-US", javaScriptEnabled: false });
  await plain.page.goto(`${ORIGIN}/auth/sign-in?return_to=/auth/account/passkeys`);
  assert.equal(await plain.page.getByRole("button", { name: "passkey" }).count(), 0);
  await plain.page.getByLabel("Email").fill(EMAIL);
  await plain.page.getByRole("button", { name: "Continue", exact: true }).click();
  await plain.page.getByLabel("Password").fill(PASSWORD);
  await plain.page.getByRole("button", { name: "Sign in" }).click();
  await plain.page.getByRole("heading", { name: "Add a passkey" }).waitFor();
  assert.match(await plain.page.content(), /Passkeys need JavaScript/);
});

await done.run("the person takes the passkey away", async () => {
  await page.goto(`${ORIGIN}/auth/account`);
  await page.getByRole("button", { name: "지우기" }).click();
  await page.getByText("패스키를 지웠습니다.").waitFor();
});

await done.run("nothing went wrong inside of the pages", async () => assert.deepEqual(faults, []));

await browser.close();
process.exit(done.close());

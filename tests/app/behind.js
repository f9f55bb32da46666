// Two people at a small page behind the balancer, in Chromium, while the machinery behind it is killed, drained and swapped:
// one renames a note and adds pictures, the other one sees it. Goes round after round until the file STOP is there.
//
//   URL=http://127.0.0.1:8080 EMAIL=… PASSWORD=… STOP=FILE node behind.js
//
// Prints `ok round N tries M` after each: M counts the requests that the page had to send again.

import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { chromium } from "playwright-core";

import { png } from "./board/picture.js";

const { URL: origin, EMAIL, PASSWORD, STOP } = process.env;
if (!origin || !EMAIL || !PASSWORD || !STOP) {
  console.error("set URL, EMAIL, PASSWORD and STOP");
  process.exit(2);
}
const flags = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync"];
const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: flags });

async function person() {
  const context = await browser.newContext({ locale: "ko-KR" });
  context.setDefaultTimeout(60_000);
  const page = await context.newPage();
  page.on("pageerror", (error) => faults.push(String(error)));
  await page.goto(origin);
  await page.getByLabel("이메일").fill(EMAIL);
  await page.getByLabel("비밀번호").fill(PASSWORD);
  await page.getByRole("button", { name: "들어가기" }).click();
  await page.getByLabel("제목").waitFor();
  return page;
}

const faults = [];
const [writer, reader] = [await person(), await person()];
const note = (page) => page.locator("#note00000000001");
for (let round = 1; !existsSync(STOP); round += 1) {
  const title = `따뜻한 바닥 ${round}`;
  await writer.getByLabel("제목").fill(title);
  await writer.getByLabel("제목").press("Enter");
  await note(writer).filter({ hasText: title }).waitFor();
  await note(reader).filter({ hasText: title }).waitFor();
  const before = await note(reader).getAttribute("data-picture");
  const buffer = png(16, 16);
  await writer.getByLabel("그림").setInputFiles({ name: `${round}.png`, mimeType: "image/png", buffer });
  await reader.waitForFunction((before) =>
    document.querySelector("#note00000000001").dataset.picture !== before, before);
  await writer.waitForFunction(() => {
    const shown = document.querySelector("#shown");
    return shown.complete && shown.naturalWidth === 16;
  });
  for (const page of [writer, reader]) {
    assert.equal(await page.locator("#trouble").innerText(), "", "somebody was troubled");
  }
  const tries = await Promise.all([writer, reader].map((page) => page.locator("#tries").innerText()));
  console.log(`ok round ${round} tries ${tries.reduce((sum, some) => sum + Number(some), 0)}`);
}
// a page that is loaded anew at the end is whole
await reader.reload();
await reader.getByRole("button", { name: "들어가기" }).waitFor();
assert.deepEqual(faults, []);
await browser.close();

// Somebody's first quarter of an hour in the console, in Chromium: first run, sign-in, a collection with fields, records
// with Korean text and a picture, found again; on a phone, in the dark and in English too. Takes screenshots on the way.
//
//   FIRST_RUN_URL=http://127.0.0.1:8090/_/first-run?key=… SCREENSHOTS=FOLDER node console.js
//
// Every step waits for what it needs to see, so a step that prints `ok` has seen it.

import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { tmpdir } from "node:os";
import { chromium } from "playwright-core";

import { png } from "./board/picture.js";
import { report } from "./board/report.js";

const { FIRST_RUN_URL, SCREENSHOTS } = process.env;
if (!FIRST_RUN_URL || !SCREENSHOTS) {
  console.error("set FIRST_RUN_URL and SCREENSHOTS");
  process.exit(2);
}
const origin = new URL(FIRST_RUN_URL).origin;
const EMAIL = "kim@example.com";
const PASSWORD = "따뜻한-바닥-1234";

// without the last ones Chromium goes on looking for its maker's servers
const flags = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync"];
const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: flags });
await mkdir(SCREENSHOTS, { recursive: true });

/** A browser window; what goes wrong inside of its pages is gathered in `faults`. */
async function open(options) {
  const context = await browser.newContext({ locale: "ko-KR", viewport: { width: 1280, height: 860 }, ...options });
  context.setDefaultTimeout(30_000);
  const page = await context.newPage();
  page.on("pageerror", (error) => faults.push(`${page.url()}: ${error}`));
  page.on("console", (said) => {
    // a refused form is answered with 400 or 401, which the browser notes too
    if (said.type() === "error" && !/status of 40[01]/.test(said.text())) faults.push(`${page.url()}: ${said.text()}`);
  });
  return page;
}

const faults = [];
const done = report();
let shots = 0;
const shoot = async (page, name) => {
  shots += 1;
  const file = path.join(SCREENSHOTS, `${String(shots).padStart(2, "0")}-${name}.png`);
  await page.screenshot({ path: file, fullPage: true });
};
const step = async (name, page, work) => {
  await done.run(name, async () => {
    try {
      await work(page);
    } catch (error) {
      await shoot(page, "failed").catch(() => {});
      throw new Error(`at ${page.url()}: ${error.message}\nthe page: ${(await page.innerText("body")).slice(0, 1500)}`);
    }
  });
};
const field = (page, name) => page.locator(`[name="f.${name}"]`);
const button = (page, name) => page.getByRole("button", { name, exact: true });
const sees = (page, text) => page.getByText(text).first().waitFor();

const desk = await open({});

await step("the first run makes the first superuser", desk, async (page) => {
  await page.goto(FIRST_RUN_URL);
  await shoot(page, "first-run");
  await page.getByLabel("이메일", { exact: true }).fill(EMAIL);
  await page.getByLabel("비밀번호", { exact: true }).fill(PASSWORD);
  await page.getByLabel("비밀번호 확인").fill(PASSWORD);
  await button(page, "시작하기").click();
  await page.waitForURL(`${origin}/_/collections`);
  await sees(page, "users");
  await shoot(page, "collections");
});

await step("the first run is over after the first", desk, async () => {
  const page = await (await browser.newContext({ locale: "ko-KR" })).newPage();
  const answer = await page.goto(FIRST_RUN_URL);
  assert.equal(answer.status(), 410);
  await sees(page, "이미 관리자가 있어요.");
});

await step("they sign out, are refused with a wrong password, and sign in", desk, async (page) => {
  await button(page, "로그아웃").click();
  await page.waitForURL(/sign-in/);
  await page.getByLabel("이메일", { exact: true }).fill(EMAIL);
  await page.getByLabel("비밀번호", { exact: true }).fill("not-the-password");
  await button(page, "로그인").click();
  await sees(page, "이메일이나 비밀번호가 맞지 않아요.");
  await shoot(page, "sign-in-refused");
  await page.getByLabel("이메일", { exact: true }).fill(EMAIL);
  await page.getByLabel("비밀번호", { exact: true }).fill(PASSWORD);
  await button(page, "로그인").click();
  await page.waitForURL(`${origin}/_/collections`);
});

await step("who has not signed in is led to the sign-in", desk, async () => {
  const page = await (await browser.newContext({ locale: "ko-KR" })).newPage();
  await page.goto(`${origin}/_/collections/users`);
  await page.waitForURL(/sign-in/);
});

await step("a collection is made, with fields of several kinds", desk, async (page) => {
  await page.getByRole("link", { name: "새 컬렉션" }).first().click();
  await page.getByLabel("이름", { exact: true }).fill("notices");
  await shoot(page, "new-collection");
  await button(page, "컬렉션 만들기").click();
  await page.waitForURL(/collections\/notices\/fields/);
  for (const [kind, name] of [["text", "title"], ["select", "status"], ["number", "votes"], ["file", "photo"]]) {
    await page.locator('[name="add_type"]').selectOption(kind);
    await page.locator('button[value="add"]').click();
    const line = page.locator('input[name^="field."][name$=".name"]:visible').last();
    await line.fill(name);
    if (kind === "select") await page.locator('textarea[name$=".values"]:visible').last().fill("초안\n공개");
  }
  await shoot(page, "fields");
  await page.locator("[data-key=save]").click();
  await sees(page, "저장했어요.");
  for (const name of ["title", "status", "votes", "photo"]) {
    assert.equal(await page.locator(`input[name$=".name"][value="${name}"]`).count(), 1, name);
  }
});

await step("records with Korean text are added", desk, async (page) => {
  for (const [title, status, votes] of [["온돌 바닥 점검", "공개", "5"], ["주말 회식", "초안", "3"], ["새 서버 소식", "공개", "0"]]) {
    await page.goto(`${origin}/_/collections/notices`);
    await page.locator("[data-key=n]").first().click();
    await field(page, "title").fill(title);
    await field(page, "status").selectOption(status);
    await field(page, "votes").fill(votes);
    if (votes === "5") await shoot(page, "new-record");
    await page.locator("[data-key=save]").click();
    await page.waitForURL((url) => url.pathname === "/_/collections/notices");
    await sees(page, title);
  }
  assert.equal(await page.locator("tr[data-row]").count(), 3);
  await shoot(page, "grid");
});

await step("a record is found by Korean words and by a filter", desk, async (page) => {
  const find = async (words) => {
    await page.locator("#filter").fill(words);
    await page.locator("#filter").press("Enter");
    await page.waitForURL((url) => url.searchParams.get("filter") === words);
    return page.locator("tr[data-row]").allInnerTexts();
  };
  const byWord = await find("회식");
  assert.equal(byWord.length, 1);
  assert.match(byWord[0], /주말 회식/);
  assert.equal((await find("votes > 2 && title ~ '점검'")).length, 1);
  assert.equal((await find("없는 말")).length, 0);
  await sees(page, "맞는 레코드가 없어요");
  await page.locator("#filter").fill("votes >");
  await page.locator("#filter").press("Enter");
  await page.locator("#filter-fault").waitFor();
  assert.ok((await page.locator("#filter-fault").innerText()).length > 0);
  await shoot(page, "filter-fault");
});

await step("a record is changed, and a picture is uploaded", desk, async (page) => {
  const picture = path.join(tmpdir(), `온돌-${process.pid}.png`);
  await writeFile(picture, png(640, 400));
  await page.goto(`${origin}/_/collections/notices?filter=${encodeURIComponent("점검")}`);
  await page.locator("tr[data-row] a.open").first().click();
  await field(page, "title").fill("온돌 바닥 점검 (토요일)");
  await page.locator('input[type="file"][name="f.photo"]').setInputFiles(picture);
  await page.locator("[data-key=save]").click();
  await sees(page, "저장했어요.");
  assert.equal(await field(page, "title").inputValue(), "온돌 바닥 점검 (토요일)");
  const shown = page.locator('img[src*="/api/files/"]').first();
  await shown.waitFor();
  await page.waitForFunction((image) => image.complete && image.naturalWidth > 0, await shown.elementHandle());
  await shoot(page, "record-with-picture");
});

await step("a record that is not valid says what is wrong, and keeps what was written", desk, async (page) => {
  await page.goto(`${origin}/_/collections/notices/new`);
  await field(page, "title").fill("번호가 이상한 글");
  await field(page, "id").fill("짧은");
  await page.locator("[data-key=save]").click();
  await page.locator("#f-id-fault").filter({ hasText: /./ }).waitFor();
  assert.equal(await field(page, "title").inputValue(), "번호가 이상한 글");
  await shoot(page, "record-refused");
});

await step("the order is by a column, one way and the other", desk, async (page) => {
  await page.goto(`${origin}/_/collections/notices?sort=votes`);
  const titles = async () => (await page.locator("tr[data-row] a.open").allInnerTexts()).map((text) => text.trim());
  const up = await titles();
  await page.goto(`${origin}/_/collections/notices?sort=-votes`);
  assert.deepEqual(await titles(), up.reverse());
});

await step("it is at hand by keys alone", desk, async (page) => {
  await page.goto(`${origin}/_/collections/notices`);
  await page.locator("tr[data-row]").first().waitFor();
  await page.keyboard.press("j");
  await page.keyboard.press("Enter");
  await page.waitForURL(/\/records\//);
  await page.goto(`${origin}/_/collections/notices`);
  await page.keyboard.press("/");
  await page.keyboard.type("회식");
  await page.keyboard.press("Enter");
  await page.waitForURL((url) => url.searchParams.get("filter") === "회식");
});

await step("rules, indexes, settings and the API's page open", desk, async (page) => {
  for (const tab of ["rules", "indexes", "settings", "api"]) {
    const answer = await page.goto(`${origin}/_/collections/notices/${tab}`);
    assert.equal(answer.status(), 200, tab);
    await sees(page, "notices");
    await shoot(page, tab);
  }
});

await step("a rule that everybody may list lets the API answer guests", desk, async (page) => {
  const address = `${origin}/api/collections/notices/records`;
  assert.equal((await fetch(address)).status, 403);
  await page.goto(`${origin}/_/collections/notices/rules`);
  const locked = page.locator('[name="listRule.locked"]');
  if (await locked.isChecked()) await locked.uncheck({ force: true });
  await page.locator("[data-key=save]").first().click();
  await sees(page, "저장했어요.");
  const answer = await fetch(address);
  assert.equal(answer.status, 200);
  assert.equal((await answer.json()).totalItems, 3);
});

await step("a record is deleted after being asked", desk, async (page) => {
  await page.goto(`${origin}/_/collections/notices?filter=${encodeURIComponent("서버")}`);
  await page.locator("tr[data-row] a.open").first().click();
  await button(page, "삭제").click();
  await sees(page, "이 레코드를 삭제할까요?");
  await shoot(page, "delete-asks");
  await button(page, "삭제하기").click();
  await page.waitForURL((url) => url.pathname === "/_/collections/notices");
  assert.equal(await page.locator("tr[data-row]").count(), 2);
});

const state = await desk.context().storageState();
const views = {
  phone: { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true },
  dark: { colorScheme: "dark" },
  english: { locale: "en-US" },
};
for (const [name, options] of Object.entries(views)) {
  const page = await open({ ...options, storageState: state });
  await step(`it is pleasant to see: ${name}`, page, async () => {
    for (const where of ["collections", "collections/notices", "collections/notices/new", "collections/notices/fields"]) {
      await page.goto(`${origin}/_/${where}`);
      await page.locator("main").waitFor();
      // nothing may stick out sideways: the page itself must not scroll
      const over = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      assert.ok(over <= 0, `${where} is ${over} px too wide`);
      await shoot(page, `${name}-${where.replaceAll("/", "-")}`);
    }
    const lang = await page.evaluate(() => document.documentElement.lang);
    assert.equal(lang, name === "english" ? "en" : "ko");
  });
}

await step("it works without scripts too", desk, async () => {
  const page = await open({ javaScriptEnabled: false, storageState: state });
  await page.goto(`${origin}/_/collections/notices/new`);
  await field(page, "title").fill("스크립트 없이 쓴 글");
  await page.locator("[data-key=save]").click();
  await page.waitForURL((url) => url.pathname === "/_/collections/notices");
  await sees(page, "스크립트 없이 쓴 글");
});

await step("no page had a fault of its own", desk, async () => assert.deepEqual(faults, []));

await browser.close();
process.exit(done.close());

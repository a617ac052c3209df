// What every page has to stand up to: axe-core, narrow and zoomed windows, other reading directions, forced colours. Each page is
// also photographed, to be looked at.

import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

import { program } from "./service.mjs";

const axe = createRequire(import.meta.url)("axe-core").source;
const TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];

const DESKTOP = { width: 1100, height: 820 };
const PHONE = { width: 320, height: 568 };

/** Photographs the page. The folder is one for people to look through after the run. */
async function photograph(page, name, { isWhole = true } = {}) {
  const folder = program("SCREENSHOTS");
  mkdirSync(folder, { recursive: true });
  await page.screenshot({ path: join(folder, `${name}.png`), fullPage: isWhole, animations: "disabled" });
}

/** Fails if axe-core finds anything. */
async function checkWithAxe(page, where) {
  if (!(await page.evaluate(() => "axe" in window))) await page.evaluate(axe);
  const violations = await page.evaluate(async (tags) => {
    const { violations } = await window.axe.run(document, { runOnly: tags, resultTypes: ["violations"] });
    return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(", ")}`);
  }, TAGS);
  assert.deepEqual(violations, [], where);
}

/** Fails if the page can be scrolled sideways, or if something of it stands outside the window. */
async function checkWidth(page, where) {
  const found = await page.evaluate(() => {
    const { clientWidth, scrollWidth } = document.documentElement;
    const isSeen = (element) => !element.closest(".vh, .skip");
    const outside = [...document.querySelectorAll("body *")].filter((element) => {
      const { left, right, width } = element.getBoundingClientRect();
      return width > 0 && isSeen(element) && (left < -0.5 || right > clientWidth + 0.5);
    });
    return { excess: scrollWidth - clientWidth, outside: outside.map((element) => element.outerHTML.slice(0, 120)) };
  });
  assert.deepEqual(found, { excess: 0, outside: [] }, where);
}

/** Fails if a line of a heading ends at a hyphen, although the word would fit into the next one. */
async function checkHeading(page, where) {
  const broken = await page.evaluate(() => {
    const text = document.querySelector("h1")?.firstChild;
    if (text?.nodeType !== Node.TEXT_NODE) return [];
    const top = (index) => {
      const range = document.createRange();
      range.setStart(text, index);
      range.setEnd(text, index + 1);
      return range.getBoundingClientRect().top;
    };
    const hyphens = [...text.data.matchAll(/\w-(?=\w)/g)].map(({ index }) => index + 1);
    return hyphens.filter((index) => top(index) !== top(index + 1)).map((index) => text.data.slice(0, index + 1));
  });
  assert.deepEqual(broken, [], where);
}

/** Fails if a control is smaller than 24 by 24 pixels (WCAG 2.5.8), or a button or a field lower than 40. */
async function checkTargets(page, where) {
  const small = await page.evaluate(() =>
    [...document.querySelectorAll("a, button, summary, input:not([type=hidden], .vh)")]
      .filter((element) => !element.closest(".skip") && element.getClientRects().length > 0)
      .filter((element) => {
        const { width, height } = element.getBoundingClientRect();
        const least = element.matches(".btn:not(.btn-link), .input") ? 40 : 24;
        // A link within a sentence is as high as its line.
        const isInSentence = element.matches("p > a:not(.lone)");
        return !isInSentence && (width < 24 || height < least);
      })
      .map((element) => element.outerHTML.slice(0, 120)),
  );
  assert.deepEqual(small, [], where);
}

/** Fails if the page tells what it is by colours alone that forced colours take away. */
async function checkForcedColors(page, where) {
  const bare = await page.evaluate(() =>
    [...document.querySelectorAll(".ticket, .panel, .note, .tile, .btn:not(.btn-link), .input, .tag")]
      .filter((element) => {
        const { borderTopStyle, borderTopWidth } = getComputedStyle(element);
        return borderTopStyle !== "solid" || parseFloat(borderTopWidth) < 1;
      })
      .map((element) => element.outerHTML.slice(0, 120)),
  );
  assert.deepEqual(bare, [], where);
}

/** Checks the page that is shown, in light and dark, in every width and direction. */
export async function checkPage(page, name) {
  await page.setViewportSize(DESKTOP);
  await page.emulateMedia({ colorScheme: "light", reducedMotion: "reduce" });
  await photograph(page, `${name}.light`);
  await checkWithAxe(page, `${name}, light`);
  await checkTargets(page, name);
  await checkHeading(page, name);
  await page.emulateMedia({ colorScheme: "dark" });
  await photograph(page, `${name}.dark`);
  await checkWithAxe(page, `${name}, dark`);
  await page.emulateMedia({ colorScheme: "light", forcedColors: "active" });
  await checkForcedColors(page, `${name}, forced colours`);
  await photograph(page, `${name}.forced`);
  await page.emulateMedia({ forcedColors: "none" });
  await checkNarrow(page, name);
  await page.evaluate(() => (document.documentElement.dir = "rtl"));
  await checkWidth(page, `${name}, right to left`);
  await photograph(page, `${name}.rtl`);
  await page.evaluate(() => document.documentElement.removeAttribute("dir"));
  await page.setViewportSize(DESKTOP);
}

/** Checks the widths: a phone, a window at 400 %, and text of twice the size. */
async function checkNarrow(page, name) {
  await page.setViewportSize({ width: 320, height: 256 });
  await checkWidth(page, `${name}, 320 by 256`);
  await page.setViewportSize({ width: 640, height: 512 });
  await page.evaluate(() => (document.documentElement.style.fontSize = "200%"));
  await checkWidth(page, `${name}, text of twice the size`);
  await page.evaluate(() => (document.documentElement.style.fontSize = ""));
  await page.setViewportSize(PHONE);
  await checkWidth(page, `${name}, 320`);
  await checkHeading(page, `${name}, 320`);
  await photograph(page, `${name}.w320`);
}

/** Checks a page in another language, whose words are longer. */
export async function checkTranslated(page, name, lang) {
  assert.equal(await page.getAttribute("html", "lang"), lang, name);
  await page.setViewportSize(DESKTOP);
  await page.emulateMedia({ colorScheme: "dark", reducedMotion: "reduce" });
  await photograph(page, `${name}.${lang}.dark`);
  await checkWithAxe(page, `${name}, ${lang}, dark`);
  await page.emulateMedia({ colorScheme: "light" });
  await checkWithAxe(page, `${name}, ${lang}, light`);
  await checkNarrow(page, `${name}.${lang}`);
}

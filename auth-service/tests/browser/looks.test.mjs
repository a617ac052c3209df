// Every page in every state: what it looks like, and whether everybody can use it. The checks are in checks.mjs, the states
// in states.mjs and link_states.mjs.

import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { failedWith, scenarios } from "./browser.mjs";
import { checkPage, checkTranslated } from "./checks.mjs";
import { accountStates, linkStates } from "./link_states.mjs";
import { AuthService } from "./service.mjs";
import { SETTINGS, own, states } from "./states.mjs";

const scenario = scenarios(SETTINGS);

for (const [name, { open, status }] of Object.entries({ ...states, ...linkStates, ...accountStates })) {
  scenario(`the page ${name} is for everybody, in English and in German`, async (given) => {
    const german = await given.open({ locale: "de-DE" });
    for (const [person, lang] of [
      [given.person, "en"],
      [german, "de"],
    ]) {
      if (status) person.expectInConsole(failedWith(status));
      await open({ ...given, person });
      await (lang === "en" ? checkPage(person.page, name) : checkTranslated(person.page, name, lang));
    }
  });
}

scenario("more contrast, less motion and paper get what they ask for", async ({ service, person }) => {
  const { page } = person;
  await page.goto(`${service.issuer}/register`);
  const style = (selector, property) =>
    page.$eval(selector, (element, property) => getComputedStyle(element)[property], property);
  assert.equal(await style(".btn-primary", "transitionDuration"), "0.12s, 0.12s");
  await page.emulateMedia({ reducedMotion: "reduce", contrast: "more" });
  assert.equal(await style(".btn-primary", "transitionDuration"), "0s");
  assert.equal(await style(".hint", "color"), await style("h1", "color"));
  await page.emulateMedia({ contrast: "no-preference", media: "print" });
  assert.deepEqual([await style(".btn-primary", "display"), await style(".foot", "display")], ["none", "none"]);
  assert.deepEqual([await style("html", "color"), await style("html", "backgroundColor")], ["rgb(0, 0, 0)", "rgb(255, 255, 255)"]);
});

scenario("what stands at an edge changes sides where the script runs from right to left", async ({ service, person }) => {
  const { page } = person;
  await page.goto((await own(service)).begin().url);
  const places = () =>
    page.evaluate(() => {
      const middle = (selector) => {
        const { left, right } = document.querySelector(selector).getBoundingClientRect();
        return (left + right) / 2;
      };
      const notch = getComputedStyle(document.querySelector(".stub"), "::before");
      return {
        show: middle("[data-reveal]") > middle("#password"),
        tile: middle(".tile") < middle(".asks"),
        notch: notch.borderTopRightRadius !== "0px" && notch.borderTopLeftRadius === "0px",
      };
    });
  assert.deepEqual(await places(), { show: true, tile: true, notch: true });
  await page.evaluate(() => (document.documentElement.dir = "rtl"));
  assert.deepEqual(await places(), { show: false, tile: false, notch: false });
});

const LOGO = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 96 28"><rect width="96" height="28" rx="6" fill="#7A3E9D"/><circle cx="14" cy="14" r="7" fill="#FFD400"/></svg>`;

/** The most characters that a name may have. */
const LONGEST_NAME = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbau AG".padEnd(60, "!");

for (const accent of ["#FFD400", "#FFFFFF", "#000000", "#7A7A7A"]) {
  scenario(`the accent ${accent} and a logo leave the pages readable`, async ({ person, keep }) => {
    const logo = join(tmpdir(), `latchkey-logo-${process.pid}.svg`);
    writeFileSync(logo, LOGO);
    const brand = { AUTH__PAGES__ACCENT: accent, AUTH__PAGES__LOGO: logo, AUTH__PAGES__NAME: LONGEST_NAME };
    const service = await keep(AuthService.start({ ...SETTINGS, ...brand }));
    await person.page.goto(`${service.issuer}/login`);
    assert.equal(await person.page.evaluate(() => document.querySelector(".brand img").naturalWidth > 0), true);
    await checkPage(person.page, `accent-${accent.slice(1)}`);
  });
}

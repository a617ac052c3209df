// A Chromium, and people who use it. What the console shows is checked at the end of each test.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { chromium } from "playwright-core";

import { AuthService, PASSWORD, program } from "./service.mjs";

const PATIENCE_MS = 20_000;

/** The pages ignore a press on Allow or Continue within 500 ms after they are shown. */
export const GUARD_MS = 700;

/** What Chromium reports in the console for a document with an error status. */
export const failedWith = (status) =>
  new RegExp(`^Failed to load resource: the server responded with a status of ${status}\\b`);

/** One person's browser: its own cookies, and what the console of all its pages shows. */
export class Person {
  console = [];
  #expected = [];

  static async open(browser, options = {}) {
    const person = new Person();
    person.context = await browser.newContext(options);
    person.context.setDefaultTimeout(PATIENCE_MS);
    person.context.on("console", (message) => {
      if (["error", "warning"].includes(message.type())) person.console.push(message.text());
    });
    person.context.on("weberror", (error) => person.console.push(String(error.error())));
    person.page = await person.newPage();
    return person;
  }

  newPage() {
    return this.context.newPage();
  }

  /** The console may show a message like this, and has to. */
  expectInConsole(pattern) {
    this.#expected.push(pattern);
  }

  /** Fails if the console showed what no test expects: a violation of the content security policy, or an error of a script. */
  checkConsole() {
    const surprising = this.console.filter((text) => !this.#expected.some((pattern) => pattern.test(text)));
    assert.deepEqual(surprising, [], "messages in the browser's console");
    for (const pattern of this.#expected) {
      assert.ok(
        this.console.some((text) => pattern.test(text)),
        `${pattern} is not in the browser's console`,
      );
    }
  }

  /** Types a name and a password into the form that is shown, without sending it. */
  async fill(username, { page = this.page, password = PASSWORD } = {}) {
    await page.fill("input[name=username]", username);
    await page.fill("input[name=password]", password);
  }

  /** Sends the form of the sign-in that is shown. */
  async signIn(username, { page = this.page, password } = {}) {
    await this.fill(username, { page, password });
    await page.getByRole("button", { name: "Sign in", exact: true }).click();
  }

  /** Signs in on the bare page, and ends at the account. */
  async signInBare(service, username) {
    await this.page.goto(`${service.issuer}/login`);
    await this.signIn(username);
    await this.page.waitForURL(`${service.issuer}/account`);
  }

  /** Presses a button that the page guards against presses before it could be read. */
  async pressGuarded(name, page = this.page) {
    const button = page.getByRole("button", { name, exact: true });
    await button.waitFor();
    await page.waitForTimeout(GUARD_MS);
    await button.click();
  }

  /** Presses Back. A page that comes from the browser's cache of whole pages is not loaded, so this waits for no load. */
  async goBack(page = this.page) {
    await page.goBack({ waitUntil: "commit" });
  }

  async expectHeading(name, page = this.page) {
    await page.getByRole("heading", { level: 1, name, exact: true }).waitFor();
  }
}

/**
 * A service and a browser for the tests of a file. Returns a function that declares a test: its body gets a person, and
 * `open` for further people. When the body is through, every console is checked. `settings` are those of the service.
 */
export function scenarios(settings = {}) {
  const shared = {};
  before(async () => {
    shared.service = await AuthService.start(settings);
    shared.browser = await chromium.launch({
      executablePath: program("CHROMIUM"),
      args: ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-dev-shm-usage"],
      // People have this cache, so the Back button is tested with it.
      ignoreDefaultArgs: ["--disable-back-forward-cache"],
    });
  });
  after(async () => {
    await shared.browser?.close();
    await shared.service?.stop();
  });

  return (name, body, options = {}) =>
    test(name, { timeout: 90_000 }, async () => {
      const people = [];
      const closing = [];
      const open = async (more = {}) => {
        const person = await Person.open(shared.browser, { ...options, ...more });
        people.push(person);
        return person;
      };
      const keep = async (started) => {
        const kept = await started;
        closing.push(kept);
        return kept;
      };
      try {
        await body({ service: shared.service, person: await open(), open, keep });
        for (const person of people) person.checkConsole();
      } catch (error) {
        for (const { page, console } of people) {
          process.stderr.write(`${name}: at ${page.url()}, console: ${JSON.stringify(console)}\n`);
        }
        throw error;
      } finally {
        for (const { context } of people) await context.close();
        for (const site of closing) await site.close();
      }
    });
}

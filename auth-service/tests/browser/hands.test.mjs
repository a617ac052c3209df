// Whoever signs in by hand: with the keyboard alone, with a screen reader, with a password manager, on a phone.

import assert from "node:assert/strict";

import { Application } from "./application.mjs";
import { failedWith, scenarios } from "./browser.mjs";
import { PASSWORD } from "./service.mjs";

const scenario = scenarios({
  AUTH__PAGES__SUPPORT: "https://nordlicht.example/help",
  AUTH__PASSWORDS__BCRYPT_COST: "4",
});

/** What has the focus: its id, else its text. */
const focused = (page) => page.evaluate(() => document.activeElement.id || document.activeElement.textContent.trim());

/** What a screen reader says about the element with the focus: its name, its description, its states. */
async function spoken(page) {
  const session = await page.context().newCDPSession(page);
  const { nodes } = await session.send("Accessibility.getFullAXTree");
  const hasFocus = ({ properties = [] }) => properties.some(({ name, value }) => name === "focused" && value.value);
  // The document is said to have the focus, too.
  const node = nodes.find((node) => node.role?.value !== "RootWebArea" && hasFocus(node));
  const state = (wanted) => node.properties.find(({ name }) => name === wanted)?.value.value;
  return { name: node.name?.value, description: node.description?.value ?? "", invalid: state("invalid") === "true" };
}

scenario("the sign-in works with the keyboard alone", async ({ service, person }) => {
  const { page } = person;
  const ada = await service.createUser();
  await page.goto(`${service.issuer}/login`);
  assert.equal(await focused(page), "username");
  const order = [];
  for (let step = 0; step < 7; step += 1) {
    await page.keyboard.press("Tab");
    order.push(await focused(page));
  }
  assert.deepEqual(order, ["password", "Show", "Forgot your password?", "Sign in", "Create an account", "Deutsch", "Help"]);

  // From the top the first stop is the link that skips the header. It is seen once it has the focus.
  await page.goto(`${service.issuer}/logout`);
  await page.keyboard.press("Tab");
  assert.equal(await focused(page), "Skip to content");
  const { width, height } = await page.locator(".skip").boundingBox();
  assert.ok(width > 60 && height >= 24, `${width} by ${height}`);
  await page.keyboard.press("Enter");
  await page.keyboard.press("Tab");
  assert.equal(await focused(page), "Sign in again");
  await page.keyboard.press("Enter");

  // Enter in a field submits. What is focused is marked.
  await page.waitForURL(`${service.issuer}/login`);
  const outline = await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
  assert.equal(outline, "solid");
  await page.keyboard.type(ada);
  await page.keyboard.press("Tab");
  await page.keyboard.type(PASSWORD);
  await page.keyboard.press("Enter");
  await page.waitForURL(`${service.issuer}/account`);
});

scenario("a password is shown by a button, and hidden before it is sent", async ({ service, person }) => {
  const { page } = person;
  await page.goto(`${service.issuer}/login`);
  const type = () => page.getAttribute("#password", "type");
  await person.fill("ada", { password: "not the password" });
  await page.locator("[data-reveal]").focus();
  await page.keyboard.press("Space");
  assert.deepEqual([await type(), await focused(page)], ["text", "Hide"]);
  assert.equal(await page.locator("[role=status]").innerText(), "Your password is visible");
  assert.equal((await spoken(page)).name, "Hide password");
  await page.keyboard.press("Space");
  assert.deepEqual([await type(), await focused(page)], ["password", "Show"]);
  assert.equal(await page.locator("[role=status]").innerText(), "Your password is hidden");

  await page.keyboard.press("Space");
  assert.equal(await type(), "text");
  // Browsers offer to save what is in a password field when a form is sent, and keep what was in a text field.
  await page.evaluate(() => {
    document.querySelector("form").addEventListener("submit", () => (window.name = document.querySelector("#password").type));
  });
  person.expectInConsole(failedWith(422));
  await page.locator("#password").press("Enter");
  await page.locator("#notice").waitFor();
  assert.equal(await page.evaluate(() => window.name), "password");
});

scenario("a screen reader tells what is wrong, and where", async ({ service, person }) => {
  const { page } = person;
  person.expectInConsole(failedWith(422));
  const send = async () => {
    await page.locator("main form .btn-primary").click();
    await page.waitForFunction(() => document.title.startsWith("Error: "));
  };
  await page.goto(`${service.issuer}/login`);
  assert.equal(await page.title(), "Sign in – Latchkey");
  await person.fill("ada.lovelace", { password: "not the password" });
  await send();
  assert.equal(await page.title(), "Error: Sign in – Latchkey");
  assert.equal(await focused(page), "password");
  const wrong = "The user name or the password is not right. Check both and try again.";
  // Neither field is marked: nobody may learn which of the two is wrong.
  assert.deepEqual(await spoken(page), { name: "Password", description: wrong, invalid: false });

  await page.goto(`${service.issuer}/register`);
  await person.fill("carol", { password: "short" });
  await send();
  assert.equal(await focused(page), "password");
  assert.deepEqual(await spoken(page), {
    name: "Password",
    description: "At least 12 characters. A few words in a row work well. Error: Use at least 12 characters.",
    invalid: true,
  });

  // Several errors: their summary has the focus, and its links lead to the fields.
  await person.fill(" carol", { password: "short" });
  await page.fill("#email", "carol");
  await send();
  await page.getByText("There are 3 things to put right").waitFor();
  assert.equal(await page.evaluate(() => document.activeElement.getAttribute("role")), "alert");
  await page.getByRole("link", { name: "Enter an e-mail address like ada@example.org." }).click();
  assert.equal(await focused(page), "email");
});

scenario("names with the capitals and spaces of a phone's keyboard are understood", async ({ service, person }) => {
  const { page } = person;
  const ada = await service.createUser();
  await page.goto(`${service.issuer}/login`);
  await person.fill(` ${ada[0].toUpperCase()}${ada.slice(1)} `);
  await page.keyboard.press("Enter");
  await page.waitForURL(`${service.issuer}/account`);
});

scenario("a time is that of the person's own clock, and that of UTC without a script", async ({ service, open }) => {
  const ada = await service.createUser();
  for (const [javaScriptEnabled, pattern] of [
    [true, /^\d+ \w+ \d{4} at \d\d:\d\d$|^\w+ \d+, \d{4} at \d+:\d\d [AP]M$/u],
    [false, /^\d+ \w+ \d{4}, \d\d:\d\d UTC$/u],
  ]) {
    const { page } = await open({ javaScriptEnabled, timezoneId: "Asia/Kolkata" });
    await page.goto(`${service.issuer}/login`);
    await page.fill("#username", ada);
    await page.fill("#password", PASSWORD);
    await page.locator("main form .btn-primary").click();
    await page.waitForURL(`${service.issuer}/account`);
    await page.goto(`${service.issuer}/account/sessions`);
    const time = page.locator("time").first();
    const shown = await time.innerText();
    assert.match(shown, pattern);
    const minutes = (await time.getAttribute("datetime")).match(/T\d\d:(\d\d)/)[1];
    const expected = javaScriptEnabled ? (Number(minutes) + 30) % 60 : Number(minutes);
    assert.equal(Number(shown.match(/:(\d\d)/)[1]), expected, "Kolkata is half an hour off");
  }
});

scenario("fields are such that password managers and phones know them", async ({ service, person, keep }) => {
  const { page } = person;
  const attributes = (selector) =>
    page.$eval(selector, (field) =>
      Object.fromEntries(
        ["type", "autocomplete", "inputmode", "enterkeyhint", "autocapitalize", "autocorrect", "spellcheck"].map((name) => [
          name,
          field.getAttribute(name),
        ]),
      ),
    );
  const typed = { autocapitalize: "none", autocorrect: "off", spellcheck: "false" };
  const name = { type: "text", autocomplete: "username" };
  const password = { type: "password", inputmode: null, enterkeyhint: "go" };
  await page.goto(`${service.issuer}/login`);
  const nameAtSignIn = { ...name, inputmode: "email", enterkeyhint: "next", ...typed };
  assert.deepEqual(await attributes("#username"), nameAtSignIn);
  assert.deepEqual(await attributes("#password"), { ...password, autocomplete: "current-password", ...typed });
  await page.goto(`${service.issuer}/register`);
  assert.deepEqual(await attributes("#username"), { ...name, inputmode: null, enterkeyhint: "next", ...typed });
  const email = { type: "email", autocomplete: "email", inputmode: "email", enterkeyhint: "next", ...typed };
  assert.deepEqual(await attributes("#email"), email);
  assert.deepEqual(await attributes("#password"), { ...password, autocomplete: "new-password", ...typed });
  assert.equal(await page.getAttribute("#password", "passwordrules"), "minlength: 12;");

  // Who is asked again keeps the name as a field, so that a password manager finds the right password. What is pasted stays.
  const ada = await service.createUser();
  await person.signInBare(service, ada);
  const application = await keep(Application.register(service));
  await page.goto(application.begin({ prompt: "login" }).url);
  assert.equal(await page.inputValue("#username"), ada);
  assert.deepEqual(await attributes("#username"), nameAtSignIn);
  assert.equal(await page.locator("form").count(), 1);
  await page.locator("#password").focus();
  const pasted = await page.evaluate(() => {
    const data = new DataTransfer();
    data.setData("text/plain", "x");
    return document.activeElement.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, cancelable: true }));
  });
  assert.equal(pasted, true, "nothing prevents a paste");
});

scenario("without its stylesheet, its script and its images a page still reads from top to bottom", async ({ service, person }) => {
  const { page } = person;
  person.expectInConsole(/^Failed to load resource: net::ERR_FAILED/);
  await page.route(/\/assets\//, (route) => route.abort());
  const ada = await service.createUser();
  await page.goto(`${service.issuer}/login`);
  const lines = (await page.locator("body").innerText()).split("\n").map((line) => line.trim());
  const text = lines.filter((line) => line);
  const seen = ["Skip to content", "Latchkey", "Sign in", "User name or e-mail address", "Password"];
  assert.deepEqual(text.slice(0, 5), seen);
  assert.equal(await page.locator("[data-reveal]").isVisible(), false, "a button that needs the script is hidden");
  await person.signIn(ada);
  await page.waitForURL(`${service.issuer}/account`);
});

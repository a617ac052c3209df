// Links in mails: from the form to the mail, and from the mail to what it is for.

import assert from "node:assert/strict";

import { failedWith, scenarios } from "./browser.mjs";
import { NEW_PASSWORD, askForReset, register } from "./link_states.mjs";
import { PASSWORD } from "./service.mjs";
import { press } from "./states.mjs";

const scenario = scenarios({ AUTH__PASSWORDS__BCRYPT_COST: "4" });

scenario("an address is verified from the registration on", async ({ service, person }) => {
  const { page } = person;
  const { link } = await register({ service, person });
  await person.expectHeading("Your account");
  assert.equal(await page.getByText("Not confirmed", { exact: true }).count(), 1);
  await page.goto(link);
  // The account signed in here just now: no password.
  assert.equal(await page.locator("#password").count(), 0);
  await press(page);
  await person.expectHeading("Your e-mail address is confirmed");
  await page.getByRole("link", { name: "Go to your account" }).click();
  await page.getByText("Confirmed", { exact: true }).waitFor();
  person.expectInConsole(failedWith(410));
  await page.goto(link);
  await person.expectHeading("This link no longer works.");
  assert.equal(service.hasLogged("lkm_"), false, "a token is in the log");
});

scenario("a forgotten password is replaced, and the new one signs in", async ({ service, person, open }) => {
  const { page } = person;
  const { username, address } = await service.createUserWithMail();
  const thief = await open();
  await thief.signInBare(service, username);
  await page.goto(`${service.issuer}/login`);
  await page.getByRole("link", { name: "Forgot your password?" }).click();
  await person.expectHeading("Forgot your password?");
  const link = await askForReset({ person, service }, address, address);
  await person.expectHeading("Check your mail");
  await page.goto(link);
  await person.expectHeading("Choose a new password");
  person.expectInConsole(failedWith(422));
  await page.fill("#password", "password1234");
  await press(page);
  await page.getByText("Many people use this password").waitFor();
  await page.fill("#password", NEW_PASSWORD);
  await press(page);
  await page.getByText("Your password is changed. Sign in with the new one.").waitFor();
  await person.signIn(username, { password: NEW_PASSWORD });
  await page.waitForURL(`${service.issuer}/account`);
  // Whoever had the old one is out.
  await thief.page.goto(`${service.issuer}/account`);
  await thief.page.waitForURL(`${service.issuer}/login`);
  assert.equal(service.hasLogged("lkm_"), false, "a token is in the log");
});

scenario("a program that opens a link and waits verifies nothing", async ({ service, person, open }) => {
  const { link } = await register({ service, person });
  // As scanners of mail do: with scripts, without cookies, for a while, pressing nothing.
  const scanner = await open();
  await scanner.page.goto(link);
  await scanner.page.waitForLoadState("networkidle");
  await scanner.page.mouse.move(200, 200);
  await scanner.page.waitForTimeout(1_500);
  assert.equal(await scanner.page.locator("#password").count(), 1, "a stranger is asked for the password");
  // Even one that submits the form has no password.
  scanner.expectInConsole(failedWith(422));
  await press(scanner.page);
  await person.page.goto(`${service.issuer}/account`);
  assert.equal(await person.page.getByText("Not confirmed", { exact: true }).count(), 1);
  await person.page.goto(link);
  await press(person.page);
  await person.expectHeading("Your e-mail address is confirmed");
});

scenario("a link is opened in two browsers, and the one that is quicker uses it", async ({ service, person, open }) => {
  const { username, address } = await service.createUserWithMail();
  const link = await askForReset({ person, service }, username, address);
  const phone = await open({ locale: "de-DE" });
  await phone.page.goto(link);
  await phone.expectHeading("Neues Passwort wählen");
  await person.page.goto(link);
  await person.page.fill("#password", NEW_PASSWORD);
  await press(person.page);
  await person.expectHeading("Sign in");
  phone.expectInConsole(failedWith(410));
  await phone.page.fill("#password", "yet another long password");
  await press(phone.page);
  await phone.expectHeading("Dieser Link gilt nicht mehr.");
  await phone.page.getByRole("link", { name: "Neuen Link senden" }).click();
  await phone.expectHeading("Passwort vergessen?");
});

scenario("a password is reset in a browser in which somebody else is signed in", async ({ service, person }) => {
  const { page } = person;
  const { username, address } = await service.createUserWithMail();
  const bob = await service.createUser("bob");
  const link = await askForReset({ person, service }, username, address);
  await person.signInBare(service, bob);
  await page.goto(link);
  await page.getByText(username, { exact: true }).waitFor();
  await page.fill("#password", NEW_PASSWORD);
  await press(page);
  await person.expectHeading("Sign in");
  // Bob is signed in as before.
  await page.goto(`${service.issuer}/account`);
  await page.getByText(bob, { exact: true }).first().waitFor();
});

scenario("a changed password keeps this browser signed in, and no other", async ({ service, person, open }) => {
  const { page } = person;
  const ada = await service.createUser();
  const other = await open();
  for (const each of [person, other]) await each.signInBare(service, ada);
  await page.getByRole("link", { name: "Security" }).click();
  await page.fill("#current_password", PASSWORD);
  await page.fill("#new_password", NEW_PASSWORD);
  await page.keyboard.press("Enter");
  await page.getByText("Your password is changed. You are signed out everywhere else.").waitFor();
  assert.equal(await page.evaluate(() => document.activeElement.id), "notice");
  await page.getByRole("link", { name: "Sessions" }).click();
  await person.expectHeading("Where you are signed in");
  await other.page.goto(`${service.issuer}/account`);
  await other.page.waitForURL(`${service.issuer}/login`);
  await other.signIn(ada, { password: NEW_PASSWORD });
  await other.page.waitForURL(`${service.issuer}/account`);
});

scenario(
  "a password is reset without a script",
  async ({ service, person }) => {
    const { page } = person;
    const { username, address } = await service.createUserWithMail();
    await page.goto(await askForReset({ person, service }, username, address));
    await page.fill("#password", NEW_PASSWORD);
    await press(page);
    await page.getByText("Your password is changed.").waitFor();
  },
  { javaScriptEnabled: false },
);

scenario("a password manager sees whose password it saves", async ({ service, person }) => {
  const { page } = person;
  const { username, address } = await service.createUserWithMail();
  await page.goto(await askForReset({ person, service }, username, address));
  const name = page.locator("input[autocomplete=username]");
  assert.equal(await name.inputValue(), username);
  assert.equal(await name.getAttribute("name"), null);
  const password = page.locator("#password");
  assert.equal(await password.getAttribute("autocomplete"), "new-password");
  assert.equal(await password.getAttribute("passwordrules"), "minlength: 12;");
  // Pasted, as managers and people do.
  await password.focus();
  await page.evaluate((text) => document.execCommand("insertText", false, text), NEW_PASSWORD);
  await page.getByRole("button", { name: "Show password" }).click();
  assert.equal(await password.getAttribute("type"), "text");
  await press(page);
  await page.getByText("Your password is changed.").waitFor();
});

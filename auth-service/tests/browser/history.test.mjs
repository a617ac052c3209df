// Tabs, pages that were left open, double clicks and the Back button.

import assert from "node:assert/strict";

import { Application } from "./application.mjs";
import { failedWith, scenarios } from "./browser.mjs";

const scenario = scenarios();

scenario("each of several tabs goes on with its own request", async ({ service, person, keep }) => {
  const one = await keep(Application.register(service));
  const two = await keep(Application.register(service, { isFirstParty: false }));
  const ada = await service.createUser();
  const requests = [one.begin(), two.begin(), one.begin()];
  const tabs = [person.page, await person.newPage(), await person.newPage()];
  for (const [at, tab] of tabs.entries()) {
    await tab.goto(requests[at].url);
    await person.expectHeading("Sign in", tab);
  }
  await person.signIn(ada, { page: tabs[1] });
  await person.expectHeading("Allow access to your account?", tabs[1]);
  await person.signIn(ada, { page: tabs[0] });
  await one.redeem(requests[0], (await one.arrival(requests[0])).parameters);
  // A reload is enough where the sign-in happened in another tab.
  await tabs[2].reload();
  await one.redeem(requests[2], (await one.arrival(requests[2])).parameters);
  await person.pressGuarded("Allow", tabs[1]);
  await two.redeem(requests[1], (await two.arrival(requests[1])).parameters);
});

scenario("pages that were left open work after a restart of the service", async ({ service, person, open, keep }) => {
  const application = await keep(Application.register(service));
  const other = await keep(Application.register(service, { isFirstParty: false }));
  const ada = await service.createUser();
  const [first, second] = [application.begin(), other.begin()];
  const bob = await open();
  await person.page.goto(first.url);
  await person.expectHeading("Sign in");
  await bob.page.goto(second.url);
  await bob.signIn(await service.createUser("bob"));
  await bob.expectHeading("Allow access to your account?");
  await service.restart();
  await person.signIn(ada);
  await application.redeem(first, (await application.arrival(first)).parameters);
  await bob.pressGuarded("Allow");
  await other.redeem(second, (await other.arrival(second)).parameters);
});

scenario("a double click on Sign in signs in once", async ({ service, person, keep }) => {
  const application = await keep(Application.register(service));
  const ada = await service.createUser();
  const request = application.begin();
  await person.page.goto(request.url);
  await person.fill(ada);
  const posts = [];
  person.page.on("request", (sent) => sent.method() === "POST" && posts.push(sent.url()));
  const { x, y, width, height } = await person.page.getByRole("button", { name: "Sign in", exact: true }).boundingBox();
  const point = [x + width / 2, y + height / 2];
  await person.page.mouse.click(...point, { delay: 5 });
  // The second post begins when the first one is under way.
  await person.page.waitForTimeout(30);
  await person.page.mouse.click(...point, { delay: 5 });
  await person.expectHeading("Signed in at the application");
  assert.deepEqual(posts, [`${service.issuer}/login`, `${service.issuer}/login`]);
  const claims = await application.redeem(request, (await application.arrival(request)).parameters);
  // The browser has the cookie of a live session.
  const again = application.begin({ prompt: "none" });
  await person.page.goto(again.url);
  const second = await application.redeem(again, (await application.arrival(again)).parameters);
  assert.equal(second.sub, claims.sub);
});

scenario("Back after the sign-in leads to the application again", async ({ service, person, keep }) => {
  const application = await keep(Application.register(service));
  const request = application.begin();
  await person.page.goto(application.site.serve("/", "Application"));
  await person.page.goto(request.url);
  await person.signIn(await service.createUser());
  await person.expectHeading("Signed in at the application");
  const callbacks = () => application.site.requests.filter((seen) => seen.path === "/cb");
  const first = callbacks().at(-1).parameters;
  await person.goBack();
  await person.expectHeading("Signed in at the application");
  const second = callbacks().at(-1).parameters;
  assert.notEqual(second.get("code"), first.get("code"));
  await application.redeem(request, second);
});

scenario("Back after a form_post answer sends no code twice", async ({ service, person, keep }) => {
  const application = await keep(Application.register(service));
  const request = application.begin({ response_mode: "form_post" });
  await person.page.goto(request.url);
  await person.signIn(await service.createUser());
  await person.expectHeading("Signed in at the application");
  await person.goBack();
  // The page before it goes on with the session to a new answer. It is sent by a press only.
  await person.expectHeading("Back to Example");
  await person.page.getByRole("button", { name: "Continue", exact: true }).click();
  await person.expectHeading("Signed in at the application");
  const codes = application.site.requests
    .filter((seen) => seen.path === "/cb")
    .map((seen) => seen.parameters.get("code"));
  assert.equal(new Set(codes).size, codes.length, "no code was sent twice");
  await application.redeem(request, application.site.requests.findLast((seen) => seen.path === "/cb").parameters);
});

scenario("Back after a wrong password shows a form that works", async ({ service, person, keep }) => {
  const application = await keep(Application.register(service));
  const ada = await service.createUser();
  const request = application.begin();
  await person.page.goto(request.url);
  await person.signIn(ada, { password: "not the password" });
  person.expectInConsole(failedWith(422));
  await person.page.getByText("The user name or the password is not right.").waitFor();
  await person.goBack();
  await person.expectHeading("Sign in");
  await person.page.getByText("The user name or the password is not right.").waitFor({ state: "detached" });
  await person.signIn(ada);
  await application.redeem(request, (await application.arrival(request)).parameters);
});

scenario(
  "a password that is shown is hidden when it is sent, and gone after Back",
  async ({ service, person, keep }) => {
    const application = await keep(Application.register(service));
    const ada = await service.createUser();
    await person.page.goto(application.begin().url);
    await person.fill(ada, { password: "not the password" });
    await person.page.getByRole("button", { name: "Show password" }).click();
    assert.equal(await person.page.getAttribute("input[name=password]", "type"), "text");
    await person.page.getByRole("button", { name: "Sign in", exact: true }).click();
    person.expectInConsole(failedWith(422));
    await person.page.getByText("The user name or the password is not right.").waitFor();
    assert.equal(await person.page.getAttribute("input[name=password]", "type"), "password");
    await person.goBack();
    await person.expectHeading("Sign in");
    assert.equal(await person.page.getAttribute("input[name=password]", "type"), "password");
    assert.equal(await person.page.inputValue("input[name=password]"), "");
  },
);

scenario("after a sign-out, Back shows no account", async ({ service, person }) => {
  const ada = await service.createUser();
  await person.signInBare(service, ada);
  const shown = person.page.getByText(ada).first();
  await shown.waitFor();
  await person.page.getByRole("button", { name: "Sign out" }).click();
  await person.expectHeading("You are signed out");
  await person.goBack();
  await person.expectHeading("Sign in");
  assert.equal(await shown.count(), 0);
  assert.equal(new URL(person.page.url()).pathname, "/login");
  // Neither does any page before it have the password that was typed.
  await person.goBack();
  await person.expectHeading("Sign in");
  assert.equal(await person.page.inputValue("input[name=password]"), "");
  // The cookie of a known device stays, and is no credential.
  const kept = await person.context.cookies(service.issuer);
  assert.deepEqual(kept.map(({ name }) => name), ["device"]);
});

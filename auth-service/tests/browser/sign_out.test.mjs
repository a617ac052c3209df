// People sign out: in one tab of several, and at the wish of an application on another site.

import assert from "node:assert/strict";

import { Application } from "./application.mjs";
import { scenarios } from "./browser.mjs";

const scenario = scenarios();

/** Signs a person in at an application. Returns the id_token, and the name. */
async function signIn({ service, person }, application) {
  const ada = await service.createUser();
  const request = application.begin();
  await person.page.goto(request.url);
  await person.signIn(ada);
  await application.redeem(request, (await application.arrival(request)).parameters);
  await person.expectHeading("Signed in at the application");
  return { ada, hint: application.idToken };
}

/** Fails unless the next sign-in of the browser would ask for a password. */
async function expectSignedOut({ person }, application) {
  const silent = application.begin({ prompt: "none" });
  await person.page.goto(silent.url);
  assert.equal((await application.arrival(silent)).parameters.get("error"), "login_required");
}

scenario("after a sign-out in one tab, Back shows no account in the other", async ({ service, person, keep }) => {
  const application = await keep(Application.register(service));
  const ada = await service.createUser();
  await person.signInBare(service, ada);
  const other = await person.newPage();
  for (const path of ["/account", "/account/sessions", "/account/applications"]) {
    await other.goto(service.issuer + path);
    await other.getByText(ada).first().waitFor();
  }
  await other.goto(application.site.serve("/", "Application"));
  await person.page.getByRole("button", { name: "Sign out", exact: true }).first().click();
  await person.expectHeading("You are signed out");
  for (let page = 0; page < 3; page += 1) {
    await person.goBack(other);
    await person.expectHeading("Sign in", other);
    assert.equal(await other.getByText(ada).count(), 0);
    assert.equal(new URL(other.url()).pathname, "/login");
  }
});

scenario("an application on another site signs out by a link", async (given) => {
  const { service, person, keep } = given;
  const application = await keep(Application.register(service, { postLogoutPath: "/bye" }));
  const { ada, hint } = await signIn(given, application);
  const state = "~ä✓ &=+%?#/".repeat(20);
  const parameters = { id_token_hint: hint, post_logout_redirect_uri: application.postLogoutUri, state };
  const link = `${service.issuer}/oauth2/logout?${new URLSearchParams(parameters)}`;
  const page = `<a href="${link.replaceAll("&", "&amp;")}">Sign out</a>`;
  await person.page.goto(application.site.serve("/", "Application", page));
  await person.page.getByRole("link", { name: "Sign out" }).click();
  const arrived = await application.site.arrival("/bye", state);
  assert.deepEqual([...arrived.parameters.keys()], ["state"]);
  await person.expectHeading("Signed out at the application");
  // The cookie of a known device stays, and is no credential.
  const kept = await person.context.cookies(service.issuer);
  assert.deepEqual(kept.map(({ name }) => name), ["device"]);
  await expectSignedOut(given, application);
  assert.equal(await person.page.getByText(ada).count(), 0);
});

scenario("an application on another site signs out by a form", async (given) => {
  const { service, person, keep } = given;
  const application = await keep(Application.register(service, { postLogoutPath: "/bye" }));
  const { hint } = await signIn(given, application);
  const endpoint = `${service.issuer}/oauth2/logout`;
  const fields = { id_token_hint: hint, post_logout_redirect_uri: application.postLogoutUri, state: "by-post" };
  const posted = person.page.waitForRequest((sent) => sent.method() === "POST" && sent.url() === endpoint);
  await person.page.goto(application.site.servePost("/out", endpoint, fields), { waitUntil: "commit" });
  // The browser keeps the session's cookie from a post of another site.
  assert.equal(await (await posted).headerValue("cookie"), null);
  await application.site.arrival("/bye", "by-post");
  await person.expectHeading("Signed out at the application");
  await expectSignedOut(given, application);
});

scenario("without a hint the person is asked, and goes back after the press", async (given) => {
  const { service, person, keep } = given;
  const application = await keep(Application.register(service, { name: "Fjordpost", postLogoutPath: "/bye" }));
  await signIn(given, application);
  const endpoint = `${service.issuer}/oauth2/logout`;
  const fields = { client_id: application.clientId, post_logout_redirect_uri: application.postLogoutUri, state: "asked" };
  await person.page.goto(application.site.servePost("/out", endpoint, fields), { waitUntil: "commit" });
  await person.expectHeading("Sign out?");
  assert.ok((await person.page.locator("main").innerText()).includes("Fjordpost"));
  // "Stay signed in" changes nothing.
  await person.page.getByRole("link", { name: "Stay signed in" }).click();
  await person.expectHeading("Your account");
  await person.goBack();
  await person.expectHeading("Sign out?");
  await person.page.locator("main").getByRole("button", { name: "Sign out", exact: true }).click();
  await application.site.arrival("/bye", "asked");
  await person.expectHeading("Signed out at the application");
  await expectSignedOut(given, application);
});

scenario("an address that is not registered is named in the log, and keeps nobody signed in", async (given) => {
  const { service, person, keep } = given;
  const application = await keep(Application.register(service));
  const { hint } = await signIn(given, application);
  const elsewhere = `${application.site.origin}/elsewhere?mark=7f3a`;
  const parameters = new URLSearchParams({ id_token_hint: hint, post_logout_redirect_uri: elsewhere });
  await person.page.goto(`${service.issuer}/oauth2/logout?${parameters}`);
  await person.expectHeading("You are signed out");
  await person.page.getByText("a return address that we do not know").waitFor();
  const line = service.log().split("\n").find((text) => text.includes("logout.unregistered_redirect_uri"));
  assert.ok(line?.includes(elsewhere) && line.includes(application.clientId), service.log());
  await expectSignedOut(given, application);
});

scenario("a person signs out another browser, which then shows a form", async ({ service, person, open }) => {
  const ada = await service.createUser();
  await person.signInBare(service, ada);
  const phone = await open({ userAgent: "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) Version/18.5 Safari/604.1" });
  await phone.signInBare(service, ada);
  await person.page.getByRole("link", { name: "Sessions" }).click();
  await person.expectHeading("Where you are signed in");
  await person.page.getByRole("button", { name: "Sign out – Safari on iPhone" }).click();
  await person.page.getByText("Safari on iPhone is signed out.").waitFor();
  // A keyboard goes on from the notice.
  assert.equal(await person.page.evaluate(() => document.activeElement.id), "notice");
  await phone.page.reload();
  await phone.expectHeading("Sign in");
  await person.page.reload();
  await person.expectHeading("Where you are signed in");
});

// People sign in at applications on other origins.

import assert from "node:assert/strict";

import { Application, Site } from "./application.mjs";
import { failedWith, scenarios } from "./browser.mjs";

const scenario = scenarios();

scenario("a person signs in at an application on another origin", async ({ service, person, keep }) => {
  const application = await keep(Application.register(service));
  const ada = await service.createUser();
  const request = application.begin();
  // The link is on a page of the application, so the navigation is one from another site.
  await person.page.goto(
    application.site.serve("/", "Application", `<a href="${request.url.replaceAll("&", "&amp;")}">Sign in</a>`),
  );
  await person.page.getByRole("link", { name: "Sign in" }).click();
  await person.expectHeading("Sign in");
  await person.signIn(ada);
  const answer = await application.arrival(request);
  await person.expectHeading("Signed in at the application");
  const claims = await application.redeem(request, answer.parameters);
  assert.deepEqual(claims.amr, ["pwd"]);
  assert.equal(answer.method, "GET");
  // The application learns the issuer's origin from the browser, and no address of a page.
  assert.ok([undefined, `${service.issuer}/`].includes(answer.headers.referer), answer.headers.referer);

  // The session's cookie comes along when another site sends the person again, and no page is shown.
  const again = application.begin();
  await person.page.goto(
    application.site.serve("/", "Application", `<a href="${again.url.replaceAll("&", "&amp;")}">Sign in</a>`),
  );
  await person.page.getByRole("link", { name: "Sign in" }).click();
  const second = await application.redeem(again, (await application.arrival(again)).parameters);
  assert.deepEqual([second.sub, second.sid], [claims.sub, claims.sid]);
});

for (const mode of ["query", "form_post"]) {
  for (const status of [302, 307]) {
    scenario(`the callback redirects on to a third origin: ${mode}, ${status}`, async ({ service, person, keep }) => {
      const third = await keep(Site.start());
      third.serve("/home", "Third origin");
      const application = await keep(Application.register(service));
      // `third.localhost` is a site of its own, too.
      application.site.redirect("/cb", status, `http://third.localhost:${third.port}/home`);
      const request = application.begin({ response_mode: mode });
      await person.page.goto(request.url);
      await person.signIn(await service.createUser());
      await person.expectHeading("Third origin");
      await application.redeem(request, (await application.arrival(request)).parameters);
    });
  }
}

scenario("an application of others is allowed once, and then asks no more", async ({ service, person, open, keep }) => {
  const application = await keep(Application.register(service, { name: "Fjordpost", isFirstParty: false }));
  const ada = await service.createUser();
  const first = application.begin();
  await person.page.goto(first.url);
  await person.signIn(ada);
  await person.expectHeading("Allow access to your account?");
  const shown = await person.page.locator("main").innerText();
  for (const text of ["Fjordpost", ada, "See your profile"]) assert.ok(shown.includes(text), shown);
  await person.pressGuarded("Allow");
  await application.redeem(first, (await application.arrival(first)).parameters);

  await person.expectHeading("Signed in at the application");
  const second = application.begin();
  await person.page.goto(second.url);
  await application.redeem(second, (await application.arrival(second)).parameters);

  // Another person is asked, and says no.
  const bob = await open();
  const refused = application.begin();
  await bob.page.goto(refused.url);
  await bob.signIn(await service.createUser("bob"));
  await bob.pressGuarded("Don’t allow");
  const answer = (await application.arrival(refused)).parameters;
  assert.deepEqual([answer.get("error"), answer.get("code")], ["access_denied", null]);
});

scenario("a press on Allow that comes too early for reading is ignored", async ({ service, person, keep }) => {
  const application = await keep(Application.register(service, { isFirstParty: false }));
  const request = application.begin();
  await person.page.goto(request.url);
  await person.signIn(await service.createUser());
  await person.expectHeading("Allow access to your account?");
  const posts = [];
  person.page.on("request", (sent) => sent.method() === "POST" && posts.push(sent.url()));
  // The window gets the focus, and the press follows at once.
  await person.page.evaluate(() => {
    dispatchEvent(new Event("focus"));
    document.querySelector("button[value=allow]").click();
  });
  await person.pressGuarded("Allow");
  await application.redeem(request, (await application.arrival(request)).parameters);
  assert.deepEqual(posts, [`${service.issuer}/consent`], "only the later press sent the form");
});

scenario("a wrong password shows the form again, and the right one goes on", async ({ service, person, keep }) => {
  const application = await keep(Application.register(service));
  const ada = await service.createUser();
  const request = application.begin();
  await person.page.goto(request.url);
  await person.signIn(ada, { password: "not the password" });
  person.expectInConsole(failedWith(422));
  await person.page.getByText("The user name or the password is not right.").waitFor();
  assert.equal(await person.page.inputValue("input[name=username]"), ada);
  assert.equal(await person.page.inputValue("input[name=password]"), "");
  await person.signIn(ada);
  await application.redeem(request, (await application.arrival(request)).parameters);
});

scenario("a person creates an account and goes on to the application", async ({ service, person, keep }) => {
  const application = await keep(Application.register(service));
  const request = application.begin();
  await person.page.goto(request.url);
  await person.page.getByRole("link", { name: "Create an account" }).click();
  await person.expectHeading("Create your account");
  await person.fill("carol");
  await person.page.getByRole("button", { name: "Create account" }).click();
  await application.redeem(request, (await application.arrival(request)).parameters);
});

scenario("form_post sends the answer by itself, from the issuer's origin", async ({ service, person, keep }) => {
  const application = await keep(Application.register(service));
  const request = application.begin({ response_mode: "form_post" });
  await person.page.goto(request.url);
  await person.signIn(await service.createUser());
  const answer = await application.arrival(request);
  await person.expectHeading("Signed in at the application");
  assert.deepEqual([answer.method, answer.headers.origin], ["POST", service.issuer]);
  await application.redeem(request, answer.parameters);
});

scenario(
  "every page works without script",
  async ({ service, person, keep }) => {
    const application = await keep(Application.register(service, { name: "Fjordpost", isFirstParty: false }));
    const request = application.begin({ response_mode: "form_post" });
    await person.page.goto(request.url);
    await person.signIn(await service.createUser());
    await person.page.getByRole("button", { name: "Allow", exact: true }).click();
    await person.expectHeading("Back to Fjordpost");
    await person.page.getByRole("button", { name: "Continue", exact: true }).click();
    const answer = await application.arrival(request);
    assert.deepEqual([answer.method, answer.headers.origin], ["POST", service.issuer]);
    await application.redeem(request, answer.parameters);
    await person.expectHeading("Signed in at the application");
    await person.page.goto(`${service.issuer}/account`);
    await person.page.getByRole("button", { name: "Sign out" }).click();
    await person.expectHeading("You are signed out");
  },
  { javaScriptEnabled: false },
);

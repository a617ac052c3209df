// What pages of other origins may do to people who use the hosted pages.

import assert from "node:assert/strict";

import { Application, Site } from "./application.mjs";
import { failedWith, scenarios } from "./browser.mjs";
import { PASSWORD } from "./service.mjs";

const scenario = scenarios();

scenario("no other site can show a page in a frame", async ({ service, person, keep }) => {
  const attacker = await keep(Site.start());
  await person.signInBare(service, await service.createUser());
  for (const path of ["/login", "/account", "/logout", "/register"]) {
    const frame = `<h1>Attacker</h1><iframe src="${service.issuer}${path}"></iframe>`;
    const refused = person.page.waitForEvent("console", (message) => /frame-ancestors 'none'/.test(message.text()));
    await person.page.goto(attacker.serve("/", "Attacker", frame));
    await refused;
    const [, inner] = person.page.frames();
    assert.equal(await inner.locator("form, input, button").count(), 0, path);
  }
  person.expectInConsole(/frame-ancestors 'none'/);
});

scenario("no other site can sign a person in, or out", async ({ service, person, open, keep }) => {
  const attacker = await keep(Site.start());
  const [ada, mallory] = [await service.createUser(), await service.createUser("mallory")];
  await person.signInBare(service, ada);
  const before = await person.context.cookies(service.issuer);
  const nobody = await open();
  for (const [path, fields] of [
    ["/login", { username: mallory, password: PASSWORD }],
    ["/register", { username: "planted", password: PASSWORD }],
    ["/logout", {}],
  ]) {
    const url = attacker.servePost(path, service.issuer + path, fields);
    for (const victim of [person, nobody]) {
      const posted = victim.page.waitForResponse((response) => response.request().method() === "POST");
      await victim.page.goto(url, { waitUntil: "commit" });
      assert.equal((await posted).status(), 403, path);
      await victim.expectHeading("We did not accept this form");
      victim.expectInConsole(failedWith(403));
    }
  }
  assert.deepEqual(await person.context.cookies(service.issuer), before);
  assert.deepEqual(await nobody.context.cookies(service.issuer), []);
  await person.page.goto(`${service.issuer}/account`);
  await person.page.getByText(ada).first().waitFor();
});

scenario("a form in a sandboxed frame, whose origin is null, is not accepted", async ({ service, person, keep }) => {
  const attacker = await keep(Site.start());
  const fields = { username: await service.createUser("mallory"), password: PASSWORD };
  attacker.servePost("/form", `${service.issuer}/login`, fields);
  const sandbox = `<iframe src="/form" sandbox="allow-scripts allow-forms allow-top-navigation"></iframe>`;
  const posted = person.page.waitForResponse((response) => response.request().method() === "POST");
  await person.page.goto(attacker.serve("/", "Attacker", sandbox));
  const response = await posted;
  assert.deepEqual([response.status(), await response.request().headerValue("origin")], [403, "null"]);
  assert.deepEqual(await person.context.cookies(service.issuer), []);
  person.expectInConsole(/frame-ancestors 'none'|status of 403/);
});

scenario(
  "a form of the application starts a sign-in of a person who is signed in",
  async ({ service, person, open, keep }) => {
    const application = await keep(Application.register(service));
    const ada = await service.createUser();
    await person.signInBare(service, ada);
    const request = application.begin();
    const endpoint = `${service.issuer}/oauth2/authorize`;
    const posted = person.page.waitForRequest((sent) => sent.method() === "POST" && sent.url() === endpoint);
    await person.page.goto(application.site.servePost("/", endpoint, request.parameters), { waitUntil: "commit" });
    // The browser keeps the session's cookie from a post of another site.
    assert.equal(await (await posted).headerValue("cookie"), null);
    await application.redeem(request, (await application.arrival(request)).parameters);

    await person.expectHeading("Signed in at the application");
    // Silently, too.
    const silent = application.begin({ prompt: "none" });
    await person.page.goto(application.site.servePost("/", endpoint, silent.parameters), { waitUntil: "commit" });
    await application.redeem(silent, (await application.arrival(silent)).parameters);

    // Who is not signed in sees the form.
    const nobody = await open();
    const third = application.begin();
    await nobody.page.goto(application.site.servePost("/", endpoint, third.parameters), { waitUntil: "commit" });
    await nobody.expectHeading("Sign in");
    await nobody.signIn(ada);
    await application.redeem(third, (await application.arrival(third)).parameters);
  },
);

// Native applications: public clients on a loopback port or with a scheme of their own (RFC 8252).

import assert from "node:assert/strict";

import { Application } from "./application.mjs";
import { scenarios } from "./browser.mjs";

const scenario = scenarios();

const loopback = { name: "Terminal", isPublic: true, redirectUri: "http://127.0.0.1/cb" };

scenario(
  "a native application on a loopback port gets its code from a press of a button only",
  async ({ service, person, keep }) => {
    const application = await keep(Application.register(service, loopback));
    const ada = await service.createUser();
    const first = application.begin();
    await person.page.goto(first.url);
    await person.signIn(ada);
    const claims = await application.redeem(first, (await application.arrival(first)).parameters);

    await person.expectHeading("Signed in at the application");
    const second = application.begin();
    await person.page.goto(second.url);
    await person.expectHeading("Continue to Terminal?");
    assert.match(await person.page.locator("main").innerText(), new RegExp(ada));
    assert.equal(application.site.requests.filter((seen) => seen.path === "/cb").length, 1);
    await person.pressGuarded("Continue");
    const again = await application.redeem(second, (await application.arrival(second)).parameters);
    assert.equal(again.sub, claims.sub);
  },
);

scenario(
  "a link to a sign-in that somebody else began asks before a native application continues",
  async ({ service, person, open, keep }) => {
    const application = await keep(Application.register(service, loopback));
    const stranger = await open();
    const request = application.begin();
    await stranger.page.goto(request.url);
    await stranger.expectHeading("Sign in");
    const link = stranger.page.url();
    await person.signInBare(service, await service.createUser());
    await person.page.goto(link);
    await person.expectHeading("Continue to Terminal?");
    assert.deepEqual(
      application.site.requests.filter((seen) => seen.path === "/cb"),
      [],
    );
  },
);

scenario("another account can be used on the page that asks", async ({ service, person, keep }) => {
  const application = await keep(Application.register(service, loopback));
  const [ada, bob] = [await service.createUser(), await service.createUser("bob")];
  await person.signInBare(service, ada);
  const request = application.begin();
  await person.page.goto(request.url);
  await person.page.getByRole("link", { name: "Use another account" }).click();
  await person.expectHeading("Sign in");
  await person.signIn(bob);
  await application.redeem(request, (await application.arrival(request)).parameters);
  await person.expectHeading("Signed in at the application");
  await person.page.goto(`${service.issuer}/account`);
  await person.page.getByText(bob).first().waitFor();
});

/**
 * The parameters of the navigation to a scheme of its own that the browser attempts after a press. No program of the test
 * machine handles the scheme, so it ends there. A policy that blocks it would end it before it begins, with another error.
 */
async function attemptAfter(press, { person, callbackUri }) {
  const failed = person.page.waitForEvent("requestfailed", (sent) => sent.url().startsWith(callbackUri));
  await press();
  const sent = await failed;
  assert.deepEqual([sent.method(), sent.failure().errorText], ["GET", "net::ERR_ABORTED"]);
  assert.ok(sent.url().startsWith(`${callbackUri}?code=`), sent.url());
  return new URLSearchParams(sent.url().slice(callbackUri.length));
}

scenario(
  "an application with a scheme of its own gets its code after the sign-in",
  async ({ service, person, keep }) => {
    const callbackUri = "com.example.app:/cb";
    const application = await keep(Application.register(service, { isPublic: true, callbackUri }));
    const ada = await service.createUser();
    const request = application.begin();
    await person.page.goto(request.url);
    await application.redeem(request, await attemptAfter(() => person.signIn(ada), { person, callbackUri }));
  },
);

scenario(
  "an application with a scheme of its own gets its code after a press on Continue",
  async ({ service, person, keep }) => {
    const callbackUri = "exampleapp://signed-in";
    const application = await keep(Application.register(service, { isPublic: true, callbackUri }));
    await person.signInBare(service, await service.createUser());
    const request = application.begin();
    await person.page.goto(request.url);
    await application.redeem(
      request,
      await attemptAfter(() => person.pressGuarded("Continue"), { person, callbackUri }),
    );
  },
);

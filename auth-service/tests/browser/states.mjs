// How each state of each page is reached, for looks.test.mjs. Those around mailed links and the password are in link_states.mjs.

import { after } from "node:test";

import { Application } from "./application.mjs";
import { GUARD_MS } from "./browser.mjs";
import { AuthService, PASSWORD } from "./service.mjs";

export const SETTINGS = {
  AUTH__PAGES__NAME: "Nordlicht",
  AUTH__PAGES__SUPPORT: "https://nordlicht.example/help",
  // Sign-ins prepare most states, and are no subject here.
  AUTH__PASSWORDS__BCRYPT_COST: "4",
};

const SCOPES = "openid profile email todos:read todos:write offline_access";
// Names of 100 characters; a user gets a number at the end of hers.
const LONG_APP = `\u202EDonaudampfschifffahrtsgesellschaft 🎉 ${"Mützenverleih".repeat(9)}`.slice(0, 100);
const LONG_USER = `donaudampfschifffahrts${"gesellschaftskapitän".repeat(9)}`.slice(0, 98);

/** Applications that several states share. */
const shared = {};
after(async () => {
  for (const application of await Promise.all(Object.values(shared))) await application.close();
});
const sharing = (key, options) => (service) => (shared[key] ??= Application.register(service, options));
export const own = sharing("own", { name: "Nordlicht Notizen", scopes: "openid profile todos:read offline_access" });
const others = sharing("others", {
  name: "Fjordpost Reminders for Teams",
  isFirstParty: false,
  scopes: SCOPES,
  callbackUri: "https://app.fjordpost.example/callback",
});
const onDevice = sharing("onDevice", { name: "Terminal", isPublic: true, redirectUri: "http://127.0.0.1/cb" });
const longNamed = sharing("longNamed", {
  name: LONG_APP,
  isFirstParty: false,
  scopes: `${SCOPES} calendar:admin`,
  callbackUri: `https://reminders-for-teams.${"fjordpost-handelsgesellschaft".repeat(2)}.example/callback`,
});
const othersOnDevice = sharing("othersOnDevice", { name: "Notes", isFirstParty: false, isPublic: true, redirectUri: "http://127.0.0.1/cb" });

export const press = async (page) => {
  const loaded = page.waitForEvent("domcontentloaded");
  await page.locator("main form .btn-primary").click();
  await loaded;
};

/** Signs in on a new context, and forgets the page. */
export async function signedIn({ person, service }, name = "ada.lovelace") {
  const username = await service.createUser(name);
  await person.page.goto(`${service.issuer}/login`);
  await person.fill(username);
  await press(person.page);
  return username;
}

/** Guesses once more than an account allows, which is locked for so many seconds. */
const lockedOut =
  (seconds) =>
  async ({ person, keep }) => {
    const few = { AUTH__THROTTLE__FAILURES_PER_NAME: "1", AUTH__THROTTLE__LOCK_SECONDS: seconds };
    const service = await keep(AuthService.start({ ...SETTINGS, ...few }));
    await service.guess("ada.lovelace");
    await person.page.goto(`${service.issuer}/login`);
    await person.fill("ada.lovelace");
    await press(person.page);
  };

const USER_AGENTS = [
  "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1",
  "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0",
];

/** Signs in here, and on other devices. */
async function signedInEverywhere(given) {
  const username = await signedIn(given);
  for (const userAgent of USER_AGENTS) {
    const { page } = await given.open({ userAgent });
    await page.goto(`${given.service.issuer}/login`);
    await page.fill("#username", username);
    await page.fill("#password", PASSWORD);
    await press(page);
  }
}

/** Lets an application of others have what it asks for. */
async function allow({ person, service }) {
  const application = await sharing("allowed", { name: "Fjordpost", isFirstParty: false, scopes: SCOPES })(service);
  const request = application.begin({ scope: SCOPES });
  await person.page.goto(request.url);
  await person.page.waitForTimeout(GUARD_MS);
  await person.page.locator("button[value=allow]").click();
  await application.redeem(request, (await application.arrival(request)).parameters);
}

/** Lets an application have tokens of the person who is signed in. */
async function connect({ person, service }, scope) {
  const application = await own(service);
  const request = application.begin({ scope });
  await person.page.goto(request.url);
  await application.redeem(request, (await application.arrival(request)).parameters);
  return application;
}

/** How each state is reached. A state that has a `status` fails with it. */
export const states = {
  "sign-in": { open: ({ person, service }) => person.page.goto(`${service.issuer}/login`) },
  "sign-in-stub": {
    open: async ({ person, service }) => person.page.goto((await own(service)).begin({ login_hint: "ada" }).url),
  },
  "sign-in-wrong": {
    status: 422,
    open: async ({ person, service }) => {
      await person.page.goto((await others(service)).begin().url);
      await person.fill("ada.lovelace", { password: "not the password" });
      await press(person.page);
    },
  },
  "sign-in-one-missing": {
    status: 422,
    open: async ({ person, service }) => {
      await person.page.goto(`${service.issuer}/login`);
      await person.fill("ada.lovelace", { password: "" });
      await press(person.page);
    },
  },
  "sign-in-both-missing": {
    status: 422,
    open: async ({ person, service }) => {
      await person.page.goto(`${service.issuer}/login`);
      await press(person.page);
    },
  },
  confirm: {
    open: async (given) => {
      await signedIn(given);
      await given.person.page.goto((await own(given.service)).begin({ prompt: "login" }).url);
    },
  },
  "which-account": {
    open: async (given) => {
      await signedIn(given);
      await given.person.page.goto((await own(given.service)).begin({ prompt: "select_account" }).url);
    },
  },
  "which-account-other": {
    open: async (given) => {
      await signedIn(given);
      const { idToken } = await connect(given, "openid");
      // Somebody else is signed in by now than the application means.
      await given.person.context.clearCookies();
      await signedIn(given, "grace");
      const request = (await own(given.service)).begin({ id_token_hint: idToken });
      await given.person.page.goto(request.url);
    },
  },
  register: { open: ({ person, service }) => person.page.goto(`${service.issuer}/register`) },
  "register-one-error": {
    status: 422,
    open: async ({ person, service }) => {
      await person.page.goto(`${service.issuer}/register`);
      await person.fill("carol", { password: "short" });
      await press(person.page);
    },
  },
  "register-three-errors": {
    status: 422,
    open: async ({ person, service }) => {
      await person.page.goto(`${service.issuer}/register`);
      await person.fill(" carol", { password: "short" });
      await person.page.fill("input[name=email]", "carol");
      await press(person.page);
    },
  },
  consent: {
    open: async (given) => {
      await signedIn(given);
      await given.person.page.goto((await others(given.service)).begin({ scope: SCOPES }).url);
    },
  },
  "consent-long-names": {
    open: async (given) => {
      await signedIn(given, LONG_USER);
      // The last scope has no description.
      const scope = "openid profile calendar:admin";
      await given.person.page.goto((await longNamed(given.service)).begin({ scope }).url);
    },
  },
  "consent-device": {
    open: async (given) => {
      await signedIn(given);
      await given.person.page.goto((await othersOnDevice(given.service)).begin().url);
    },
  },
  continue: {
    open: async (given) => {
      await signedIn(given);
      await given.person.page.goto((await onDevice(given.service)).begin().url);
    },
  },
  "form-post": {
    open: async (given) => {
      await signedIn(given);
      // The page that a person sees whose browser runs no script. (Without any script, nothing here could look at it.)
      await given.person.page.route(/\/assets\/pages\.\w+\.js$/, (route) =>
        route.fulfill({ contentType: "text/javascript", body: "" }),
      );
      await given.person.page.goto((await own(given.service)).begin({ response_mode: "form_post" }).url);
    },
  },
  "sign-out": {
    open: async (given) => {
      await signedIn(given);
      await given.person.page.goto(`${given.service.issuer}/logout`);
    },
  },
  "sign-out-asked": {
    open: async (given) => {
      await signedIn(given);
      const { clientId } = await own(given.service);
      await given.person.page.goto(`${given.service.issuer}/oauth2/logout?client_id=${clientId}`);
    },
  },
  "signed-out-connected": {
    open: async (given) => {
      await signedIn(given);
      await connect(given, "openid offline_access");
      await given.person.page.goto(`${given.service.issuer}/logout`);
      await press(given.person.page);
    },
  },
  "signed-out": { open: ({ person, service }) => person.page.goto(`${service.issuer}/logout`) },
  account: { open: (given) => signedIn(given) },
  sessions: {
    open: async (given) => {
      const { service, person, open } = given;
      const username = await signedIn(given);
      const phone = await open({ userAgent: "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) Version/18.5 Safari/604.1" });
      await phone.page.goto(`${service.issuer}/login`);
      await phone.fill(username);
      await press(phone.page);
      const { url } = (await own(service)).begin();
      await person.page.goto(url);
      await person.page.goto(`${service.issuer}/account/sessions`);
    },
  },
  "sessions-done": {
    open: async (given) => {
      await signedIn(given);
      await given.person.page.goto(`${given.service.issuer}/account/sessions?ended=others`);
    },
  },
  "applications-none": {
    open: async (given) => {
      await signedIn(given);
      await given.person.page.goto(`${given.service.issuer}/account/applications`);
    },
  },
  applications: {
    open: async (given) => {
      const { service, person } = given;
      await signedIn(given);
      await person.page.route("https://app.fjordpost.example/**", (route) => route.fulfill({ body: "" }));
      await person.page.goto((await others(service)).begin({ scope: SCOPES }).url);
      await person.pressGuarded(await person.page.locator("button[value=allow]").innerText());
      await person.page.waitForURL("https://app.fjordpost.example/**");
      await person.page.goto(`${service.issuer}/account/applications`);
    },
  },
  "account-long-name": { open: (given) => signedIn(given, LONG_USER) },
  "sign-in-busy": {
    status: 503,
    open: async ({ person, keep }) => {
      const few = { AUTH__PASSWORDS__WORKERS: "1", AUTH__PASSWORDS__QUEUE_LIMIT: "1", AUTH__PASSWORDS__BCRYPT_COST: "13" };
      const service = await keep(AuthService.start({ ...SETTINGS, ...few }));
      await person.page.goto(`${service.issuer}/login`);
      await person.fill("ada.lovelace");
      await service.keepBusy();
      await press(person.page);
    },
  },
  "sign-in-throttled": { status: 429, open: lockedOut("700") },
  // Over an hour: the page names other ways in.
  "sign-in-long-wait": { status: 429, open: lockedOut("7200") },
  "register-throttled": {
    status: 429,
    open: async ({ person, keep }) => {
      const service = await keep(AuthService.start({ ...SETTINGS, AUTH__THROTTLE__REGISTRATIONS_PER_HOUR: "1" }));
      for (const username of ["carol", "dora"]) {
        await person.context.clearCookies();
        await person.page.goto(`${service.issuer}/register`);
        await person.fill(username);
        await press(person.page);
      }
    },
  },
  "error-500": {
    status: 500,
    open: async ({ person, keep }) => {
      const service = await keep(AuthService.start(SETTINGS));
      await signedIn({ person, service });
      await service.breakDatabase();
      await person.page.goto(`${service.issuer}/account`);
    },
  },
  "sessions-one": {
    open: async (given) => {
      await signedIn(given);
      await given.person.page.goto(`${given.service.issuer}/account/sessions`);
    },
  },
  "sessions-many": {
    open: async (given) => {
      await signedInEverywhere(given);
      await given.person.page.goto(`${given.service.issuer}/account/sessions`);
    },
  },
  "sessions-signed-out": {
    open: async (given) => {
      await signedInEverywhere(given);
      await given.person.page.goto(`${given.service.issuer}/account/sessions`);
      const loaded = given.person.page.waitForEvent("domcontentloaded");
      await given.person.page.locator(".rows .btn").first().click();
      await loaded;
      await given.person.page.locator("#notice:focus").waitFor();
    },
  },
  "applications-empty": {
    open: async (given) => {
      await signedIn(given);
      await given.person.page.goto(`${given.service.issuer}/account/applications`);
    },
  },
  "applications-many": {
    open: async (given) => {
      await signedIn(given);
      await connect(given, "openid offline_access");
      await allow(given);
      await given.person.page.goto(`${given.service.issuer}/account/applications`);
    },
  },
  "error-404": {
    status: 404,
    open: ({ person, service }) => person.page.goto(`${service.issuer}/acount`),
  },
  "error-400": {
    status: 400,
    open: async ({ person, service }) => {
      const { url } = (await own(service)).begin({ client_id: "x".repeat(110) });
      await person.page.goto(url);
    },
  },
  "error-403": {
    status: 403,
    open: async ({ person, service }) => {
      const { site } = await own(service);
      const fields = { username: "ada", password: PASSWORD };
      await person.page.goto(site.servePost("/elsewhere", `${service.issuer}/login`, fields));
      await person.page.waitForURL(`${service.issuer}/login`);
    },
  },
  "sign-in-ended": {
    status: 410,
    open: async ({ person, service, keep }) => {
      const application = await keep(Application.register(service, { name: "Gone" }));
      await person.page.goto(application.begin().url);
      await service.command(["clients", "delete", application.clientId]);
      await application.isGone();
      await person.page.reload();
    },
  },
};

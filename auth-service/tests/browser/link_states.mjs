// How the states of the pages for mailed links, for the address and for the password are reached, for looks.test.mjs.

import { AuthService, PASSWORD } from "./service.mjs";
import { SETTINGS, press, signedIn } from "./states.mjs";

export const NEW_PASSWORD = "another horse with other staples";

/** A service with these settings besides. */
const other = ({ keep }, settings) => keep(AuthService.start({ ...SETTINGS, ...settings }));

const goto = (path) => ({ person, service }) => person.page.goto(`${service.issuer}${path}`);

/** Asks for a link with the form, and returns it. */
export async function askForReset({ person, service }, identifier, address) {
  await person.page.goto(`${service.issuer}/forgot-password`);
  await person.page.fill("#identifier", identifier);
  await press(person.page);
  return (await service.links(address)).at(-1);
}

/** Opens a reset link for a new user. */
async function openReset(given) {
  const { username, address } = await given.service.createUserWithMail("ada.lovelace");
  await given.person.page.goto(await askForReset(given, username, address));
  return username;
}

let registered = 0;

/** Registers with an address, is signed in, and returns the link that came. */
export async function register({ person, service }) {
  registered += 1;
  const username = `grace.hopper${process.pid}x${registered}`;
  const address = `${username}@example.org`;
  await person.page.goto(`${service.issuer}/register`);
  await person.fill(username);
  await person.page.fill("#email", address);
  await press(person.page);
  return { username, address, link: (await service.links(address)).at(-1) };
}

/** Opens a verification link in a browser in which nobody is signed in. */
async function openVerification(given) {
  const { link } = await register(given);
  await given.person.context.clearCookies();
  await given.person.page.goto(link);
}

async function invited(given) {
  const service = await other(given, { AUTH__REGISTRATION__MODE: "closed" });
  await service.command(["users", "invite", "grace@example.org"]);
  const [link] = await service.links("grace@example.org");
  return { service, link };
}

const typePasswords = async (page, current, next) => {
  await page.fill("#current_password", current);
  await page.fill("#new_password", next);
  await press(page);
};

export const linkStates = {
  forgot: { open: goto("/forgot-password") },
  "forgot-missing": {
    status: 422,
    open: async (given) => {
      await goto("/forgot-password")(given);
      await press(given.person.page);
    },
  },
  "forgot-sent": {
    open: async (given) => {
      await goto("/forgot-password")(given);
      await given.person.page.fill("#identifier", "nobody");
      await press(given.person.page);
    },
  },
  "forgot-throttled": {
    status: 429,
    open: async (given) => {
      const service = await other(given, { AUTH__THROTTLE__MAILS_PER_HOUR: "1" });
      for (const name of ["nobody", "nobody-else"]) {
        await given.person.page.goto(`${service.issuer}/forgot-password`);
        await given.person.page.fill("#identifier", name);
        await press(given.person.page);
      }
    },
  },
  "forgot-no-mail": {
    open: async (given) => {
      const service = await other(given, { AUTH__MAIL__TRANSPORT: "none" });
      await given.person.page.goto(`${service.issuer}/forgot-password`);
    },
  },
  reset: { open: openReset },
  "reset-short": {
    status: 422,
    open: async (given) => {
      await openReset(given);
      await given.person.page.fill("#password", "short");
      await press(given.person.page);
    },
  },
  "reset-dead": { status: 410, open: goto("/reset-password?token=lkm_x") },
  "sign-in-after-reset": {
    open: async (given) => {
      await openReset(given);
      await given.person.page.fill("#password", NEW_PASSWORD);
      await press(given.person.page);
    },
  },
  verify: {
    open: async (given) => {
      const { link } = await register(given);
      await given.person.page.goto(link);
    },
  },
  "verify-password": { open: openVerification },
  "verify-wrong": {
    status: 422,
    open: async (given) => {
      await openVerification(given);
      await given.person.page.fill("#password", "not the password");
      await press(given.person.page);
    },
  },
  verified: {
    open: async (given) => {
      await openVerification(given);
      await given.person.page.fill("#password", PASSWORD);
      await press(given.person.page);
    },
  },
  "verify-dead": { status: 410, open: goto("/verify-email?token=lkm_x") },
  "register-closed": {
    status: 403,
    open: async (given) => {
      const service = await other(given, { AUTH__REGISTRATION__MODE: "closed" });
      await given.person.page.goto(`${service.issuer}/register`);
    },
  },
  "register-invited": {
    open: async (given) => {
      const { link } = await invited(given);
      await given.person.page.goto(link);
    },
  },
  "invitation-dead": { status: 410, open: goto("/register?invitation=lkm_x") },
  "check-mail": {
    open: async (given) => {
      const service = await other(given, { AUTH__REGISTRATION__REQUIRE_VERIFIED_EMAIL: "true" });
      await register({ ...given, service });
    },
  },
  "sign-in-not-verified": {
    status: 422,
    open: async (given) => {
      const service = await other(given, { AUTH__REGISTRATION__REQUIRE_VERIFIED_EMAIL: "true" });
      const { username } = await register({ ...given, service });
      await given.person.page.goto(`${service.issuer}/login`);
      await given.person.fill(username);
      await press(given.person.page);
    },
  },
};

export const accountStates = {
  "account-unconfirmed": {
    open: async (given) => {
      await register(given);
    },
  },
  "account-sent": {
    open: async (given) => {
      await register(given);
      const loaded = given.person.page.waitForEvent("domcontentloaded");
      await given.person.page.locator("button[value=verify]").click();
      await loaded;
      await given.person.page.locator("#notice:focus").waitFor();
    },
  },
  "account-confirmed": {
    open: async (given) => {
      const { link } = await register(given);
      await given.person.page.goto(link);
      await press(given.person.page);
      await goto("/account")(given);
    },
  },
  "account-pending": {
    open: async (given) => {
      await register(given);
      await goto("/account/email")(given);
      await given.person.page.fill("#email", "somebody.else@example.org");
      await given.person.page.fill("#password", PASSWORD);
      await press(given.person.page);
    },
  },
  "account-no-mail": {
    open: async (given) => {
      const service = await other(given, { AUTH__MAIL__TRANSPORT: "none" });
      await signedIn({ ...given, service });
    },
  },
  address: {
    open: async (given) => {
      await signedIn(given);
      await goto("/account/email")(given);
    },
  },
  "address-two-errors": {
    status: 422,
    open: async (given) => {
      await signedIn(given);
      await goto("/account/email")(given);
      await given.person.page.fill("#email", "nowhere");
      await press(given.person.page);
    },
  },
  security: {
    open: async (given) => {
      await signedIn(given);
      await goto("/account/security")(given);
    },
  },
  "security-wrong": {
    status: 422,
    open: async (given) => {
      await signedIn(given);
      await goto("/account/security")(given);
      await typePasswords(given.person.page, "not the password", NEW_PASSWORD);
    },
  },
  "security-changed": {
    open: async (given) => {
      await signedIn(given);
      await goto("/account/security")(given);
      await typePasswords(given.person.page, PASSWORD, NEW_PASSWORD);
    },
  },
};

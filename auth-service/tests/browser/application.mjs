// Applications that send people to the auth-service: web servers on other origins, and clients that are registered for them.

import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { createServer } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";

const PATIENCE_MS = 20_000;

const random = () => randomBytes(24).toString("base64url");

const page = (title, body) =>
  `<!doctype html><html lang="en"><head><title>${title}</title><link rel="icon" href="data:,"></head><body>${body}</body></html>`;

/** A web server on a free port of 127.0.0.1, which is an origin of its own. It records the requests that it gets. */
export class Site {
  requests = [];
  #pages = new Map();
  #waiting = [];

  static async start() {
    const site = new Site();
    site.server = createServer((request, response) => site.#serve(request, response));
    await new Promise((resolve) => site.server.listen(0, "127.0.0.1", resolve));
    site.port = site.server.address().port;
    site.origin = `http://127.0.0.1:${site.port}`;
    return site;
  }

  async #serve(request, response) {
    let body = "";
    for await (const chunk of request.setEncoding("utf8")) body += chunk;
    const url = new URL(request.url, this.origin);
    const parameters = new URLSearchParams(request.method === "POST" ? body : url.search);
    const arrived = { method: request.method, path: url.pathname, parameters, headers: request.headers };
    const answer = this.#pages.get(url.pathname);
    if (answer) {
      answer(response, arrived);
    } else {
      response.writeHead(404).end();
    }
    this.requests.push(arrived);
    for (const check of this.#waiting) check();
  }

  /** Serves an HTML page. */
  serve(path, title, body = `<h1>${title}</h1>`) {
    this.#pages.set(path, (response) =>
      response.writeHead(200, { "content-type": "text/html; charset=utf-8" }).end(page(title, body)),
    );
    return this.origin + path;
  }

  /** Redirects with the parameters that came. With 307 browsers post again what was posted. */
  redirect(path, status, target) {
    this.#pages.set(path, (response, { method, parameters }) =>
      response.writeHead(status, { location: method === "POST" ? target : `${target}?${parameters}` }).end(),
    );
  }

  /** Serves a page that posts a form to `action` at once. */
  servePost(path, action, fields) {
    const inputs = Object.entries(fields).map(
      ([name, value]) =>
        `<input type="hidden" name="${name}" value="${value.replaceAll("&", "&amp;").replaceAll('"', "&quot;")}">`,
    );
    const form = `<form method="post" action="${action}">${inputs.join("")}</form><script>document.forms[0].submit()</script>`;
    return this.serve(path, "Posts a form", form);
  }

  /** Waits for a request for this path whose parameters have this state. */
  async arrival(path, state) {
    const find = () => this.requests.find((seen) => seen.path === path && seen.parameters.get("state") === state);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new Error(`no request for ${path} with the state ${state} came in time`)),
        PATIENCE_MS,
      );
      const check = () => {
        const found = find();
        if (!found) return;
        clearTimeout(timer);
        this.#waiting = this.#waiting.filter((waiting) => waiting !== check);
        resolve(found);
      };
      this.#waiting.push(check);
      check();
    });
  }

  async close() {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }
}

/** A client that is registered at the auth-service, with the site at which its callback is. */
export class Application {
  /** Registers a client. Without `redirectUri` its callback is `/cb` of a site of its own. */
  static async register(
    service,
    {
      name = "Example",
      redirectUri,
      isPublic = false,
      isFirstParty = true,
      callbackUri,
      scopes = "openid profile todos:read",
      postLogoutPath,
    } = {},
  ) {
    const application = new Application();
    application.service = service;
    application.name = name;
    application.site = await Site.start();
    application.site.serve("/cb", "Signed in at the application");
    application.callbackUri = callbackUri ?? `${application.site.origin}/cb`;
    const words = ["clients", "create", "--name", name, "--grants", "authorization_code,refresh_token"];
    words.push("--scopes", scopes, "--redirect-uris", redirectUri ?? application.callbackUri);
    if (postLogoutPath) {
      application.postLogoutUri = application.site.serve(postLogoutPath, "Signed out at the application");
      words.push("--post-logout-redirect-uris", application.postLogoutUri);
    }
    if (isPublic) words.push("--public");
    if (isFirstParty) words.push("--first-party");
    const { client_id, client_secret } = await service.command(words);
    application.clientId = client_id;
    application.secret = client_secret;
    await application.#becomesKnown();
    return application;
  }

  /** Waits until the running service has seen the new client. */
  #becomesKnown() {
    return this.#isAnsweredWith(303);
  }

  /** Waits until the running service has seen that the client was deleted. */
  isGone() {
    return this.#isAnsweredWith(400);
  }

  async #isAnsweredWith(status) {
    const end = Date.now() + PATIENCE_MS;
    const ask = () => fetch(this.begin({ prompt: "none" }).url, { redirect: "manual" });
    while ((await ask()).status !== status) {
      if (Date.now() > end) throw new Error(`requests of the client ${this.name} are not answered with ${status}`);
      await sleep(50);
    }
  }

  /** A new authorization request with PKCE: its parameters, its address, and what the application keeps for later. */
  begin(changes = {}) {
    const kept = { state: random(), nonce: random(), verifier: random() + random() };
    const parameters = {
      response_type: "code",
      client_id: this.clientId,
      redirect_uri: this.callbackUri,
      scope: "openid profile",
      state: kept.state,
      nonce: kept.nonce,
      code_challenge: createHash("sha256").update(kept.verifier).digest("base64url"),
      code_challenge_method: "S256",
      ...changes,
    };
    const url = `${this.service.issuer}/oauth2/authorize?${new URLSearchParams(parameters)}`;
    return { ...kept, parameters, url };
  }

  /** Waits for the answer to a request at the callback. */
  arrival({ state }) {
    return this.site.arrival("/cb", state);
  }

  /** Exchanges the code of an answer for tokens, and checks that the answer belongs to the request. Keeps the id_token, and returns the id_token's claims. */
  async redeem(request, answer) {
    assert.equal(answer.get("error"), null);
    assert.equal(answer.get("state"), request.state);
    assert.equal(answer.get("iss"), this.service.issuer);
    const form = new URLSearchParams({
      grant_type: "authorization_code",
      code: answer.get("code"),
      redirect_uri: this.callbackUri,
      code_verifier: request.verifier,
    });
    const headers = {};
    if (this.secret) {
      headers.authorization = `Basic ${Buffer.from(`${this.clientId}:${this.secret}`).toString("base64")}`;
    } else {
      form.set("client_id", this.clientId);
    }
    const response = await fetch(`http://127.0.0.1:${this.service.port}/oauth2/token`, {
      method: "POST",
      headers,
      body: form,
    });
    const tokens = await response.json();
    assert.equal(response.status, 200, JSON.stringify(tokens));
    const claims = JSON.parse(Buffer.from(tokens.id_token.split(".")[1], "base64url"));
    assert.equal(claims.nonce, request.nonce);
    assert.equal(claims.aud, this.clientId);
    this.idToken = tokens.id_token;
    return claims;
  }

  close() {
    return this.site.close();
  }
}

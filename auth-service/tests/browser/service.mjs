// The auth-service as a process on SQLite. Its database and its port stay the same when it is killed and started again.

import { spawn } from "node:child_process";
import { closeSync, existsSync, fstatSync, mkdtempSync, openSync, readFileSync, readdirSync, rmSync, writeSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

export const PASSWORD = "correct horse battery";

const PATIENCE_MS = 30_000;

/** The path of a program that ./scripts/browser names in the environment. */
export function program(variable) {
  const path = process.env[variable];
  if (!path) throw new Error(`${variable} is not set: run these tests with ./scripts/browser`);
  return path;
}

async function freePort() {
  const probe = createServer();
  await new Promise((resolve) => probe.listen(0, "127.0.0.1", resolve));
  const { port } = probe.address();
  await new Promise((resolve) => probe.close(resolve));
  return port;
}

/** Runs a program until it ends. Returns its exit code and what it printed. */
function run(path, words, env, input) {
  return new Promise((resolve, reject) => {
    const child = spawn(path, words, { env });
    const printed = { stdout: "", stderr: "" };
    for (const name of ["stdout", "stderr"]) {
      child[name].setEncoding("utf8").on("data", (text) => (printed[name] += text));
    }
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, ...printed }));
    // A program may end without reading its input.
    child.stdin.on("error", () => {});
    child.stdin.end(input);
  });
}

export class AuthService {
  #child;
  #env;
  #log;
  #place = mkdtempSync(join(tmpdir(), "latchkey-browser."));
  #users = 0;

  /** Starts a service on a free port with an empty database, and with these settings besides. */
  static async start(settings = {}) {
    const service = new AuthService();
    service.port = await freePort();
    // The pages' origin. Applications of the tests have the host 127.0.0.1, which is another site.
    service.issuer = `http://localhost:${service.port}`;
    // Settings of the caller's environment would change what is tested.
    const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith("AUTH__"));
    service.#env = {
      ...Object.fromEntries(inherited),
      AUTH__HTTP__BIND: `127.0.0.1:${service.port}`,
      AUTH__ISSUER: service.issuer,
      AUTH__DATABASE__URL: `sqlite://${service.#place}/auth.db`,
      AUTH__KEYS__MASTER_KEY_PATH: `${service.#place}/master.key`,
      AUTH__MAIL__FOLDER: `${service.#place}/mail`,
      // One address stands for many people.
      AUTH__THROTTLE__LOGINS_PER_ADDRESS_PER_MINUTE: "10000",
      AUTH__THROTTLE__REGISTRATIONS_PER_HOUR: "10000",
      AUTH__THROTTLE__MAILS_PER_HOUR: "10000",
      ...settings,
    };
    service.#log = join(service.#place, "auth.log");
    await service.#launch();
    return service;
  }

  async #launch() {
    const output = openSync(this.#log, "a");
    const child = spawn(program("AUTH_SERVICE"), ["serve"], { env: this.#env, stdio: ["ignore", output, output] });
    this.#child = child;
    const end = Date.now() + PATIENCE_MS;
    while (!(await this.#isReady())) {
      if (child.exitCode !== null) throw new Error(`the auth-service ended:\n${this.log()}`);
      if (Date.now() > end) throw new Error(`the auth-service was not ready in time:\n${this.log()}`);
      await sleep(50);
    }
  }

  async #isReady() {
    try {
      return (await fetch(`http://127.0.0.1:${this.port}/readyz`)).ok;
    } catch {
      return false;
    }
  }

  async #end(signal) {
    const child = this.#child;
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.kill(signal);
    await ended;
  }

  /** Kills the service, as a crash does, and starts it again. */
  async restart() {
    await this.#end("SIGKILL");
    await this.#launch();
  }

  /** Overwrites the database, as a failing disk does. Every page that needs it fails from now on. */
  async breakDatabase() {
    // What another process wrote makes the service read its files again.
    await this.createUser();
    for (const name of ["auth.db", "auth.db-wal"]) {
      const file = openSync(join(this.#place, name), "r+");
      writeSync(file, Buffer.alloc(fstatSync(file).size, 0xff), 0, undefined, 0);
      closeSync(file);
    }
  }

  /** Sends a sign-in that fails. */
  guess(username) {
    const body = new URLSearchParams({ username, password: "not the password" });
    return fetch(`http://127.0.0.1:${this.port}/login`, { method: "POST", headers: { origin: this.issuer }, body });
  }

  /** Sends sign-ins until no further one is judged for a moment. */
  async keepBusy() {
    const post = () => this.guess("nobody");
    for (let waiting = 0; waiting < 3; waiting += 1) post().catch(() => {});
    await sleep(100);
  }

  /** As the other counterparts of a test are closed. */
  close() {
    return this.stop();
  }

  /** Stops the service and removes its files. */
  async stop() {
    await this.#end("SIGTERM");
    rmSync(this.#place, { recursive: true, force: true });
  }

  /** The links in the mails to this address, oldest first. Waits until there are this many. */
  async links(address, count = 1) {
    const end = Date.now() + PATIENCE_MS;
    for (;;) {
      const found = this.#mails().filter((mail) => mail.includes(`\nTo: ${address}\n`));
      const links = found.map((mail) => mail.match(/^https?:\S+=lkm_\S+$/m)?.[0]).filter(Boolean);
      if (links.length >= count) return links;
      if (Date.now() > end) throw new Error(`${links.length} of ${count} links came to ${address}:\n${found.join("\n")}`);
      await sleep(50);
    }
  }

  /** All mails as text, by the order in which they were queued. */
  #mails() {
    const folder = join(this.#place, "mail");
    const names = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith(".eml")).sort() : [];
    const source = names.map((name) => readFileSync(join(folder, name), "latin1").replaceAll("\r\n", "\n"));
    // A part whose text is not ASCII is sent in base64.
    const encoded = /(Content-Transfer-Encoding: base64\n(?:\S.*\n)*)\n([A-Za-z0-9+/=\n]+)/g;
    const decoded = (_, head, body) => `${head}\n${Buffer.from(body, "base64").toString().replaceAll("\r\n", "\n")}\n`;
    return source.map((text) => text.replace(encoded, decoded));
  }

  /** Whether the log holds this text anywhere. */
  hasLogged(text) {
    return readFileSync(this.#log, "utf8").includes(text);
  }

  log() {
    return readFileSync(this.#log, "utf8").split("\n").slice(-20).join("\n");
  }

  /** Runs a command of the command line while the service is running. Returns the JSON document that it prints. */
  async command(words, input = "") {
    const done = await run(program("AUTH_SERVICE"), [...words, "--json"], this.#env, input);
    if (done.code !== 0) throw new Error(`${words.join(" ")}: ${done.stderr}`);
    return JSON.parse(done.stdout);
  }

  /** Creates a user with the password `PASSWORD`. Its name is this one and a number, which nobody else has. Returns the name. */
  async createUser(name = "ada") {
    this.#users += 1;
    const username = `${name}${this.#users}`;
    await this.command(["users", "create", username, "--password-stdin"], PASSWORD);
    return username;
  }

  /** Creates a user with a verified address, which is the name at example.org. Returns both. */
  async createUserWithMail(name = "ada") {
    const username = await this.createUser(name);
    const address = `${username}@example.org`;
    await this.command(["users", "set-email", username, address, "--verified"]);
    return { username, address };
  }
}

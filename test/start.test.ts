// Goal: a person who clones the repository and types `npm start` has a node, a key file outside the
// data and the advice to keep a copy; the second start finds everything; SIGTERM ends it with 0.
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
} from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Client } from "./support/resp.ts";
import { freePort, Process, pause, root, temporaryFolder } from "./support/server.ts";
import { copyTree } from "./support/tree.ts";

const folder = temporaryFolder();
const tree = join(folder, "strongroom");
const home = join(folder, "home");
const key = join(home, ".strongroom", "kek");
let started: Process | null = null;

beforeAll(() => {
  mkdirSync(home, { recursive: true });
  copyTree(tree, "run");
  if (existsSync(join(root, "native/build")))
    cpSync(join(root, "native/build"), join(tree, "native/build"), { recursive: true });
});

afterAll(() => {
  started?.signal("SIGKILL");
});

async function start(port: number, ...more: string[]): Promise<Process> {
  const flags = ["start", "--silent", "--", "--port", String(port), ...more];
  started = new Process(["npm", ...flags], { folder: tree, environment: { HOME: home } });
  return started;
}

async function ready(process_: Process, port: number): Promise<Client> {
  for (let wait = 0; wait < 1500 && process_.alive; wait++) {
    const client = await Client.open({ port }).catch(() => null);
    if (client !== null) return client;
    await pause(20);
  }
  throw new Error(`not ready: ${process_.output}`);
}

test("start: makes a key once, keeps the data, refuses without the key", async () => {
  const port = await freePort();
  const first = await start(port);
  const client = await ready(first, port);
  await client.call("SET", "greeting", "hello");
  client.close();
  expect(first.printed).toMatch(new RegExp(`redis-cli -p ${port}`));
  expect(first.printed).toMatch(/A new key file was made[\s\S]*Keep a copy of it elsewhere/);
  expect([statSync(key).size, statSync(key).mode & 0o777]).toEqual([32, 0o600]);
  expect(statSync(join(tree, "data")).mode & 0o777).toBe(0o700);
  first.signal("SIGTERM");
  expect((await first.ended).status, first.output).toBe(0);

  const second = await start(port);
  const again = await ready(second, port);
  expect(await again.call("GET", "greeting")).toBe("hello");
  again.close();
  expect(second.printed).not.toMatch(/A new key file/);
  second.signal("SIGINT");
  expect((await second.ended).status, second.output).toBe(0);

  const bytes = readFileSync(key);
  rmSync(key);
  const refused = await (await start(port)).ended;
  expect(refused.status).not.toBe(0);
  expect(refused.output).toMatch(/\[KEK_COPY_MISSING\] .*; .*; .*/);
  expect(existsSync(key)).toBe(false);
  expect(bytes).toHaveLength(32);
});

test("start: the other commands run through npm, with their output alone", async () => {
  const path = join(folder, "made.kek");
  const flags = ["run", "--silent", "strongroom", "--", "keygen", "--out", path];
  const made = new Process(["npm", ...flags], { folder: tree, environment: { HOME: home } });
  expect((await made.ended).status, made.output).toBe(0);
  expect(made.printed.trim().split("\n")).toHaveLength(1);
  expect(statSync(path).size).toBe(32);
});

test("start: npm keeps no log of a command line, which may hold a password", async () => {
  const flags = [
    "run",
    "--silent",
    "strongroom",
    "--",
    "status",
    "--data-dir",
    "/in-a-command-line",
  ];
  const asked = new Process(["npm", ...flags], { folder: tree, environment: { HOME: home } });
  expect((await asked.ended).status).not.toBe(0);
  expect(asked.output).toContain("/in-a-command-line");
  const files = readdirSync(home, { recursive: true, withFileTypes: true }).filter((entry) =>
    entry.isFile(),
  );
  for (const { parentPath, name } of files)
    expect(readFileSync(join(parentPath, name)).includes("in-a-command-line"), name).toBe(false);
});

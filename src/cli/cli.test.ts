// Goal: a start that fails leaves nothing open, a stop ends in order and in time, no key file is
// ever overwritten or made over existing data, and refusals are printed as code, what, kept, todo.
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { readRunFile } from "../admin/runfile.ts";
import { NodeDouble, nodeStatus as status } from "../admin/testing/double.ts";
import { StrongroomError } from "../base/errors.ts";
import { systemClock } from "../platform/clock.ts";
import { NodeDisk } from "../platform/disk.ts";
import { systemRandom } from "../platform/random.ts";
import type { Context } from "./context.ts";
import { isInside } from "./keyfile.ts";
import { openLogger, tellable } from "./logger.ts";
import { type Parts, run } from "./program.ts";
import type { ServedNode } from "./serve.ts";
import { StopRequest } from "./stop.ts";
import { keksOf } from "./verify/command.ts";
import type { VerifyResult } from "./verify/findings.ts";

let home: string;
let dataDir: string;
let out: string[];
let err: string[];
let events: string[];
let stop: StopRequest;
let failing: string | null;
let verified: VerifyResult;
let locked: boolean;
let served: NodeDouble | null;
let context: Context;

function step(name: string): void {
  events.push(name);
  if (failing === name) throw new StrongroomError("SERVER_LISTEN_FAILED", "port 1: EADDRINUSE");
}

const parts: Parts<ServedNode> = {
  openNode: async (settings) => {
    step(`open ${settings.kek.length}`);
    mkdirSync(join(settings["data-dir"], "encryption"), { recursive: true });
    served = new NodeDouble();
    return Object.assign(served, { close: async () => step("close node") });
  },
  listen: async () => {
    step("listen");
    return { port: 6380, close: async () => step("close sockets") };
  },
  verifyDirectory: async (_directory, keks) => {
    events.push(`verify ${keks.join()}`);
    return verified;
  },
  lockDirectory: () => (locked ? null : { release: () => events.push("release") }),
};

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "cli-"));
  dataDir = join(home, "data");
  [out, err, events] = [[], [], []];
  stop = new StopRequest();
  failing = null;
  locked = false;
  served = null;
  verified = { counts: { records: 3 }, damage: [] };
  context = {
    disk: new NodeDisk(),
    random: systemRandom,
    clock: systemClock,
    out: (line) => out.push(line),
    err: (line) => err.push(line),
    environment: {},
    home,
  };
});

afterEach(() => rmSync(home, { recursive: true }));

const strongroom = (...argv: string[]) => run(argv, { context, parts, stop, version: "1.2.3" });
const serveArguments = () => [
  "serve",
  "--data-dir",
  dataDir,
  "--log-level",
  "silent",
  "--admin-port",
  "0",
];
const signal = () => stop.request({ kind: "signal", name: "SIGTERM" });

async function whileServing(work: () => Promise<void>, ...more: string[]): Promise<number> {
  const ended = strongroom(...serveArguments(), ...more);
  await expect.poll(() => out.join("\n"), { timeout: 15_000 }).toMatch(/is ready/);
  await work();
  signal();
  return ended;
}

test("serve: opens node, then sockets; closes sockets, then node; exit status 0", async () => {
  const ended = await whileServing(
    async () => {
      expect(readRunFile(context.disk, dataDir)?.keks).toEqual(["file:/k"]);
    },
    "--kek",
    "file:/k",
  );
  expect(ended).toBe(0);
  expect(events).toEqual(["open 1", "listen", "close sockets", "close node"]);
  expect(readRunFile(context.disk, dataDir)?.url).toBe("");
});

test("serve: a start that fails late closes what was opened and says why", async () => {
  failing = "listen";
  expect(await strongroom(...serveArguments(), "--kek", "file:/k")).toBe(1);
  expect(events).toEqual(["open 1", "listen", "close node"]);
  expect(err.join()).toMatch(/^\[SERVER_LISTEN_FAILED\] .*EADDRINUSE.*; .*; .*/);
  expect(readRunFile(context.disk, dataDir)?.url).toBe("");
});

test("serve: a stop asked for during the start is obeyed", async () => {
  signal();
  expect(await strongroom(...serveArguments(), "--kek", "file:/k")).toBe(0);
  expect(events.at(-1)).toBe("close node");
});

test("serve: a fatal error of the node ends it, with its code, not in good order", async () => {
  stop.request({ kind: "fatal", error: new StrongroomError("NODE_HALTED") });
  expect(await strongroom(...serveArguments(), "--kek", "file:/k")).toBe(1);
  expect(err.join()).toMatch(/\[NODE_HALTED\]/);
});

test("serve: wrong settings are refused before anything is opened", async () => {
  expect(await strongroom(...serveArguments(), "--port", "x")).toBe(1);
  expect(await strongroom(...serveArguments(), "--port", "0")).toBe(1);
  expect(await strongroom(...serveArguments(), "--config", "")).toBe(1);
  expect(await strongroom(...serveArguments(), "--config", join(home, "none"))).toBe(1);
  expect(err.map((line) => line.split(" ", 1)[0])).toEqual([
    "[CONFIG_INVALID]",
    "[CONFIG_INVALID]",
    "[CONFIG_INVALID]",
    "[CONFIG_UNREADABLE]",
  ]);
  expect(await strongroom("serve", "--prot", "1")).toBe(2);
  expect(events).toEqual([]);
});

test("serve: settings come from the file too", async () => {
  const file = join(home, "s.conf");
  writeFileSync(file, `data-dir "${dataDir}"\nkek file:/a\nkek file:/b\nlog-level silent\n`);
  signal();
  expect(await strongroom("serve", "--config", file)).toBe(0);
  expect(events[0]).toBe("open 2");
});

test("serve: a password is never told", async () => {
  await whileServing(async () => {}, "--kek", "file:/k", "--requirepass", "hunter2");
  expect([...out, ...err].join("\n")).toMatch(/redis-cli -p 6380 --askpass/);
  expect([...out, ...err].join("\n")).not.toMatch(/hunter2/);
});

test("default key: made once, over a new directory, with advice; then used", async () => {
  const path = join(home, ".strongroom", "kek");
  await whileServing(async () => {}, "--default-key-file");
  expect(out.join("\n")).toMatch(/A new key file was made[\s\S]*Keep a copy/);
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(statSync(path).size).toBe(32);
  const before = readFileSync(path);
  out = [];
  stop = new StopRequest();
  await whileServing(async () => {}, "--default-key-file");
  expect(out.join("\n")).not.toMatch(/A new key/);
  expect(readFileSync(path)).toEqual(before);
});

test("default key: over existing data a missing one is refused, and none is made", async () => {
  for (const data of ["log/1", "store/1", "encryption/keys.json"]) {
    mkdirSync(dirname(join(dataDir, data)), { recursive: true });
    writeFileSync(join(dataDir, data), "");
    expect(await strongroom(...serveArguments(), "--default-key-file")).toBe(1);
    expect(err.splice(0).join()).toMatch(/^\[KEK_COPY_MISSING\]/);
    rmSync(dataDir, { recursive: true });
  }
  mkdirSync(dataDir);
  writeFileSync(join(dataDir, "photo.jpg"), "");
  expect(await strongroom(...serveArguments(), "--default-key-file")).toBe(1);
  expect(err.join()).toMatch(/^\[DATA_DIR_FOREIGN\]/);
  expect(context.disk.status(join(home, ".strongroom"))).toBe(null);
  expect(events).toEqual([]);
});

test("default key: a home that cannot be written to is told, and is no crash", async () => {
  writeFileSync(join(home, "file"), "");
  context = { ...context, home: join(home, "file", "me") };
  expect(await strongroom(...serveArguments(), "--default-key-file")).toBe(1);
  expect(err.join()).toMatch(/^\[KEYGEN_FAILED\] .*file.me.*ENOTDIR.*; .*--kek/);
  expect(events).toEqual([]);
});

test("verify: a data directory that is none is told with its path, and is no crash", async () => {
  writeFileSync(dataDir, "");
  expect(await strongroom("verify", "--data-dir", dataDir, "--scan", "text")).toBe(1);
  expect(err.join()).toContain(`[DATA_DIR_UNUSABLE]`);
  expect(err.join()).toContain(`${dataDir}: ENOTDIR`);
});

test("default key: who has no home is told to name one", async () => {
  context = { ...context, home: "" };
  expect(await strongroom(...serveArguments(), "--default-key-file")).toBe(1);
  expect(err.join()).toMatch(/^\[CONFIG_INVALID\] .*no home directory.*--kek/);
  expect(keksOf(context, [], dataDir)).toEqual([]);
  expect(events).toEqual([]);
});

test("verify: a path that cannot be looked at is told, and is no crash", async () => {
  expect(await strongroom("verify", "--data-dir", join(home, "x".repeat(300)))).toBe(1);
  expect(err.join()).toMatch(/^\[DATA_DIR_UNUSABLE\] .*ENAMETOOLONG/);
});

test("verify: a home that cannot be entered is no fault of the data directory", async () => {
  const elsewhere = { ...context, home: join(home, "x".repeat(300)) };
  expect(keksOf(elsewhere, [], dataDir)).toEqual([]);
});

test("default key: made over what starts leave that were refused", async () => {
  mkdirSync(join(dataDir, "run"), { recursive: true });
  writeFileSync(join(dataDir, "lock"), "");
  await whileServing(async () => {}, "--default-key-file");
  expect(out.join("\n")).toMatch(/A new key file was made/);
});

test("default key: not made when a KEK is named or encryption is off", async () => {
  signal();
  await strongroom(...serveArguments(), "--default-key-file", "--kek", "file:/k");
  stop = new StopRequest();
  signal();
  await strongroom(...serveArguments(), "--default-key-file", "--encryption", "off");
  expect(context.disk.status(join(home, ".strongroom"))).toBe(null);
  expect(events.filter((event) => event.startsWith("open"))).toEqual(["open 1", "open 0"]);
});

test("default key: never inside the data directory", async () => {
  expect(await strongroom("serve", "--default-key-file", "--data-dir", home)).toBe(1);
  expect(err.join()).toMatch(/would stand in the data directory/);
  expect(isInside("/a/b", "/a")).toBe(true);
  expect(isInside("/ab", "/a")).toBe(false);
});

test("keygen: 32 bytes, mode 0600, never over anything that is there", async () => {
  const path = join(home, "kek");
  expect(await strongroom("keygen", "--out", path)).toBe(0);
  expect([statSync(path).size, statSync(path).mode & 0o777]).toEqual([32, 0o600]);
  const before = readFileSync(path);
  expect(await strongroom("keygen", "--out", path)).toBe(1);
  expect(readFileSync(path)).toEqual(before);
  expect(await strongroom("keygen", "--out", join(home, "no", "kek"))).toBe(1);
  expect(err.join("\n")).toMatch(
    /\[KEYGEN_FAILED\].*there already[\s\S]*\[KEYGEN_FAILED\].*ENOENT/,
  );
  expect(await strongroom("keygen")).toBe(2);
});

test("status and rotate-dek: find the running node by its directory", async () => {
  await whileServing(
    async () => {
      out = [];
      expect(await strongroom("status", "--data-dir", dataDir)).toBe(0);
      expect(out.join("\n")).toMatch(/state\s+serving[\s\S]*1 {2}storage {2}active/);
      out = [];
      expect(await strongroom("status", "--data-dir", dataDir, "--json")).toBe(0);
      expect(JSON.parse(out.join("\n"))).toEqual(status);
      out = [];
      expect(await strongroom("rotate-dek", "log", "--data-dir", dataDir)).toBe(0);
      expect(out.join()).toBe("the active log key is 4, since entry 6");
      expect(await strongroom("rotate-dek", "index", "--data-dir", dataDir)).toBe(1);
    },
    "--kek",
    "file:/k",
  );
  expect(await strongroom("status", "--data-dir", dataDir)).toBe(1);
  expect(err.join("\n")).toMatch(/\[ADMIN_NOT_RUNNING\]/);
});

test("verify: reports counts and damage, and fails on damage", async () => {
  mkdirSync(dataDir);
  expect(await strongroom("verify", "--data-dir", dataDir, "--kek", "file:/k")).toBe(0);
  expect(out.join("\n")).toMatch(/records {2}3[\s\S]*damage: 0/);
  expect(events).toEqual(["verify file:/k", "release"]);
  const problem = "[CRYPTO_TAG_MISMATCH] record";
  verified = { counts: { records: 2 }, damage: [{ path: "store/1", offset: 9, problem }] };
  expect(await strongroom("verify", "--data-dir", dataDir)).toBe(1);
  expect(out.join("\n")).toMatch(/DAMAGE store\/1 at 9: \[CRYPTO_TAG_MISMATCH\]/);
  expect(err.join()).toMatch(/\[VERIFY_DAMAGED\]/);
});

test("verify: the node that holds the directory opens everything while it serves", async () => {
  const step = { records: 7, entries: 2, bytes: 9, bytesTotal: 9, failures: 0, findings: [] };
  await whileServing(
    async () => {
      locked = true;
      served!.progress = [{ ...step, phase: "done", clean: true }];
      out = [];
      expect(await strongroom("verify", "--data-dir", dataDir)).toBe(0);
      expect(out.join("\n")).toMatch(/records +7\nlog entries +2\ndamage: 0/);
      const findings = [{ code: "CRYPTO_TAG_MISMATCH", place: "segment 4 at offset 4096" }];
      served!.progress = [{ ...step, phase: "done", clean: false, failures: 3, findings }];
      expect(await strongroom("verify", "--data-dir", dataDir)).toBe(1);
      expect(out.join("\n")).toMatch(/DAMAGE segment 4 at offset 4096: \[CRYPTO_TAG_MISMATCH\]/);
      expect(out.join("\n")).toMatch(/and 2 more/);
      served!.progress = [];
      expect(await strongroom("verify", "--data-dir", dataDir)).toBe(1);
      expect(err.join("\n")).toMatch(/\[ADMIN_STREAM_BROKEN\]/);
    },
    "--kek",
    "file:/k",
  );
});

test("verify: beside a node that cannot be asked only the search is done", async () => {
  mkdirSync(dataDir);
  locked = true;
  expect(await strongroom("verify", "--data-dir", dataDir)).toBe(1);
  expect(err.join()).toMatch(/\[VERIFY_RUNNING\]/);
  expect(await strongroom("verify", "--data-dir", dataDir, "--scan", "canary", "other")).toBe(0);
  writeFileSync(join(dataDir, "file"), `xx${Buffer.from("the canary").toString("base64")}`);
  expect(await strongroom("verify", "--data-dir", dataDir, "--scan", "canary")).toBe(1);
  expect(out.join("\n")).toMatch(/FOUND text 1 \(base64 at 1\) in file at/);
  expect(out.join("\n")).not.toMatch(/canary/);
});

test("help: every command has an example, and serve lists the settings", async () => {
  for (const command of ["serve", "keygen", "status", "rotate-dek", "verify"]) {
    out = [];
    expect(await strongroom(command, "--help")).toBe(0);
    expect(out.join("\n")).toMatch(/Examples?:\n {2}\$ strongroom/);
  }
  out = [];
  await strongroom("serve", "--help");
  expect(out.join("\n")).toMatch(/--cache-bytes <bytes>[\s\S]*STRONGROOM_CACHE_BYTES/);
  expect(await strongroom()).toBe(2);
  expect(await strongroom("nothing")).toBe(2);
  out = [];
  expect(await strongroom("--version")).toBe(0);
  expect(out).toEqual(["1.2.3"]);
});

test("logger: of an unexpected error the text stays untold", () => {
  const error = new TypeError("cannot read 'customer secret'");
  const told = JSON.stringify(tellable(error));
  expect(told).toMatch(/TypeError/);
  expect(told).toMatch(/cli\.test\.ts/);
  expect(told).not.toMatch(/customer/);
  expect(tellable(new StrongroomError("NODE_HALTED"))).toMatchObject({ code: "NODE_HALTED" });
  expect(tellable("customer secret")).toEqual({ kind: "string" });
  expect(openLogger("silent").level).toBe("silent");
});

test("crash: an unexpected error ends with 70 and without its text", async () => {
  mkdirSync(dataDir);
  chmodSync(dataDir, 0o700);
  const broken = { ...parts, lockDirectory: () => JSON.parse("customer secret") };
  const ended = await run(["verify", "--data-dir", dataDir], {
    context,
    parts: broken,
    stop,
    version: "1",
  });
  expect(ended).toBe(70);
  expect(err.join()).toMatch(/SyntaxError/);
  expect(err.join()).not.toMatch(/customer/);
});

// Goal: a place where the data cannot be is refused with its path and what to do, never as a crash;
// and a backup is verified where it lies, on a read-only mount, also beside a node that serves it.
// Method: whole processes, on mounts in a namespace of their own (unshare(1)).
import { cpSync, existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { type Ended, Process, root, Server, temporaryFolder, writeKek } from "./support/server.ts";

const namespace = process.getuid?.() === 0 ? ["unshare", "-m"] : ["unshare", "-Urm"];
const program = [process.execPath, join(root, "src/bin/strongroom.ts")];
const folder = temporaryFolder();
const place = join(folder, "place");
mkdirSync(place);

/** Runs the program where `mount`, a script of sh, has put something at `place`. */
function mounted(mount: string, ...args: string[]): Promise<Ended> {
  const script = `${mount} && exec "$@"`;
  return new Process([...namespace, "sh", "-c", script, "sh", ...program, ...args]).ended;
}

const run = (...args: string[]): Promise<Ended> => new Process([...program, ...args]).ended;
const readOnly = (from: string): string =>
  `mount --bind ${from} ${place} && mount -o remount,bind,ro ${place}`;

async function filled(): Promise<Server> {
  const server = await new Server().start();
  const client = await server.client();
  for (let n = 0; n < 20; n++) await client.call("SET", `k${n}`, "v");
  client.close();
  return server;
}

function expectRefused({ status, output }: Ended, where: string, code: string): void {
  expect(output).toContain(`[DATA_DIR_UNUSABLE]`);
  expect(output).toContain(`(${where}: ${code})`);
  expect(output).toMatch(/; no data was changed; see that it is a directory/);
  expect(output).not.toContain("crash");
  expect(status).toBe(1);
}

test("places: a data directory that cannot be is refused, whatever the command", async () => {
  const file = join(folder, "file");
  writeFileSync(file, "");
  const inside = join(file, "data");
  const clear = ["--encryption", "off", "--admin-port", "0", "--data-dir"];
  expectRefused(await run("serve", ...clear, file), join(file, "lock"), "ENOTDIR");
  expectRefused(await run("serve", ...clear, inside), inside, "ENOTDIR");
  expectRefused(await run("verify", "--data-dir", file), join(file, "lock"), "ENOTDIR");
  const status = await run("status", "--data-dir", file);
  expect([status.status, status.output]).toEqual([1, expect.stringMatching(/ADMIN_NOT_RUNNING/)]);
});

test("places: a disk that is read-only or full is refused at the start", async () => {
  const clear = ["serve", "--encryption", "off", "--admin-port", "0", "--data-dir"];
  const data = join(place, "data");
  const ro = await mounted(`mount -t tmpfs -o ro tmpfs ${place}`, ...clear, data);
  expectRefused(ro, data, "EROFS");
  const none = await mounted(`mount -t tmpfs -o nr_inodes=1 tmpfs ${place}`, ...clear, data);
  expectRefused(none, data, "ENOSPC");
});

test("places: a start that waits for room on the disk ends on SIGTERM and on SIGINT", async () => {
  const kek = join(folder, "kek");
  writeKek(kek);
  const script = `mount -t tmpfs -o size=64k tmpfs ${place} && exec "$@"`;
  const serve = ["serve", "--kek", `file:${kek}`, "--admin-port", "0", "--data-dir", place];
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    const started = new Process([...namespace, "sh", "-c", script, "sh", ...program, ...serve]);
    await expect.poll(() => started.output, { timeout: 30_000 }).toMatch(/\[SIDECAR_DISK_FULL\]/);
    started.signal(signal);
    const { status, output } = await started.ended;
    expect([status, output]).toEqual([0, expect.stringContaining(`"reason":"${signal}"`)]);
    expect(output).not.toContain("halted");
  }
});

test("places: a start refused for want of a key leaves room for one that makes it", async () => {
  const data = join(folder, "new", "data");
  const home = join(folder, "home");
  mkdirSync(home);
  const serve = ["serve", "--port", "0", "--admin-port", "0", "--data-dir", data];
  const socket = ["--unixsocket", join(folder, "socket")];
  const refused = await run(...serve, ...socket);
  expect([refused.status, refused.output]).toEqual([1, expect.stringMatching(/keygen --out/)]);
  expect(existsSync(join(folder, "new"))).toBe(false);
  const argv = [...program, ...serve, ...socket, "--default-key-file"];
  const started = new Process(argv, { environment: { HOME: home } });
  await expect.poll(() => started.output, { timeout: 30_000 }).toMatch(/is ready/);
  started.signal("SIGTERM");
  expect((await started.ended).status).toBe(0);
});

test("places: verify reads a backup on a read-only mount, lock file or none", async () => {
  const server = await filled();
  await server.stop();
  const copy = join(server.folder, "copy");
  cpSync(server.dataDir, copy, { recursive: true, filter: (path) => !path.endsWith("/lock") });
  for (const from of [server.dataDir, copy]) {
    const before = readdirSync(from);
    const args = ["verify", "--data-dir", place, "--kek", server.spec];
    const { status, output } = await mounted(readOnly(from), ...args);
    expect(output).toMatch(/log entries +20\n[\s\S]*damage: 0/);
    expect(status).toBe(0);
    expect(readdirSync(from)).toEqual(before);
  }
});

test("places: verify on a read-only mount asks the node that holds the directory", async () => {
  const server = await filled();
  const { status, output } = await mounted(readOnly(server.dataDir), "verify", "--data-dir", place);
  expect(output).toMatch(/^records +\d+\nlog entries +\d+\ndamage: 0/);
  expect(status).toBe(0);
  await server.stop();
});

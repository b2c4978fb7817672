// Goal: a full disk refuses writes with a clear error, reads go on, nothing acknowledged is lost,
// and the node recovers by itself when space returns.
// Method: a tmpfs of a few megabytes in a mount namespace of the node's own (unshare(1)).
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { expect, test } from "vitest";
import { type Client, ServerError } from "./support/resp.ts";
import { pause, Server, temporaryFolder } from "./support/server.ts";

const place = temporaryFolder();
const namespace = process.getuid?.() === 0 ? ["unshare", "-m"] : ["unshare", "-Urm"];
const mount = 'mount -t tmpfs -o size=24m,mode=700 tmpfs "$1" && shift && exec "$@"';

/** Fills the tmpfs through the node's own view of it, and frees it again. */
function ballast(server: Server, bytes: number): void {
  const inside = `/proc/${server.process!.child.pid}/root${join(place, "ballast")}`;
  const script = bytes > 0 ? 'head -c "$2" /dev/zero >"$1" || true' : 'rm -f "$1"';
  execFileSync("sh", ["-c", script, "sh", inside, String(bytes)], { stdio: "ignore" });
}

async function fillUntilRefused(client: Client, held: Map<string, string>): Promise<ServerError> {
  for (let at = 0; at < 4000; at++) {
    const value = `${at}:`.repeat(2000);
    const reply = await client.send("SET", `k${at}`, value);
    if (reply instanceof ServerError) return reply;
    held.set(`k${at}`, value);
  }
  throw new Error("the disk never filled up");
}

test("full disk: writes are refused, reads go on, all of it recovers", async () => {
  const prefix = [...namespace, "sh", "-c", mount, "sh", place];
  const flags = ["--segment-bytes", "2mb", "--log-file-bytes", "1mb", "--cache-bytes", "4mb"];
  const server = await new Server({ dataDir: join(place, "data"), prefix, flags }).start();
  const client = await server.client();
  const held = new Map<string, string>();
  ballast(server, 8 * 2 ** 20);
  const refusal = await fillUntilRefused(client, held);
  expect(refusal.message).toMatch(/DISK_FULL|disk/i);
  ballast(server, 40 * 2 ** 20);
  expect(held.size).toBeGreaterThan(50);
  for (const key of ["k0", "k20", `k${held.size - 1}`])
    expect(await client.call("GET", key)).toBe(held.get(key));
  expect(await client.send("SET", "more", "x".repeat(9000))).toBeInstanceOf(ServerError);

  ballast(server, 0);
  let written: unknown = null;
  for (let wait = 0; wait < 100 && written !== "OK"; wait++) {
    written = await client.send("SET", "again", "y");
    if (written !== "OK") await pause(100);
  }
  expect(written).toBe("OK");
  for (const [key, value] of held) expect(await client.call("GET", key), key).toBe(value);
  client.close();
  expect((await server.stop()).status).toBe(0);
});

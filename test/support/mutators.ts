/**
 * Every change that an operator may ask of a node, as a table: what must be there before, the
 * request, and what must be so once it was answered. Each may be asked for many times over.
 * @module
 */
import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import type { AdminClient, Done } from "../../src/admin/client.ts";
import type { KeyInfo, KeyringInfo, RewriteInfo } from "../../src/node/operations.ts";
import { pause, type Server, writeKek } from "./server.ts";

export type Ask = (client: AdminClient, request: string) => Promise<Done>;

export interface Step {
  readonly ask: Ask;
  /** Once it was answered. @throws what is not as it must be. */
  readonly check: (client: AdminClient) => Promise<void>;
  /** The repetition may be refused with this, if `check` then finds it to be right. */
  readonly refusal?: string;
}

export interface Mutator {
  readonly name: string;
  readonly prepare: (client: AdminClient, server: Server) => Promise<Step>;
}

const keyring = async (client: AdminClient): Promise<KeyringInfo> =>
  (await client.status()).keyring;

const ofPurpose = ({ keys }: KeyringInfo, purpose: string): KeyInfo[] =>
  keys.filter((key) => key.purpose === purpose && key.state !== "clear");

const stateOf = async (client: AdminClient, keyId: number): Promise<string> =>
  (await keyring(client)).keys.find(({ id }) => id === keyId)?.state ?? "none";

/** Rotates. @returns the key that was active before. */
async function rotated(client: AdminClient, purpose: "storage" | "log"): Promise<number> {
  const { active } = await keyring(client);
  await client.rotate(purpose, active[purpose]);
  return active[purpose];
}

const rotation = (purpose: "storage" | "log"): Mutator => ({
  name: `rotate ${purpose}`,
  prepare: async (client) => {
    const before = await keyring(client);
    return {
      ask: (to, request) => to.rotate(purpose, 0, request),
      check: async (from) => {
        const after = await keyring(from);
        expect(after.active[purpose]).not.toBe(before.active[purpose]);
        expect(ofPurpose(after, purpose)).toHaveLength(ofPurpose(before, purpose).length + 1);
      },
    };
  },
});

const registration: Mutator = {
  name: "register writer",
  prepare: async (client) => {
    const asked = async (from: AdminClient) =>
      (await from.history()).filter(({ kind }) => kind === "register").length;
    const before = await asked(client);
    return {
      ask: (to, request) => to.registerWriter(request),
      // One event for the storage key, one for the log's, and none twice.
      check: async (from) => expect(await asked(from)).toBe(before + 2),
    };
  },
};

const kekPath = (server: Server, name: string): string => join(server.folder, name);

function kekSpec(server: Server, name: string): string {
  if (!existsSync(kekPath(server, name))) writeKek(kekPath(server, name));
  return `file:${kekPath(server, name)}`;
}

const wrapping = async (client: AdminClient): Promise<string[]> => {
  const { keys } = await keyring(client);
  const ids = keys.filter(({ state }) => state !== "retired").map(({ kekIds }) => kekIds);
  const all = [...new Set(ids.flat())];
  // A KEK wraps every key or none, but for the moment of its change.
  for (const of of ids) expect([...of].sort()).toEqual([...all].sort());
  return all;
};

/** The first KEK and, beside it, this one alone. @returns its id. */
async function besideFirst(client: AdminClient, server: Server, name: string): Promise<string> {
  const { kekId } = await client.addKek(kekSpec(server, name));
  const first = (await client.addKek(server.spec)).kekId;
  for (const id of await wrapping(client))
    if (id !== first && id !== kekId) await client.removeKek(id);
  return kekId;
}

const adding: Mutator = {
  name: "rewrap: add",
  prepare: async (client, server) => {
    const kekId = await besideFirst(client, server, "second");
    await client.removeKek(kekId);
    return {
      ask: (to, request) => to.addKek(kekSpec(server, "second"), request),
      check: async (from) => expect(await wrapping(from)).toContain(kekId),
    };
  },
};

const removing: Mutator = {
  name: "rewrap: remove",
  prepare: async (client, server) => {
    const kekId = await besideFirst(client, server, "second");
    return {
      ask: (to, request) => to.removeKek(kekId, request),
      check: async (from) => expect(await wrapping(from)).not.toContain(kekId),
    };
  },
};

const replacing: Mutator = {
  name: "rewrap: replace",
  prepare: async (client, server) => {
    const old = await besideFirst(client, server, "second");
    return {
      ask: (to, request) => to.replaceKek(old, kekSpec(server, "third"), request),
      check: async (from) => {
        const ids = await wrapping(from);
        expect(ids).toHaveLength(2);
        expect(ids).not.toContain(old);
      },
    };
  },
};

const rewriteOf = async (client: AdminClient, keyId: number): Promise<RewriteInfo | undefined> =>
  (await keyring(client)).rewrites.find((rewrite) => rewrite.keyId === keyId);

async function untilDone(client: AdminClient, keyId: number): Promise<void> {
  while ((await rewriteOf(client, keyId))?.state === "running") await pause(10);
}

type Rewriting = (client: AdminClient, keyId: number, request: string) => Promise<Done>;

/** Of a rewrite that takes its time. Another reason than the request may end it: there is room. */
const rewriting = (
  name: string,
  ask: Rewriting,
  wanted: Partial<RewriteInfo>,
  before: (client: AdminClient, keyId: number) => Promise<unknown> = async () => {},
): Mutator => ({
  name: `rewrite: ${name}`,
  prepare: async (client) => {
    const old = await rotated(client, "storage");
    if (name !== "start") await client.startRewrite(old, 1);
    await before(client, old);
    return {
      ask: (to, request) => ask(to, old, request),
      refusal: "REWRITE_NOT_FOUND",
      check: async (from) => {
        const rewrite = await rewriteOf(from, old);
        if (rewrite?.state !== "done") expect(rewrite).toMatchObject(wanted);
        await from.startRewrite(old, 0);
      },
    };
  },
});

const fencing: Mutator = {
  name: "fence",
  prepare: async (client) => {
    const { appliedIndex } = await keyring(client);
    const old = await rotated(client, appliedIndex % 2 === 0 ? "storage" : "log");
    return {
      ask: (to, request) => to.fence(old, request),
      check: async (from) => expect(await stateOf(from, old)).toBe("fenced"),
    };
  },
};

const retiring = (purpose: "storage" | "log"): Mutator => ({
  name: `retire ${purpose}`,
  prepare: async (client) => {
    const old = await rotated(client, purpose);
    await client.startRewrite(old, 0);
    await untilDone(client, old);
    return {
      ask: (to, request) => to.retire(old, request),
      check: async (from) => {
        expect(await stateOf(from, old)).toBe("retired");
        expect(await from.proof(old)).toMatchObject({ clean: true });
      },
    };
  },
});

const resyncing: Mutator = {
  name: "resync",
  prepare: async (_client, server) => {
    const path = join(server.dataDir, "encryption/keys.json");
    rmSync(path);
    return {
      ask: (to, request) => to.resync(true, request),
      check: async (from) => {
        expect(existsSync(path)).toBe(true);
        expect((await from.resync(false)).steps).toEqual([]);
      },
    };
  },
};

/** Of a node whose data is sealed. */
export const mutators: readonly Mutator[] = [
  rotation("storage"),
  rotation("log"),
  registration,
  adding,
  replacing,
  removing,
  rewriting("start", (to, keyId, id) => to.startRewrite(keyId, 1, id), { state: "running" }),
  rewriting("pause", (to, keyId, id) => to.pauseRewrite(keyId, id), { state: "paused" }),
  rewriting(
    "resume",
    (to, keyId, id) => to.resumeRewrite(keyId, id),
    { state: "running" },
    (client, keyId) => client.pauseRewrite(keyId),
  ),
  rewriting("throttle", (to, keyId, id) => to.throttleRewrite(keyId, 7, id), {
    bytesPerSecond: 7,
  }),
  rewriting("cancel", (to, keyId, id) => to.cancelRewrite(keyId, id), { state: "cancelled" }),
  fencing,
  retiring("storage"),
  retiring("log"),
  resyncing,
];

const once = (name: string, ask: Ask, check: (keys: KeyringInfo) => void): Mutator => ({
  name,
  prepare: async () => ({ ask, check: async (from) => check(await keyring(from)) }),
});

/** From clear to sealed, in this order; each can be done once in a directory. */
export const cutovers: readonly Mutator[] = [
  once(
    "bootstrap",
    (to, request) => to.bootstrap(request),
    ({ bootstrapped }) => expect(bootstrapped).toBe(true),
  ),
  once(
    "enable-storage",
    (to, request) => to.enableStorage(request),
    ({ storageCutover }) => expect(storageCutover).toBeGreaterThan(0),
  ),
  {
    name: "enable-log",
    prepare: async (client) => {
      await client.startRewrite(0, 0);
      await untilDone(client, 0);
      const ask: Ask = (to, request) => to.enableLog(request);
      return {
        ask,
        check: async (from) => expect((await keyring(from)).logCutover).toBeGreaterThan(0),
      };
    },
  },
];

/**
 * Values that tell their key, for tests that look at something else than data.
 * @module
 */
import { expect } from "vitest";
import type { Server } from "./server.ts";

export async function put(server: Server, key: string): Promise<void> {
  const client = await server.client();
  await client.call("SET", key, `value of ${key}`);
  client.close();
}

/** What `put` wrote is there. */
export async function expectKeys(server: Server, ...keys: string[]): Promise<void> {
  const client = await server.client();
  for (const key of keys) expect(await client.call("GET", key)).toBe(`value of ${key}`);
  client.close();
}

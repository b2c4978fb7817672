/**
 * Nodes that begin without encryption, and how their operator starts them again.
 * @module
 */
import { expect } from "vitest";
import type { Server } from "./server.ts";

export const inClear = ["--encryption", "off"];

/** Starts as before; as an operator does, without the flag once the node says that it must go. */
export async function restart(server: Server): Promise<void> {
  try {
    await server.start();
  } catch (error) {
    expect((error as Error).message).toContain("ENCRYPTION_OFF_OVER_SEALED");
    server.flags = server.flags.filter((flag) => !inClear.includes(flag));
    await server.start();
  }
}

/**
 * Chooses the implementation of the primitives: the native addon where it was built and loads,
 * else `node:crypto`. The choice changes speed, never bytes.
 * @module
 */
import { loadNative } from "./native.ts";
import { nativePrimitives } from "./native-primitives.ts";
import { nodePrimitives } from "./node-primitives.ts";
import type { Primitives } from "./primitive-types.ts";

export * from "./primitive-types.ts";

let native: Primitives | null | undefined;

/** The addon's, or null; never one that does not seal as `node:crypto` does. */
function nativeOrNull(): Primitives | null {
  if (native === undefined) {
    const addon = loadNative();
    const found = addon === null ? null : nativePrimitives(addon);
    native = found !== null && agrees(found, nodePrimitives) ? found : null;
  }
  return native;
}

/** One sealing and one MAC on both: a miscompiled addon is worse than none. */
function agrees(one: Primitives, other: Primitives): boolean {
  const [a, b] = [one, other].map((primitives) => {
    const buffer = Buffer.alloc(5 + 12 + 37 + 16 + 32, "strongroom");
    const aead = primitives.aead(buffer.subarray(0, 32), buffer.subarray(0, 3));
    aead.seal(buffer, 0, 5, 37);
    aead.dispose();
    const mac = primitives.mac(buffer.subarray(0, 70));
    mac.sign(buffer, 0, 70, buffer, 70, 32);
    mac.dispose();
    return buffer;
  });
  return a!.equals(b!);
}

/**
 * @param which - `native` or `node` insists on one; left out, the quicker one that works.
 * @throws Error if `native` is asked for and the addon is missing, broken or switched off.
 */
export function loadPrimitives(which?: "native" | "node"): Primitives {
  if (which === "node") return nodePrimitives;
  const found = nativeOrNull();
  if (found !== null) return found;
  if (which === "native") throw new Error("the native addon is not available");
  return nodePrimitives;
}

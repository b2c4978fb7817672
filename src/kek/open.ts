/**
 * Opens KEKs by name: `file:PATH` or `env:NAME`. Several may be given, and any one that wrapped a
 * DEK opens it: when one is lost, another breaks the glass.
 * @module
 */
import { StrongroomError } from "../base/errors.ts";
import type { Random } from "../base/ports.ts";
import { loadPrimitives, type Primitives } from "../platform/primitives.ts";
import { systemRandom } from "../platform/random.ts";
import { type Environment, readKekVariable } from "./env.ts";
import { readKekFile } from "./file.ts";
import { LocalKek } from "./local.ts";
import type { KekProvider } from "./provider.ts";

export interface KekDeps {
  readonly primitives: Primitives;
  readonly random: Random;
  /** A variable that holds a key is removed from it. */
  readonly environment: Environment;
}

function systemDeps(): KekDeps {
  return { primitives: loadPrimitives(), random: systemRandom, environment: process.env };
}

/**
 * @throws KEK_SPEC_INVALID; KEK_MISSING, KEK_PERMISSIONS, KEK_SIZE, KEK_UNAVAILABLE.
 */
export async function openKek(spec: string, deps: KekDeps = systemDeps()): Promise<KekProvider> {
  const key = readKey(spec, deps);
  try {
    return new LocalKek(key, deps.primitives, deps.random);
  } finally {
    key.fill(0);
  }
}

function readKey(spec: string, deps: KekDeps): Buffer {
  const colon = spec.indexOf(":");
  const [scheme, rest] = [spec.slice(0, colon), spec.slice(colon + 1)];
  if (scheme === "file" && rest !== "" && !rest.includes("\0")) return readKekFile(rest);
  if (scheme === "env" && /^[A-Za-z_][A-Za-z0-9_]*$/.test(rest))
    return readKekVariable(rest, deps.environment);
  // Not the spec itself: somebody may have typed a key where its name belongs.
  throw new StrongroomError("KEK_SPEC_INVALID", "neither file:PATH nor env:NAME");
}

/** Opens all of them or none. @throws As openKek; KEK_SPEC_INVALID if two are the same key. */
export async function openKeks(
  specs: readonly string[],
  deps: KekDeps = systemDeps(),
): Promise<KekProvider[]> {
  const keks: KekProvider[] = [];
  try {
    for (const spec of specs) {
      const kek = await openKek(spec, deps);
      keks.push(kek);
      if (keks.some((other) => other !== kek && other.id === kek.id))
        throw new StrongroomError("KEK_SPEC_INVALID", "the same KEK is named twice");
    }
    return keks;
  } catch (error) {
    for (const kek of keks) kek.close();
    throw error;
  }
}

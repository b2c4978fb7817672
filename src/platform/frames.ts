/**
 * Many frames of a run at once into what its writer keeps of them, through the addon. There is
 * nothing of the kind without it: they are then entered one by one, with the same result.
 * @module
 */
import { type EnterMany, loadNative } from "./native.ts";

export type { EnterMany } from "./native.ts";

export const nativeEnterMany: EnterMany | null = loadNative()?.enterMany ?? null;

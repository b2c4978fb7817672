/**
 * Touching many keys of the resident set at once, through the addon; without it they are touched
 * one by one.
 * @module
 */
import { loadNative, type TouchKeys } from "./native.ts";

export const nativeTouchKeys: TouchKeys | null = loadNative()?.touchKeys ?? null;

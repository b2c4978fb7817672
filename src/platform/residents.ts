/**
 * Work on many entries of the resident set at once, through the addon; without it everything is
 * done one by one.
 * @module
 */
import { type EntriesNative, loadNative } from "./native.ts";

export const nativeEntries: EntriesNative | null = loadNative();

/**
 * Many records at once into the slots of the record index, through the addon. There is nothing of
 * the kind without it: the index then places them one by one, with the same result.
 * @module
 */
import { loadNative, type PlaceMany, type TouchMany } from "./native.ts";

export type { PlaceMany } from "./native.ts";

export const nativePlaceMany: PlaceMany | null = loadNative()?.placeMany ?? null;
export const nativeTouchMany: TouchMany | null = loadNative()?.touchMany ?? null;

/**
 * Many records at once into the slots of the record index, through the addon. There is nothing of
 * the kind without it: the index then takes them one by one, with the same result.
 * @module
 */
import {
  type FollowMany,
  type JudgeMany,
  loadNative,
  type PlaceMany,
  type TouchMany,
} from "./native.ts";

export type { FollowMany, JudgeMany, PlaceMany } from "./native.ts";

export const nativePlaceMany: PlaceMany | null = loadNative()?.placeMany ?? null;
export const nativeTouchMany: TouchMany | null = loadNative()?.touchMany ?? null;
export const nativeJudgeMany: JudgeMany | null = loadNative()?.judgeMany ?? null;
export const nativeFollowMany: FollowMany | null = loadNative()?.followMany ?? null;

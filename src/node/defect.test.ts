// Goal: what a node halts with tells where the program is wrong, and nothing of anybody's data.
import { expect, test } from "vitest";
import { StrongroomError } from "../base/errors.ts";
import { haltOf, isDefect } from "./defect.ts";

const withStack = (...lines: string[]): Error => {
  const error = new RangeError("data of a client");
  error.stack = ["RangeError: data of a client", ...lines].join("\n");
  return error;
};

test("defect: the first place of ours is told, without folders and without the text", () => {
  const error = withStack(
    "    at Buffer.writeUInt32BE (node:internal/buffer:821:10)",
    "    at Object.run (file:///home/somebody/strongroom/src/commands/strings/append.ts:41:7)",
    "    at perform (file:///home/somebody/strongroom/src/commands/dispatch.ts:12:3)",
  );
  expect(haltOf(error, true)).toMatchObject({
    code: "NODE_APPLY_DEFECT",
    message: "[NODE_APPLY_DEFECT] a defect of the program: RangeError at append.ts:41",
    cause: error,
  });
  expect(haltOf(withStack(), true).message).toMatch(/: RangeError$/);
  expect(haltOf("data of a client", false).message).toBe(
    "[NODE_HALTED] a defect of the program: no error",
  );
});

test("defect: an error of ours, or of the system, is none", () => {
  const ours = new StrongroomError("CRYPTO_TAG_MISMATCH");
  const system = Object.assign(new Error("EIO: i/o error, write"), { code: "EIO" });
  const checked = Object.assign(new RangeError("out of range"), { code: "ERR_OUT_OF_RANGE" });
  expect([ours, system, checked, new Error("x")].map(isDefect)).toEqual([false, false, true, true]);
  expect(haltOf(ours, true)).toBe(ours);
  expect(haltOf(system, true).message).toBe("[NODE_HALTED] EIO");
});

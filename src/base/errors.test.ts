// Goal: an error says what is wrong, what was kept and what to do, in one line of one form.
import { expect, test } from "vitest";
import { AssertionError, assert, assertInteger, unreachable } from "./assert.ts";
import { type ErrorCode, errorTable, isStrongroomError, StrongroomError } from "./errors.ts";

const codes = Object.keys(errorTable) as ErrorCode[];

test("errors: explain() is `[CODE] what; kept; todo`, with the detail after what is wrong", () => {
  for (const code of codes) {
    const { what, kept, todo } = errorTable[code];
    const bare = new StrongroomError(code);
    expect(bare.message).toBe(`[${code}] ${what}`);
    expect(bare.explain()).toBe(`[${code}] ${what}; ${kept}; ${todo}`);
    const detailed = new StrongroomError(code, "file 7 [at] 4096");
    expect(detailed.message).toBe(`[${code}] file 7 [at] 4096`);
    expect(detailed.explain()).toBe(`[${code}] ${what} (file 7 [at] 4096); ${kept}; ${todo}`);
    expect(detailed.retryable).toBe(errorTable[code].retryable);
  }
});

test("errors: the parts of a row fit together into one sentence", () => {
  for (const code of codes) {
    expect(code).toMatch(/^[A-Z]+(_[A-Z0-9]+)+$/);
    const { what, kept, todo } = errorTable[code];
    for (const part of [what, kept, todo]) {
      expect(`${code}: ${part}`).toMatch(/: [^\s]/);
      expect(`${code}: ${part}`).not.toMatch(/\n|[.;\s]$/);
    }
    // The semicolon separates the parts: the first two hold none.
    expect(`${code}: ${what} ${kept}`).not.toMatch(/;/);
  }
});

test("errors: a code is recognised, the cause is kept", () => {
  const cause = new Error("below");
  const error = new StrongroomError("NODE_STOPPING", "", { cause });
  expect(error.cause).toBe(cause);
  expect(error.name).toBe("StrongroomError");
  expect(isStrongroomError(error)).toBe(true);
  expect(isStrongroomError(error, "NODE_HALTED", "NODE_STOPPING")).toBe(true);
  expect(isStrongroomError(error, "NODE_HALTED")).toBe(false);
  expect(isStrongroomError(cause)).toBe(false);
  expect(isStrongroomError({ code: "NODE_STOPPING" })).toBe(false);
});

test("assert: a broken invariant is no error of the world", () => {
  expect(() => assert(false, "text")).toThrow(new AssertionError("text"));
  expect(() => assert(true)).not.toThrow();
  expect(() => unreachable(0 as never)).toThrow(AssertionError);
  expect(isStrongroomError(new AssertionError())).toBe(false);
  const bounds = { min: 1, max: 5 };
  for (const value of [0, 6, 1.5, Number.NaN, Number.POSITIVE_INFINITY])
    expect(() => assertInteger(value, bounds)).toThrow(AssertionError);
  for (const value of [1, 5]) expect(() => assertInteger(value, bounds)).not.toThrow();
});

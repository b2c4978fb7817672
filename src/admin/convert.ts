/**
 * Between the plain objects of the house and the messages of the schema. Both have the same fields
 * under the same names; 64-bit integers are numbers in the house and big integers in a message. The
 * types see to it that a field on one side without its like on the other does not compile.
 * @module
 */
import {
  create,
  type DescField,
  type DescMessage,
  type MessageShape,
  ScalarType,
} from "@bufbuild/protobuf";
import { assert } from "../base/assert.ts";

/** A message as a plain object: numbers for 64-bit integers, nothing of protobuf's own. */
export type Plain<T> = T extends bigint
  ? number
  : T extends readonly (infer E)[]
    ? readonly Plain<E>[]
    : T extends object
      ? { readonly [K in keyof T as K extends "$typeName" | "$unknown" ? never : K]: Plain<T[K]> }
      : T;

const wide: ReadonlySet<ScalarType> = new Set([ScalarType.UINT64, ScalarType.INT64]);

function toField(field: DescField, value: unknown): unknown {
  const one = (item: unknown): unknown => {
    if (field.message !== undefined) return toMessage(field.message, item as never);
    if (field.scalar === undefined || !wide.has(field.scalar)) return item;
    // A measured speed or time may have a fraction; the schema has none.
    assert(Number.isFinite(item));
    return BigInt(Math.trunc(item as number));
  };
  if (field.fieldKind === "list") return (value as readonly unknown[]).map(one);
  return field.fieldKind === "map" ? value : one(value);
}

/** A message of a plain object that has all of its fields. */
export function toMessage<D extends DescMessage>(
  desc: D,
  plain: Plain<MessageShape<D>>,
): MessageShape<D> {
  const message = create(desc) as Record<string, unknown>;
  for (const field of desc.fields) {
    const value = (plain as Record<string, unknown>)[field.localName];
    if (value !== undefined) message[field.localName] = toField(field, value);
  }
  return message as MessageShape<D>;
}

/** The plain object of a message. Integers beyond 2^53 lose their last digits. */
export function toPlain<T>(value: T): Plain<T> {
  if (typeof value === "bigint") return Number(value) as Plain<T>;
  if (Array.isArray(value)) return value.map(toPlain) as Plain<T>;
  if (typeof value !== "object" || value === null) return value as Plain<T>;
  const fields = Object.entries(value).filter(([name]) => !name.startsWith("$"));
  return Object.fromEntries(fields.map(([name, one]) => [name, toPlain(one)])) as Plain<T>;
}

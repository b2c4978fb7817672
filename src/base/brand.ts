/**
 * Brands for numbers that look alike and must never be exchanged. They cost nothing at run time.
 * Terms are those of docs/decisions and docs/formats.
 * @module
 */

declare const brand: unique symbol;
type Brand<T, Name extends string> = T & { readonly [brand]: Name };

/** Identifies a DEK: u32, never 0 (0 means "clear"). */
export type KeyId = Brand<number, "KeyId">;
/** Place of an entry in a group's log, counting from 1. A safe integer. */
export type LogIndex = Brand<number, "LogIndex">;
/** Load of a node under one DEK, 1..65535. */
export type Epoch = Brand<number, "Epoch">;
/** Low 16 bits of the FNV-1a-64 of the node's id. */
export type NodeId16 = Brand<number, "NodeId16">;
/** FNV-1a-64 of the node's id. */
export type FullNodeId = Brand<bigint, "FullNodeId">;
/** Identifies a group: u16. One group exists on the embedded default, number 0. */
export type GroupId = Brand<number, "GroupId">;
/** First 8 bytes of SHA-256(salt) of an accepted registration, big-endian. */
export type SessionId = Brand<bigint, "SessionId">;
/** 16 random bytes that name a cluster. */
export type ClusterId = Brand<Uint8Array, "ClusterId">;

/**
 * CRC-64 as in Redis's DUMP payloads: the polynomial of Jones, 0xad93d23594c935a9, reflected, from
 * zero (crc64.c). In two halves of 32 bits: a BigInt a byte would take too long.
 * @module
 */
const polynomial = 0x95ac9329ac4bc9b5n;
const low = new Uint32Array(256);
const high = new Uint32Array(256);

for (let byte = 0; byte < 256; byte++) {
  let crc = BigInt(byte);
  for (let bit = 0; bit < 8; bit++) crc = (crc & 1n) === 1n ? (crc >> 1n) ^ polynomial : crc >> 1n;
  low[byte] = Number(crc & 0xffffffffn);
  high[byte] = Number(crc >> 32n);
}

/** Of bytes [0, end). */
export function crc64(bytes: Uint8Array, end = bytes.length): bigint {
  let lo = 0;
  let hi = 0;
  for (let at = 0; at < end; at++) {
    const index = (lo ^ (bytes[at] as number)) & 0xff;
    lo = (low[index] as number) ^ ((lo >>> 8) | (hi << 24));
    hi = (high[index] as number) ^ (hi >>> 8);
  }
  return (BigInt(hi >>> 0) << 32n) | BigInt(lo >>> 0);
}

/**
 * Numbers as Redis reads and prints them.
 * @module
 */

/** `n` as C's `%.17g` prints it; `inf`, `-inf` and `nan` in lower case as Redis has them. */
export function formatDouble(n: number): string {
  if (Number.isNaN(n)) return "nan";
  if (n === Infinity) return "inf";
  if (n === -Infinity) return "-inf";
  if (Object.is(n, -0)) return "-0";
  if (Number.isInteger(n) && Math.abs(n) < 1e15) return n.toString();
  const [digits, power] = n.toExponential(16).split("e");
  const exponent = Number(power);
  if (exponent >= -4 && exponent < 17) return stripZeros(n.toFixed(Math.min(16 - exponent, 100)));
  const sign = exponent < 0 ? "-" : "+";
  return `${stripZeros(digits)}e${sign}${Math.abs(exponent).toString().padStart(2, "0")}`;
}

function stripZeros(text: string): string {
  return text.includes(".") ? text.replace(/\.?0+$/, "") : text;
}

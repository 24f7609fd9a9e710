/**
 * Socket addresses of the simulated network: literals only, in the one spelling that inet_ntop
 * gives.
 */
import { assert } from "../../ffi/assert.ts";
import { EINVAL } from "../../ffi/constants.ts";
import type { SocketAddress } from "../../ffi/libc.ts";

const UNIX_PATH_MAX = 107;

/** The address in its canonical spelling, or -EINVAL for one that is none. */
export function canonical(address: SocketAddress): SocketAddress | number {
  if (address.family === "unix") return isUnixPath(address.path) ? address : -EINVAL;
  const { family, port } = address;
  assert(Number.isInteger(port), "a port is an integer");
  assert(port >= 0 && port < 65_536, "a port is from 0 to 65,535");
  const host = family === "inet" ? canonicalInet(address.host) : canonicalInet6(address.host);
  return host === null ? -EINVAL : { family, host, port };
}

/** What a socket of the family listens on is found under this key. */
export function keyOf(host: string, port: number): string {
  return host + " " + String(port);
}

export function wildcardOf(family: "inet" | "inet6"): string {
  return family === "inet" ? "0.0.0.0" : "::";
}

function isUnixPath(path: string): boolean {
  if (path === "" || path.includes("\0")) return false;
  return new TextEncoder().encode(path).length <= UNIX_PATH_MAX;
}

function canonicalInet(host: string): string | null {
  const parts = host.split(".");
  if (parts.length !== 4) return null;
  for (const part of parts) {
    if (!/^(0|[1-9]\d{0,2})$/.test(part) || Number(part) > 255) return null;
  }
  return host;
}

function canonicalInet6(host: string): string | null {
  const match = /^([^%]+)(?:%(\d{1,9}))?$/.exec(host);
  if (match === null) return null;
  const groups = parseGroups(match[1]!);
  if (groups === null) return null;
  const zone = Number(match[2] ?? "0");
  return spellGroups(groups) + (zone === 0 ? "" : "%" + String(zone));
}

/** Eight numbers, or null. */
function parseGroups(text: string): number[] | null {
  const halves = text.split("::");
  if (halves.length > 2) return null;
  const [head, tail] = halves.map((half) => half === "" ? [] : half.split(":"));
  const given = [...head!, ...(tail ?? [])];
  if (given.some((group) => !/^[0-9a-fA-F]{1,4}$/.test(group))) return null;
  const missing = 8 - given.length;
  if (tail === undefined ? missing !== 0 : missing < 1) return null;
  const zeros = new Array<string>(tail === undefined ? 0 : missing).fill("0");
  return [...head!, ...zeros, ...(tail ?? [])].map((group) => Number.parseInt(group, 16));
}

/** The longest run of at least two zero groups becomes "::". */
function spellGroups(groups: readonly number[]): string {
  let best = 0;
  let bestSize = 1;
  for (let start = 0; start < 8; start += 1) {
    let size = 0;
    while (start + size < 8 && groups[start + size] === 0) size += 1;
    if (size > bestSize) [best, bestSize] = [start, size];
  }
  const words = groups.map((group) => group.toString(16));
  if (bestSize < 2) return words.join(":");
  return words.slice(0, best).join(":") + "::" + words.slice(best + bestSize).join(":");
}

/**
 * A large file of difficult lines, and what to know about such files without holding one in memory.
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { closeSync, copyFileSync, openSync, readSync, statSync, writeSync } from "node:fs";
import { Prng } from "./prng.ts";

const MIB = 1048576;
const LINE_FEED = 10;
const LONG_LINE = 1_000_000;

/**
 * Binary bytes with empty lines, CR and NUL, lines of 1,000,000 bytes, no line feed at the end; a
 * little more than `size` bytes.
 */
export function writeLines(path: string, size: number): void {
  const prng = new Prng(20261125);
  const short = prng.bytes(MIB);
  for (let at = 0; at < short.length; at += 1 + prng.below(400)) short[at] = LINE_FEED;
  short[short.length - 1] = LINE_FEED;
  const long = new Uint8Array(LONG_LINE + 1).fill(13);
  long.fill(0, 1000, 2000);
  long[LONG_LINE] = LINE_FEED;
  const fd = openSync(path, "w");
  const parts = Math.ceil(size / (short.length + long.length));
  for (let part = 0; part < parts; part += 1) {
    // So that no two parts are the same, and one in the place of another is seen.
    new DataView(short.buffer).setUint32(0, 0x41000000 + part);
    writeSync(fd, short);
    writeSync(fd, long);
  }
  writeSync(fd, "no line feed at the end\r\0");
  closeSync(fd);
}

/** The file with the line feed that consume puts behind its last line. */
export function withLineFeed(path: string): string {
  const whole = `${path}.lf`;
  copyFileSync(path, whole);
  const fd = openSync(whole, "a");
  writeSync(fd, "\n");
  closeSync(fd);
  return whole;
}

/** SHA-256 of the first `size` bytes. */
export function hashOf(path: string, size: number = statSync(path).size): string {
  const hash = createHash("sha256");
  eachChunk(path, 0, size, (chunk) => hash.update(chunk));
  return hash.digest("hex");
}

export function countLines(path: string): number {
  let lines = 0;
  eachChunk(path, 0, statSync(path).size, (chunk) => {
    for (let at = chunk.indexOf(LINE_FEED); at >= 0; at = chunk.indexOf(LINE_FEED, at + 1)) {
      lines += 1;
    }
  });
  return lines;
}

/** Copies what follows the first `from` bytes. */
export function copyRest(path: string, from: number, to: string): void {
  const fd = openSync(to, "w");
  eachChunk(path, from, statSync(path).size, (chunk) => {
    assert.equal(writeSync(fd, chunk), chunk.length);
  });
  closeSync(fd);
}

function eachChunk(
  path: string,
  from: number,
  to: number,
  visit: (chunk: Uint8Array) => void,
): void {
  const fd = openSync(path, "r");
  const chunk = new Uint8Array(MIB);
  for (let at = from; at < to;) {
    const read = readSync(fd, chunk, 0, Math.min(chunk.length, to - at), at);
    assert.ok(read > 0, "the file is as long as it was");
    visit(chunk.subarray(0, read));
    at += read;
  }
  closeSync(fd);
}

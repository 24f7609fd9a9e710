/**
 * Writes to standard output and standard error by descriptor: bytes for `consume`, text for the
 * rest.
 *
 *     block A  being filled            block B  being written
 *
 * The streams of `node:process` are not used: on Bun a write to a pipe that its reader closed
 * keeps the process spinning, and by descriptor every byte is written before the process ends.
 *
 * Invariant: bytes reach the descriptor in the order of the calls; at most one write is under
 * way.
 */

import fs from "node:fs";
import { type ByteBlock, heapBlock } from "../base/bytes.ts";
import { MiB } from "../base/units.ts";
import { copyRange } from "../client/copy.ts";

const STDOUT = 1;
const STDERR = 2;
const CHUNK_SIZE: number = 1 * MiB;
const LF = 10;

const encoder = new TextEncoder();

/** The reader of a pipe has gone: no error, it has seen enough. */
export class PipeClosed extends Error {
  override name = "PipeClosed";
}

/** Gathers bytes into large chunks. */
export class ByteOutput {
  /** Bytes handed over. */
  writtenBytes = 0;
  readonly #fd: number;
  #block: ByteBlock;
  #spare: ByteBlock;
  #end = 0;
  #writing: Promise<void> = Promise.resolve();

  constructor(fd: number = STDOUT, chunkSize: number = CHUNK_SIZE) {
    this.#fd = fd;
    this.#block = heapBlock(chunkSize);
    this.#spare = heapBlock(chunkSize);
  }

  /**
   * Takes a value, and an LF where `endsLine` says so; false, and nothing done, when there is no
   * room: call `appendSlowly`.
   */
  append(source: ByteBlock, start: number, end: number, endsLine = true): boolean {
    const valueEnd = this.#end + end - start;
    if (valueEnd >= this.#block.size) return false;
    copyRange(source, start, end, this.#block, this.#end);
    this.#end = valueEnd;
    if (endsLine) {
      this.#block.bytes[valueEnd] = LF;
      this.#end += 1;
    }
    this.writtenBytes += end - start + (endsLine ? 1 : 0);
    return true;
  }

  /** The same after making room. The value must stay until this settles. */
  async appendSlowly(
    source: ByteBlock,
    start: number,
    end: number,
    endsLine = true,
  ): Promise<void> {
    await this.#startWrite();
    if (this.append(source, start, end, endsLine)) return;
    await this.#writing;
    await writeAll(this.#fd, source.bytes, start, end);
    this.writtenBytes += end - start;
    this.append(source, end, end, endsLine);
  }

  /** Takes bytes that are not in a block; false, and nothing done, when there is no room. */
  appendBytes(bytes: Uint8Array): boolean {
    if (this.#end + bytes.length > this.#block.size) return false;
    this.#block.bytes.set(bytes, this.#end);
    this.#end += bytes.length;
    this.writtenBytes += bytes.length;
    return true;
  }

  /** The same after making room. */
  async appendBytesSlowly(bytes: Uint8Array): Promise<void> {
    await this.#startWrite();
    if (this.appendBytes(bytes)) return;
    await this.#writing;
    await writeAll(this.#fd, bytes, 0, bytes.length);
    this.writtenBytes += bytes.length;
  }

  /** Settles when everything is written. */
  async flush(): Promise<void> {
    await this.#startWrite();
    await this.#writing;
  }

  /** Begins to write what is gathered, once the write before it has ended. */
  async #startWrite(): Promise<void> {
    await this.#writing;
    if (this.#end === 0) return;
    const block = this.#block;
    this.#writing = writeAll(this.#fd, block.bytes, 0, this.#end);
    this.#writing.catch(() => {}); // seen when it is awaited
    this.#block = this.#spare;
    this.#spare = block;
    this.#end = 0;
  }
}

/** Text to standard output. */
export function printText(text: string): Promise<void> {
  const bytes = encoder.encode(text);
  return writeAll(STDOUT, bytes, 0, bytes.length);
}

/** A sentence on a line of its own, as text or as a JSON object. */
export function lineText({ json }: { readonly json: boolean }, text: string): string {
  return json ? `${JSON.stringify({ text })}\n` : `${text}\n`;
}

/** Text to standard error, at once; a standard error that is closed is no reason to fail. */
export function printError(text: string): void {
  try {
    fs.writeSync(STDERR, text);
  } catch {
    // Nobody listens.
  }
}

async function writeAll(fd: number, bytes: Uint8Array, start: number, end: number): Promise<void> {
  for (let at = start; at < end;) at += await writeSome(fd, bytes, at, end);
}

function writeSome(fd: number, bytes: Uint8Array, start: number, end: number): Promise<number> {
  return new Promise((resolve, reject) => {
    fs.write(fd, bytes, start, end - start, null, (error, written) => {
      if (error === null || error === undefined) return resolve(written);
      if (isPipeClosed(error)) return reject(new PipeClosed("the reader of the pipe has gone"));
      if (mayRetry(error)) setTimeout(() => resolve(0), 1);
      else reject(error);
    });
  });
}

function isPipeClosed(error: Error): boolean {
  return (error as { code?: unknown }).code === "EPIPE" || error.name === "BrokenPipe";
}

/**
 * Whether nothing was written because somebody made the descriptor non-blocking and it is full.
 * Deno does not say how much it wrote before that, so a retry there could write bytes twice.
 */
function mayRetry(error: Error): boolean {
  return (error as { code?: unknown }).code === "EAGAIN" && !("Deno" in globalThis);
}

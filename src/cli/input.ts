/**
 * Reads a file or standard input in large chunks, one ahead of the caller.
 *
 *     block A  caller works on it      block B  being read
 *
 * Invariant: a chunk is valid until the next call of `read`; then its block is read into again.
 */

import fs from "node:fs";
import { type ByteBlock, heapBlock } from "../base/bytes.ts";
import { MiB } from "../base/units.ts";

const CHUNK_SIZE: number = 1 * MiB;
const STDIN = 0;

/** What cannot be read; says which input it is, in the same words on both runtimes. */
export class InputError extends Error {
  override name = "InputError";
  readonly hint: string = "Name a file that can be read, or pipe into standard input.";

  constructor(name: string, cause: unknown) {
    super(`cannot read ${name}: ${reasonOf(cause)}`, { cause });
  }
}

/** As both runtimes name it. */
function reasonOf(cause: unknown): string {
  const { code, message } = cause as { readonly code?: unknown; readonly message?: unknown };
  return typeof code === "string" ? code : String(message ?? cause);
}

export interface Chunk {
  readonly block: ByteBlock;
  /** 0 at the end of the input. */
  readonly size: number;
}

export class Input {
  /** For people. */
  readonly name: string;
  /** Bytes of a regular file; null for a pipe or a terminal. */
  readonly sizeBytes: number | null;
  readonly #fd: number;
  #spare: ByteBlock = heapBlock(CHUNK_SIZE);
  #reading: Promise<Chunk>;

  private constructor(fd: number, name: string) {
    this.#fd = fd;
    this.name = name;
    this.sizeBytes = regularSize(fd);
    this.#reading = readChunk(fd, heapBlock(CHUNK_SIZE));
    this.#reading.catch(() => {}); // seen when it is awaited
  }

  /** Opens a file, or standard input for undefined and "-". */
  static open(file: string | undefined): Input {
    if (file === undefined || file === "-") return new Input(STDIN, "standard input");
    try {
      return new Input(fs.openSync(file, "r"), file);
    } catch (error) {
      throw new InputError(file, error);
    }
  }

  /** The next chunk; the one before it is no longer valid. Throws InputError. */
  async read(): Promise<Chunk> {
    const chunk = await this.#reading.catch((error: unknown) => {
      throw new InputError(this.name, error);
    });
    if (chunk.size === 0) return chunk;
    const block = this.#spare;
    this.#spare = chunk.block;
    this.#reading = readChunk(this.#fd, block);
    this.#reading.catch(() => {});
    return chunk;
  }

  /** Whether the next chunk comes within `waitMs`. */
  async arrivesWithin(waitMs: number): Promise<boolean> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<false>((resolve) => {
      timer = setTimeout(() => resolve(false), waitMs);
    });
    const arrived = this.#reading.then(() => true as const, () => true as const);
    const first = await Promise.race([arrived, late]);
    clearTimeout(timer);
    return first;
  }

  close(): void {
    if (this.#fd !== STDIN) fs.closeSync(this.#fd);
  }
}

function regularSize(fd: number): number | null {
  try {
    const status = fs.fstatSync(fd);
    return status.isFile() ? status.size : null;
  } catch {
    return null;
  }
}

function readChunk(fd: number, block: ByteBlock): Promise<Chunk> {
  return new Promise((resolve, reject) => {
    fs.read(fd, block.bytes, 0, block.size, null, (error, size) => {
      if (error === null || error === undefined) return resolve({ block, size });
      if (isAgain(error)) setTimeout(() => resolve(readChunk(fd, block)), 1);
      else reject(error);
    });
  });
}

/** Somebody made the descriptor non-blocking, and nothing is there yet. */
function isAgain(error: Error): boolean {
  return (error as { code?: unknown }).code === "EAGAIN";
}

/**
 * What the contract suites share: the implementation under test, a directory of its own per test,
 * and short words for what every test does (open, put text, read text back).
 *
 * Invariant: descriptors opened through a world are closed when its test ends.
 */
import assert from "node:assert/strict";
import { AT_FDCWD, errnoName, O_CREAT, O_RDWR } from "../../ffi/constants.ts";
import type { Libc, Memory } from "../../ffi/libc.ts";
import { testOrSkip } from "../support/skip.ts";

/** A contract is registered once per implementation. */
export interface Implementation {
  readonly name: string;
  readonly makeLibc: () => Libc;
  /** A new, empty directory, as a path the implementation understands. */
  readonly temporaryDirectory: () => string;
  /** Tests it cannot pass, by name, each with the reason. */
  readonly exceptions: Readonly<Record<string, string>>;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export class World {
  readonly libc: Libc;
  readonly root: string;
  readonly #opened: number[] = [];

  constructor(implementation: Implementation) {
    this.libc = implementation.makeLibc();
    this.root = implementation.temporaryDirectory();
  }

  /** Keeps a descriptor for the end of the test. Fails where `fd` is an error. */
  own(fd: number): number {
    this.ok(fd);
    this.#opened.push(fd);
    return fd;
  }

  /** Closes before the end of the test. */
  close(fd: number): void {
    const i = this.#opened.indexOf(fd);
    assert.ok(i >= 0, "only an own descriptor is closed");
    this.#opened.splice(i, 1);
    this.is(this.libc.close(fd), 0);
  }

  /** Opens, and where needed creates, a file below the root. */
  file(name: string, flags: number = O_RDWR | O_CREAT): number {
    return this.own(this.libc.openat(AT_FDCWD, this.root + "/" + name, flags, 0o644));
  }

  directory(): number {
    return this.own(this.libc.openat(AT_FDCWD, this.root, 0, 0));
  }

  memory(text: string): Memory {
    const bytes = encoder.encode(text);
    const memory = this.libc.allocate(Math.max(bytes.length, 1));
    memory.bytes.set(bytes);
    return memory;
  }

  /** Writes `text` at `position`. */
  put(fd: number, text: string, position: number = 0): void {
    const memory = this.memory(text);
    this.is(this.libc.pwrite(fd, memory, 0, memory.size, position), memory.size);
  }

  /** Up to `size` bytes at `position`. */
  get(fd: number, size: number, position: number = 0): string {
    const memory = this.libc.allocate(size);
    const count = this.ok(this.libc.pread(fd, memory, 0, size, position));
    return text(memory, 0, count);
  }

  ok(result: number): number {
    if (result < 0) assert.fail("expected success, not -" + errnoName(result));
    return result;
  }

  is(result: number, expected: number): void {
    assert.equal(spell(result), spell(expected));
  }

  end(): void {
    for (const fd of this.#opened.splice(0)) this.libc.close(fd);
  }
}

/** A result below zero under its name: "-ENOENT" tells more than -2. */
function spell(result: number): string {
  return result < 0 ? "-" + errnoName(result) : String(result);
}

export function text(memory: Memory, start: number, size: number): string {
  return decoder.decode(memory.bytes.subarray(start, start + size));
}

/** One test of the contract, with a world that lasts as long as it. */
export type Contract = (name: string, run: (world: World) => void) => void;

export function contractOf(implementation: Implementation): Contract {
  return (name, run) => {
    const reason = implementation.exceptions[name] ?? null;
    testOrSkip(implementation.name + ": " + name, reason, () => {
      const world = new World(implementation);
      try {
        run(world);
      } finally {
        world.end();
      }
    });
  };
}

/**
 * A log as a consumer sees it: slices from the partition's reader, and the bytes behind them read
 * as the server sends them. One per process.
 */
import type { Memory } from "../../ffi/libc.ts";
import { emptySlice, type FileSlice } from "../../src/base/file_slice.ts";
import type { PartitionReader } from "../../src/log/read.ts";
import type { Partition } from "../../src/log/partition.ts";
import { EINTR } from "../../ffi/constants.ts";
import type { SimLibc } from "./sim_libc.ts";
import { violated } from "./violation.ts";

const BLOCK_SIZE = 65536;

export class LogView {
  readonly memory: Memory;
  /** Where the slice begins in its file. */
  position = 0;
  size = 0;
  readonly #libc: SimLibc;
  readonly #reader: PartitionReader;
  readonly #slice: FileSlice = emptySlice();

  constructor(libc: SimLibc, reader: PartitionReader) {
    this.#libc = libc;
    this.#reader = reader;
    this.memory = libc.allocate(BLOCK_SIZE);
  }

  get bytes(): Uint8Array {
    return this.memory.bytes;
  }

  get view(): DataView {
    return this.memory.view;
  }

  /** Reads from `offset` on; an error code, or 0 and then `size` bytes are in the block. */
  read(log: Partition, offset: number, maxBytes: number): number {
    this.#reader.guard(null); // it may wait for the disk
    const error = this.#reader.read(log, offset, Math.min(maxBytes, BLOCK_SIZE), this.#slice);
    this.size = 0;
    if (error === 0) this.take(this.#slice);
    return error;
  }

  /** Where the batch of `offset` begins, without its bytes; an error code below zero. */
  locate(log: Partition, offset: number): number {
    this.#reader.guard(null);
    const error = this.#reader.read(log, offset, 1, this.#slice);
    this.size = this.#slice.size;
    this.position = this.#slice.position;
    return error;
  }

  /** The bytes of a slice, as they would be sent. */
  take(slice: FileSlice): void {
    this.position = slice.position;
    this.size = slice.size;
    if (slice.size > BLOCK_SIZE) violated("C3", `a slice of ${slice.size} bytes`);
    let done = 0;
    while (done < slice.size) {
      const { fd } = slice.file!;
      const left = slice.size - done;
      const read = this.#libc.pread(fd, this.memory, done, left, slice.position + done);
      if (read === -EINTR) continue;
      if (read <= 0) violated("C1", `a slice of ${slice.size} bytes could not be read: ${read}`);
      done += read;
    }
  }
}

/**
 * What every group of calls shares: the structs of the port, errno and the addresses of ranges.
 * SystemLibc is built up in four files, MemoryCalls <- FileCalls <- SocketCalls <- SystemLibc,
 * each one group of the port, all written once over `Native`.
 *
 * Invariant: between a call that failed and `result` no other JavaScript runs.
 */

import { assert } from "./assert.ts";
import { assertRange, Block } from "./block.ts";
import { EventList } from "./epoll_events.ts";
import { Vector } from "./io_vector.ts";
import type {
  CacheStatus,
  EpollEvents,
  FileStatus,
  FileSystemStatus,
  IoVector,
  Memory,
} from "./libc.ts";
import type { Address, Native, Size } from "./native.ts";
import { emptyCacheStatus, emptyFileStatus, emptyFileSystemStatus } from "./status.ts";
import type { Symbols } from "./symbols.ts";

export abstract class MemoryCalls {
  protected readonly native: Native;
  protected readonly symbols: Symbols;

  constructor(native: Native) {
    this.native = native;
    this.symbols = native.symbols;
  }

  allocate(size: number): Memory {
    return new Block(this.native, size);
  }

  adopt(bytes: Uint8Array<ArrayBuffer>): Memory {
    return new Block(this.native, bytes.byteLength, bytes);
  }

  ioVector(capacity: number): IoVector {
    return new Vector(this.native, capacity);
  }

  epollEvents(capacity: number): EpollEvents {
    return new EventList(this.native, capacity);
  }

  fileStatus(): FileStatus {
    return emptyFileStatus();
  }

  fileSystemStatus(): FileSystemStatus {
    return emptyFileSystemStatus();
  }

  cacheStatus(): CacheStatus {
    return emptyCacheStatus();
  }

  /** Turns what C returned into a result of the port. */
  protected result(returned: number): number {
    return returned < 0 ? this.failed() : returned;
  }

  /** Kept out of `result` so that success inlines to a compare and a branch. */
  private failed(): number {
    const code = this.native.errno();
    assert(code > 0, "a call that failed has set errno");
    return -code;
  }

  /** The address of `start`, after the check that the whole range lies in `memory`. */
  protected range(memory: Memory, start: number, size: number): Address {
    assertRange(memory, start, size);
    return this.native.at(memory.address, start);
  }

  protected size(size: number): Size {
    return this.native.size(size);
  }
}

/**
 * What every group of simulated calls shares: the machine (disk, clock, network), the process's
 * descriptors, its faults, and the observer that sees every call. SimLibc is built up as the real
 * port is: SimCalls <- SimFileCalls <- SimNameCalls <- SimSocketCalls <- SimLibc.
 */
import { assertInt } from "../../ffi/assert.ts";
import type {
  CacheStatus,
  EpollEvents,
  FileStatus,
  FileSystemStatus,
  IoVector,
  Memory,
} from "../../ffi/libc.ts";
import { emptyCacheStatus, emptyFileStatus, emptyFileSystemStatus } from "../../ffi/status.ts";
import { SimPrng } from "./prng.ts";
import { SimClock } from "./sim_clock.ts";
import { type Descriptor, DescriptorTable } from "./sim_descriptors.ts";
import { type DiskOptions, SimDisk } from "./sim_disk.ts";
import { LARGE_SIZE, type LargeBlocks, SimEvents, SimMemory, SimVector } from "./sim_memory.ts";
import { SimNetwork } from "./sim_network.ts";

/** Sees every call after it was made. */
export interface CallObserver {
  /** `text` is a path or an address, else "". */
  onCall(name: string, a: number, b: number, c: number, text: string, result: number): void;
  /** The bytes that the call reported next has moved. */
  onBytes?(bytes: Uint8Array, start: number, size: number): void;
}

/** Rates per 1,000 calls; all 0 unless a world draws them. */
export interface CallFaults {
  shortRead: number;
  shortWrite: number;
  /** EINTR of reads, writes and waits. */
  interrupted: number;
  readError: number;
  writeError: number;
  /** ENOSPC although there is room. */
  writeFull: number;
  /** recv and send that move a part. */
  shortSocket: number;
}

/** Calls that this system does not have, or does not let the process make. */
export interface RefusedCalls {
  /** What every cachestat answers; 0: it is there. */
  cachestat: number;
  /** Reads that may not wait: EOPNOTSUPP. */
  nowait: boolean;
}

export interface SimOptions {
  readonly seed?: number;
  /** Where all chance of this machine is forked from, instead of a seed. */
  readonly prng?: SimPrng;
  /** A disk, clock or network to share with another process. */
  readonly disk?: SimDisk;
  readonly diskOptions?: DiskOptions;
  readonly clock?: SimClock;
  readonly network?: SimNetwork;
  readonly faults?: Partial<CallFaults>;
  readonly refused?: RefusedCalls;
  /**
   * What epollWait does when nothing is ready: "advance" completes an AIO request, or else moves
   * the clocks by the timeout; "return" gives 0 at once, for worlds that step several actors.
   */
  readonly idle?: "advance" | "return";
  /** Percent chance that a pending AIO request completes at a reap or a wait. */
  readonly aioPercent?: number;
  readonly descriptorsMax?: number;
  /** Where large blocks of an ended process wait for the next one; without it each is new. */
  readonly largeBlocks?: LargeBlocks;
}

export abstract class SimCalls {
  readonly disk: SimDisk;
  readonly clock: SimClock;
  readonly network: SimNetwork;
  readonly prng: SimPrng;
  readonly faults: CallFaults;
  readonly refused: RefusedCalls;
  observer: CallObserver | null = null;
  readonly descriptors: DescriptorTable;
  protected readonly faultPrng: SimPrng;
  readonly #largeBlocks: LargeBlocks | null;
  readonly #large: SimMemory[] = [];

  constructor(options: SimOptions) {
    this.prng = options.prng ?? new SimPrng(options.seed ?? 1);
    this.faultPrng = this.prng.fork("faults");
    this.disk = options.disk ?? new SimDisk(this.prng, options.diskOptions);
    this.clock = options.clock ?? new SimClock();
    this.network = options.network ?? new SimNetwork();
    this.#largeBlocks = options.largeBlocks ?? null;
    this.descriptors = new DescriptorTable(options.descriptorsMax ?? 4096);
    this.refused = options.refused ?? { cachestat: 0, nowait: false };
    this.faults = {
      shortRead: 0,
      shortWrite: 0,
      interrupted: 0,
      readError: 0,
      writeError: 0,
      writeFull: 0,
      shortSocket: 0,
      ...options.faults,
    };
  }

  allocate(size: number): Memory {
    if (size < LARGE_SIZE || this.#largeBlocks === null) return new SimMemory(size);
    const block = this.#largeBlocks.take(size) ?? new SimMemory(size);
    this.#large.push(block);
    return block;
  }

  adopt(bytes: Uint8Array<ArrayBuffer>): Memory {
    return new SimMemory(bytes.byteLength, bytes);
  }

  ioVector(capacity: number): IoVector {
    return new SimVector(capacity);
  }

  epollEvents(capacity: number): EpollEvents {
    return new SimEvents(capacity);
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

  find(fd: number): Descriptor | null {
    assertInt(fd);
    return this.descriptors.get(fd);
  }

  /** Every call ends here. */
  done(name: string, a: number, b: number, c: number, text: string, result: number): number {
    if (this.observer !== null) this.observer.onCall(name, a, b, c, text, result);
    return result;
  }

  /** The process ended: nobody uses its memory any more. */
  protected releaseMemory(): void {
    for (const block of this.#large.splice(0)) this.#largeBlocks!.giveBack(block);
  }

  protected moved(bytes: Uint8Array, start: number, size: number): void {
    if (size > 0 && this.observer?.onBytes !== undefined) {
      this.observer.onBytes(bytes, start, size);
    }
  }
}

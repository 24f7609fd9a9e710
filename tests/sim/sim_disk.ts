/**
 * SimDisk: a POSIX file system in memory that forgets what was not synced. It outlives the
 * processes that use it (sim_libc.ts); a power cut is here, a kill is theirs.
 *
 *     write, rename …      what every process sees at once
 *     sync*, background    what a power cut leaves
 *     powerCut             what is left is all there is, and nothing is cached
 *
 * Invariant: what a successful sync covered survives every power cut, and no byte is ever seen that
 * was not written there (a zero aside, where nothing was, and rot, where it is asked for).
 */
import { EIO, S_IFDIR, S_IFLNK, S_IFREG } from "../../ffi/constants.ts";
import type { SimPrng } from "./prng.ts";
import { type PageFate, SimFile } from "./sim_file.ts";
import { chill, cutPower, failSync, writeBackSome } from "./sim_file_fate.ts";
import { SimLink, type SimNode, SimSocketNode } from "./sim_node.ts";
import { Journal, type MetadataOrder, SimDirectory } from "./sim_tree.ts";

/** Rates per 1,000; all 0 unless a world draws them. */
export interface DiskFaults {
  /** Syncs that fail once: EIO, pages clean, some lost. */
  syncFailure: number;
  /** Pages that background writeback loses; the next sync reports it. */
  writebackFailure: number;
  /** Percent of the pages that a failed sync loses. */
  dropPercent: number;
  /** Power cuts and background steps that flip one durable bit. */
  bitRot: number;
}

export interface DiskOptions {
  readonly pageSize?: number;
  /** In bytes; what does not fit is ENOSPC. */
  readonly capacity?: number;
  readonly metadata?: MetadataOrder;
  readonly faults?: Partial<DiskFaults>;
}

/** A process whose descriptors go when the machine stops. */
export interface Process {
  die(): void;
}

export class SimDisk {
  readonly root: SimDirectory;
  readonly journal: Journal;
  readonly pageSize: number;
  readonly faults: DiskFaults;
  readonly processes: Process[] = [];
  capacity: number;
  usedPages = 0;
  /** Of the whole file system, for syncfs. */
  errorCount = 0;
  readonly #prng: SimPrng;
  #touched: SimFile[] = [];
  #inodes = 1;
  #failingSyncs = 0;

  constructor(prng: SimPrng, options: DiskOptions = {}) {
    this.#prng = prng.fork("disk");
    this.pageSize = options.pageSize ?? 512;
    this.capacity = options.capacity ?? Infinity;
    this.journal = new Journal(options.metadata ?? "unordered");
    this.faults = {
      syncFailure: 0,
      writebackFailure: 0,
      dropPercent: 50,
      bitRot: 0,
      ...options.faults,
    };
    this.root = new SimDirectory(this.#nextInode(), S_IFDIR | 0o755, null);
  }

  get usedBytes(): number {
    return this.usedPages * this.pageSize;
  }

  get freePages(): number {
    return Math.max(0, Math.floor(this.capacity / this.pageSize) - this.usedPages);
  }

  newFile(mode: number): SimFile {
    return new SimFile(this.#nextInode(), S_IFREG | mode, this.pageSize);
  }

  newDirectory(mode: number, parent: SimDirectory): SimDirectory {
    return new SimDirectory(this.#nextInode(), S_IFDIR | mode, parent);
  }

  newSocketNode(mode: number): SimSocketNode {
    return new SimSocketNode(this.#nextInode(), mode);
  }

  newLink(target: string): SimLink {
    return new SimLink(this.#nextInode(), S_IFLNK | 0o777, target);
  }

  /** Call it before a file changes: a power cut looks at what was touched. */
  touch(file: SimFile): void {
    if (file.touched) return;
    file.touched = true;
    this.#touched.push(file);
  }

  /** A node that has no name and no descriptor any more gives its room back. */
  release(node: SimNode): void {
    if (node.linked || node.openCount > 0 || !(node instanceof SimFile)) return;
    this.usedPages -= node.pages;
  }

  /** The next `count` syncs that have something to write fail. */
  failNextSyncs(count: number = 1): void {
    this.#failingSyncs = count;
  }

  mend(): void {
    this.capacity = Infinity;
    this.#failingSyncs = 0;
    Object.assign(this.faults, { syncFailure: 0, writebackFailure: 0 });
  }

  /**
   * One sync of a node. A failure is remembered in the node, and the descriptors report it; the
   * result says only whether this very sync failed.
   */
  sync(node: SimNode): number {
    if (node instanceof SimFile) return this.#syncFile(node);
    if (!(node instanceof SimDirectory)) return 0;
    if (this.journal.isPending(node) && this.#fails()) return this.#failed(node);
    this.journal.syncDirectory(node);
    return 0;
  }

  syncEverything(): number {
    let result = 0;
    for (const file of this.#touched) result = Math.min(result, this.#syncFile(file));
    this.journal.syncAll();
    return result;
  }

  /** Time passes: any part of what is not durable becomes it, in any order. */
  background(percent: number = 30): void {
    const prng = this.#prng;
    for (const file of this.#touched) {
      const errors = file.errorCount;
      if (file.hasUnsynced) writeBackSome(file, prng, percent, this.faults.writebackFailure);
      if (file.errorCount > errors) this.errorCount += 1;
      if (!file.errorSeen && file.openCount === 0 && prng.chance(20)) file.errorSeen = true;
    }
    this.#touched = this.#touched.filter((file) => {
      file.touched = file.hasUnsynced || file.hasStale;
      return file.touched;
    });
    this.journal.background(prng, percent);
    if (prng.permille(this.faults.bitRot)) this.rot();
  }

  /** Memory is short: some clean pages leave the cache. */
  pressMemory(count: number = 4): void {
    for (let i = 0; i < count && this.#touched.length > 0; i += 1) {
      this.#prng.pick(this.#touched).dropOne(this.#prng);
    }
  }

  /** Memory is wanted for something else: every clean page leaves the cache. */
  dropCaches(): void {
    this.#walk(this.root, (file) => file.dropClean(0, Infinity));
  }

  /** The machine stops. Every process on it ends, and the disk holds what it holds. */
  powerCut(): void {
    for (const process of this.processes) process.die();
    const prng = this.#prng;
    const oneFate = prng.chance(50);
    let fate = drawFate(prng);
    for (const file of this.#touched) {
      file.touched = false;
      if (!file.hasUnsynced && !file.hasStale) continue;
      if (!oneFate) fate = drawFate(prng);
      cutPower(file, prng, fate);
    }
    this.#touched = [];
    this.journal.cutPower(prng, prng.pick([0, 30, 50, 70, 100]));
    this.usedPages = 0;
    this.#walk(this.root, (file) => {
      chill(file);
      file.errorSeen = true;
      this.usedPages += file.pages;
    });
    if (prng.permille(this.faults.bitRot)) this.rot();
  }

  /** Flips one durable bit of some file that has one. */
  rot(): boolean {
    const files: SimFile[] = [];
    this.#walk(this.root, (file) => files.push(file));
    if (files.length === 0) return false;
    const file = this.#prng.pick(files);
    this.touch(file);
    return file.rot(this.#prng);
  }

  #syncFile(file: SimFile): number {
    if (file.hasUnsynced) {
      if (this.#fails()) {
        failSync(file, this.#prng, this.faults.dropPercent);
        return this.#failed(file);
      }
      file.syncAll();
    }
    this.journal.syncFile();
    return 0;
  }

  #fails(): boolean {
    if (this.#failingSyncs > 0) {
      this.#failingSyncs -= 1;
      return true;
    }
    return this.#prng.permille(this.faults.syncFailure);
  }

  #failed(node: SimNode): number {
    node.recordError();
    this.errorCount += 1;
    return -EIO;
  }

  #walk(directory: SimDirectory, visit: (file: SimFile) => void): void {
    for (const node of directory.entries.values()) {
      if (node instanceof SimDirectory) this.#walk(node, visit);
      else if (node instanceof SimFile) visit(node);
    }
  }

  #nextInode(): number {
    return this.#inodes++;
  }
}

function drawFate(prng: SimPrng): PageFate {
  return { keep: prng.pick([0, 10, 50, 90, 100]), tear: prng.pick([0, 10, 40]) };
}

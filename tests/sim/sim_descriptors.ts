/**
 * Descriptors of a simulated process. The port has no dup, so a descriptor is its own open file
 * description: offset, flags, lock and the errors it has yet to report.
 *
 * Invariant: a number is given out lowest first, as POSIX demands, and 0, 1 and 2 are taken.
 */
import { EAGAIN, EFD_NONBLOCK, EFD_SEMAPHORE, EINVAL, EMFILE } from "../../ffi/constants.ts";
import { EPOLLIN, EPOLLOUT } from "../../ffi/constants.ts";
import type { SimDisk } from "./sim_disk.ts";
import type { Epoll } from "./sim_epoll.ts";
import type { SimNode } from "./sim_node.ts";

/** A call that would wait for ever: nothing in this world can end the wait. */
export class SimDeadlock extends Error {
  override name = "SimDeadlock";
}

export abstract class Descriptor {
  fd = -1;
  /** Grows whenever something happens that an edge-triggered watcher has to hear of. */
  activity = 0;
  /** The epolls it is registered with. */
  readonly watchedBy: Epoll[] = [];

  /** EPOLL* flags that hold now, or -1 where the descriptor cannot be polled. */
  abstract ready(): number;

  /** read(2) and write(2) of what is no file. */
  read(_into: Uint8Array, _start: number, _size: number): number {
    return -EINVAL;
  }

  write(_from: Uint8Array, _start: number, _size: number): number {
    return -EINVAL;
  }

  close(): void {
    if (this.watchedBy.length === 0) return;
    for (const epoll of this.watchedBy.splice(0)) epoll.forget(this);
  }
}

export class OpenFile extends Descriptor {
  readonly node: SimNode;
  readonly flags: number;
  offset = 0;
  /** How many of the node's and the disk's errors this descriptor need not report any more. */
  errorsSeen: number;
  diskErrorsSeen: number;
  readonly #disk: SimDisk;

  constructor(disk: SimDisk, node: SimNode, flags: number) {
    super();
    this.#disk = disk;
    this.node = node;
    this.flags = flags;
    this.errorsSeen = node.sampleError();
    this.diskErrorsSeen = disk.errorCount;
    node.openCount += 1;
  }

  get isReadable(): boolean {
    return (this.flags & 3) !== 1;
  }

  get isWritable(): boolean {
    return (this.flags & 3) !== 0;
  }

  override ready(): number {
    return -1;
  }

  override close(): void {
    super.close();
    this.node.unlock(this);
    this.node.openCount -= 1;
    this.#disk.release(this.node);
  }
}

export class EventFd extends Descriptor {
  count: number;
  readonly #flags: number;

  constructor(initial: number, flags: number) {
    super();
    this.count = initial;
    this.#flags = flags;
  }

  add(count: number): void {
    this.count += count;
    this.activity += 1;
  }

  override ready(): number {
    return (this.count > 0 ? EPOLLIN : 0) | EPOLLOUT;
  }

  override read(into: Uint8Array, start: number, size: number): number {
    if (size < 8) return -EINVAL;
    if (this.count === 0) {
      if ((this.#flags & EFD_NONBLOCK) !== 0) return -EAGAIN;
      throw new SimDeadlock("read of an empty eventfd that blocks");
    }
    const taken = (this.#flags & EFD_SEMAPHORE) !== 0 ? 1 : this.count;
    this.count -= taken;
    const view = new DataView(into.buffer, into.byteOffset + start, 8);
    view.setUint32(0, taken >>> 0, true);
    view.setUint32(4, Math.floor(taken / 2 ** 32), true);
    return 8;
  }

  override write(from: Uint8Array, start: number, size: number): number {
    if (size < 8) return -EINVAL;
    const view = new DataView(from.buffer, from.byteOffset + start, 8);
    this.add(view.getUint32(0, true) + view.getUint32(4, true) * 2 ** 32);
    return 8;
  }
}

const FIRST = 3;

export class DescriptorTable {
  readonly capacity: number;
  #open = 0;
  readonly #slots: (Descriptor | null)[] = [];

  constructor(capacity: number) {
    this.capacity = capacity;
  }

  get openCount(): number {
    return this.#open;
  }

  get(fd: number): Descriptor | null {
    return this.#slots[fd - FIRST] ?? null;
  }

  /** Whether one more can be added. */
  get hasRoom(): boolean {
    return this.#open < this.capacity;
  }

  /** Returns the number it got, or -EMFILE. */
  add(descriptor: Descriptor): number {
    if (!this.hasRoom) {
      descriptor.close();
      return -EMFILE;
    }
    let slot = 0;
    while (slot < this.#slots.length && this.#slots[slot] !== null) slot += 1;
    this.#slots[slot] = descriptor;
    this.#open += 1;
    descriptor.fd = slot + FIRST;
    return descriptor.fd;
  }

  /** False where nothing is open under this number. */
  close(fd: number): boolean {
    const descriptor = this.get(fd);
    if (descriptor === null) return false;
    this.#slots[fd - FIRST] = null;
    this.#open -= 1;
    descriptor.close();
    return true;
  }

  closeAll(): void {
    for (let slot = 0; slot < this.#slots.length; slot += 1) this.close(slot + FIRST);
    this.#slots.length = 0;
  }

  /** The open ones, by number: for tests that look for leaks. */
  list(): Descriptor[] {
    return this.#slots.filter((descriptor) => descriptor !== null);
  }
}

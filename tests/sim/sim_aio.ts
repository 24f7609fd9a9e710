/**
 * Linux AIO of a simulated process: syncs whose effect and whose completion come when chance says.
 *
 *     submit -> pending -> (effect: the sync) -> completed, eventfd counted -> reaped
 *
 * Half of the syncs take effect when they are submitted and cover nothing that is written later;
 * the others take effect when they complete, and a crash before that finds nothing done. Both are
 * what the kernel may do.
 *
 * Invariant: a request completes once, with the result of a sync that began after its submission.
 */
import { assert, assertInt } from "../../ffi/assert.ts";
import { EAGAIN, EBADF, EINVAL, IOCB_CMD_FDSYNC, IOCB_CMD_FSYNC } from "../../ffi/constants.ts";
import type { Aio } from "../../ffi/libc.ts";
import { type Descriptor, type EventFd, OpenFile } from "./sim_descriptors.ts";
import type { SimPrng } from "./prng.ts";

/** What an AIO context needs of its process. */
export interface AioHost {
  readonly aioPrng: SimPrng;
  find(fd: number): Descriptor | null;
  syncFile(file: OpenFile): number;
  /** Pending requests have their chance to complete. */
  letAioProgress(): void;
  done(name: string, a: number, b: number, c: number, text: string, result: number): number;
}

interface Request {
  readonly file: OpenFile;
  readonly tag: number;
  isDone: boolean;
  result: number;
}

export class SimAio implements Aio {
  readonly capacity: number;
  readonly #host: AioHost;
  readonly #eventFd: EventFd;
  readonly #fds: Int32Array;
  readonly #tags: Uint32Array;
  #pending: Request[] = [];
  #completed: Request[] = [];
  #reaped: Request[] = [];
  #isOpen = true;

  constructor(host: AioHost, capacity: number, eventFd: EventFd) {
    assertInt(capacity);
    assert(capacity >= 1 && capacity <= 65_536, "an AIO context holds 1 to 65,536 requests");
    this.capacity = capacity;
    this.#host = host;
    this.#eventFd = eventFd;
    this.#fds = new Int32Array(capacity).fill(-1);
    this.#tags = new Uint32Array(capacity);
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  get pendingCount(): number {
    return this.#pending.length;
  }

  prepare(i: number, opcode: number, fd: number, tag: number): void {
    assertIndex(i, this.capacity);
    assertInt(fd);
    assertInt(tag);
    assert(opcode === IOCB_CMD_FDSYNC || opcode === IOCB_CMD_FSYNC, "a request is a sync");
    this.#fds[i] = fd;
    this.#tags[i] = tag;
  }

  submit(count: number): number {
    assert(this.#isOpen, "the AIO context is open");
    assertIndex(count, this.capacity + 1);
    let taken = 0;
    let refused = 0;
    while (taken < count && refused === 0) {
      refused = this.#submitOne(taken);
      if (refused === 0) taken += 1;
    }
    return this.#host.done("aio.submit", count, 0, 0, "", taken > 0 ? taken : refused);
  }

  reap(): number {
    assert(this.#isOpen, "the AIO context is open");
    this.#host.letAioProgress();
    this.#reaped = this.#completed.splice(0, this.capacity);
    for (const { tag, result } of this.#reaped) {
      this.#host.done("aio.completion", tag, 0, 0, "", result);
    }
    return this.#host.done("aio.reap", 0, 0, 0, "", this.#reaped.length);
  }

  tag(i: number): number {
    assertIndex(i, this.#reaped.length);
    return this.#reaped[i]!.tag;
  }

  result(i: number): number {
    assertIndex(i, this.#reaped.length);
    return this.#reaped[i]!.result;
  }

  close(): number {
    const wasOpen = this.#isOpen;
    while (this.#pending.length > 0) this.completeOne();
    this.#isOpen = false;
    this.#reaped = [];
    return this.#host.done("aio.close", 0, 0, 0, "", wasOpen ? 0 : -EINVAL);
  }

  /** One pending request, any of them, comes to its end. */
  completeOne(): void {
    const i = this.#host.aioPrng.below(this.#pending.length);
    const [request] = this.#pending.splice(i, 1);
    this.#perform(request!);
    this.#completed.push(request!);
    this.#eventFd.add(1);
  }

  /** The process was killed: what was in flight may still be done. */
  abandon(): void {
    for (const request of this.#pending) {
      if (this.#host.aioPrng.chance(50)) this.#perform(request);
    }
    this.#pending = [];
    this.#isOpen = false;
  }

  #submitOne(i: number): number {
    const file = this.#host.find(this.#fds[i]!);
    if (file === null) return -EBADF;
    if (!(file instanceof OpenFile)) return -EINVAL;
    if (this.#pending.length + this.#completed.length >= this.capacity) return -EAGAIN;
    const request: Request = { file, tag: this.#tags[i]!, isDone: false, result: 0 };
    if (this.#host.aioPrng.chance(50)) this.#perform(request);
    this.#pending.push(request);
    return 0;
  }

  #perform(request: Request): void {
    if (request.isDone) return;
    request.isDone = true;
    request.result = this.#host.syncFile(request.file);
  }
}

function assertIndex(i: number, end: number): void {
  assert((i | 0) === i, "an index is an integer");
  assert(i >= 0, "an index is not negative");
  assert(i < end, "an index is below the end");
}

/**
 * AioContext: one Linux AIO context for syncs, with its requests made once.
 *
 *   #requests   | iocb 0 | iocb 1 | …          64 bytes each, filled by prepare
 *   #pointers   | &iocb 0 | &iocb 1 | …        written once; io_submit reads [0, count)
 *   #events     | io_event 0 | …               written by io_getevents
 *
 * Invariant: the kernel copies an iocb when it is submitted, so a request may be prepared anew
 * while an earlier one with the same index is still in flight.
 */

import { assert, assertInt } from "./assert.ts";
import { Block, readU64, writeU64 } from "./block.ts";
import {
  IOCB_CMD_FDSYNC,
  IOCB_CMD_FSYNC,
  IOCB_FLAG_RESFD,
  SYS_IO_DESTROY,
  SYS_IO_GETEVENTS,
  SYS_IO_SETUP,
  SYS_IO_SUBMIT,
} from "./constants.ts";
import { IO_EVENT, IOCB } from "./layouts.ts";
import type { Aio } from "./libc.ts";
import type { Native, Position, Size } from "./native.ts";

const EVENT_WORDS = IO_EVENT.size / 4;
const EVENT_TAG = IO_EVENT.at.data / 4;
const EVENT_RESULT = IO_EVENT.at.result / 4;

/** More are refused by the kernel long before, by fs.aio-max-nr. */
const CAPACITY_MAX = 65_536;

/** -errno where the kernel refuses a context. */
export function openAioContext(native: Native, capacity: number, eventFd: number): Aio | number {
  assertInt(capacity);
  assert(capacity >= 1, "an AIO context holds at least one request");
  assert(capacity <= CAPACITY_MAX, "an AIO context holds at most 65,536 requests");
  assertInt(eventFd);
  const handle = new Block(native, 8);
  const result = native.symbols.io_setup(native.size(SYS_IO_SETUP), capacity, handle.address);
  if (result < 0) return -native.errno();
  return new AioContext(native, capacity, eventFd, readU64(handle, 0));
}

class AioContext implements Aio {
  readonly capacity: number;
  readonly #native: Native;
  readonly #context: Position;
  readonly #requests: Block;
  readonly #pointers: Block;
  readonly #events: Block;
  readonly #submitNumber: Size;
  readonly #reapNumber: Size;
  readonly #atLeast: Size;
  readonly #atMost: Size;
  #reaped = 0;
  #open = true;

  constructor(native: Native, capacity: number, eventFd: number, context: number) {
    this.capacity = capacity;
    this.#native = native;
    this.#context = native.position(context);
    this.#requests = new Block(native, capacity * IOCB.size);
    this.#pointers = new Block(native, capacity * 8);
    this.#events = new Block(native, capacity * IO_EVENT.size);
    this.#submitNumber = native.size(SYS_IO_SUBMIT);
    this.#reapNumber = native.size(SYS_IO_GETEVENTS);
    this.#atLeast = native.size(0);
    this.#atMost = native.size(capacity);
    for (let i = 0; i < capacity; i++) {
      const start = i * IOCB.size;
      writeU64(this.#pointers, i * 8, this.#requests.location + start);
      this.#requests.view.setUint32(start + IOCB.at.flags, IOCB_FLAG_RESFD, true);
      this.#requests.view.setInt32(start + IOCB.at.resultFd, eventFd, true);
    }
  }

  prepare(i: number, opcode: number, fd: number, tag: number): void {
    assertIndex(i, this.capacity);
    assertInt(fd);
    assertInt(tag);
    assert(opcode === IOCB_CMD_FDSYNC || opcode === IOCB_CMD_FSYNC, "a request is a sync");
    const view = this.#requests.view;
    const start = i * IOCB.size;
    view.setUint32(start + IOCB.at.data, tag, true);
    view.setUint16(start + IOCB.at.opcode, opcode, true);
    view.setInt32(start + IOCB.at.fd, fd, true);
  }

  submit(count: number): number {
    assert(this.#open, "the AIO context is open");
    assertIndex(count, this.capacity + 1);
    const native = this.#native;
    const result = native.symbols.io_submit(
      this.#submitNumber,
      this.#context,
      native.size(count),
      this.#pointers.address,
    );
    return result < 0 ? -native.errno() : result;
  }

  reap(): number {
    assert(this.#open, "the AIO context is open");
    const native = this.#native;
    this.#reaped = 0;
    const result = native.symbols.io_getevents(
      this.#reapNumber,
      this.#context,
      this.#atLeast,
      this.#atMost,
      this.#events.address,
      native.none,
    );
    if (result < 0) return -native.errno();
    this.#reaped = result;
    return result;
  }

  tag(i: number): number {
    assertIndex(i, this.#reaped);
    return this.#events.words[i * EVENT_WORDS + EVENT_TAG]! >>> 0;
  }

  /** The result is a long, but of a sync only 0 or -errno: its low word says all. */
  result(i: number): number {
    assertIndex(i, this.#reaped);
    return this.#events.words[i * EVENT_WORDS + EVENT_RESULT]!;
  }

  /** Waits for what is in flight. -EINVAL when closed before. */
  close(): number {
    const native = this.#native;
    this.#open = false;
    this.#reaped = 0;
    const result = native.symbols.io_destroy(native.size(SYS_IO_DESTROY), this.#context);
    return result < 0 ? -native.errno() : result;
  }
}

function assertIndex(i: number, end: number): void {
  assert((i | 0) === i, "an index is an integer");
  assert(i >= 0, "an index is not negative");
  assert(i < end, "an index is below the end");
}

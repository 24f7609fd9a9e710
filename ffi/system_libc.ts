/**
 * SystemLibc: the port over the real libc. Readiness and the process are here, the rest in the
 * classes it is built on. An adapter makes one, with what its runtime does differently.
 *
 * Invariant: one instance per thread. Scratch structs are shared by its calls, which never nest.
 */

import { assert, assertInt } from "./assert.ts";
import { openAioContext } from "./aio.ts";
import { Block, readU64 } from "./block.ts";
import {
  CLOCK_MONOTONIC,
  CLOCK_REALTIME,
  EFD_CLOEXEC,
  EPOLL_CLOEXEC,
  SIG_IGN,
} from "./constants.ts";
import { assertEvents, EventList } from "./epoll_events.ts";
import { TIMESPEC } from "./layouts.ts";
import type { Aio, EpollEvents, Libc, Memory } from "./libc.ts";
import type { Native } from "./native.ts";
import { SocketCalls } from "./socket_calls.ts";

export class SystemLibc extends SocketCalls implements Libc {
  readonly #event: EventList;
  readonly #time: Block;

  constructor(native: Native) {
    super(native);
    this.#event = new EventList(native, 1);
    this.#time = new Block(native, TIMESPEC.size);
  }

  epollCreate(flags: number): number {
    assertInt(flags);
    return this.result(this.symbols.epoll_create1(flags | EPOLL_CLOEXEC));
  }

  epollCtl(
    epoll: number,
    operation: number,
    fd: number,
    events: number,
    slot: number,
    generation: number,
  ): number {
    assertInt(epoll);
    assertInt(operation);
    assertInt(fd);
    assertInt(events);
    assertInt(slot);
    assertInt(generation);
    this.#event.set(events, slot, generation);
    return this.result(
      this.symbols.epoll_ctl(epoll, operation, fd, this.#event.block.address),
    );
  }

  epollWait(epoll: number, into: EpollEvents, timeoutMs: number): number {
    assertInt(epoll);
    assertInt(timeoutMs);
    assertEvents(into);
    into.count = 0;
    const result = this.result(
      this.symbols.epoll_wait(epoll, into.block.address, into.capacity, timeoutMs),
    );
    if (result > 0) into.count = result;
    return result;
  }

  eventfd(initial: number, flags: number): number {
    assertInt(initial);
    assertInt(flags);
    return this.result(this.symbols.eventfd(initial, flags | EFD_CLOEXEC));
  }

  openAio(capacity: number, eventFd: number): Aio | number {
    return openAioContext(this.native, capacity, eventFd);
  }

  monotonicMs(): number {
    this.#readClock(CLOCK_MONOTONIC);
    const nanoseconds = this.#time.view.getUint32(TIMESPEC.at.nanoseconds, true);
    return readU64(this.#time, TIMESPEC.at.seconds) * 1000 + nanoseconds / 1e6;
  }

  wallMs(): number {
    this.#readClock(CLOCK_REALTIME);
    const nanoseconds = this.#time.view.getUint32(TIMESPEC.at.nanoseconds, true);
    return readU64(this.#time, TIMESPEC.at.seconds) * 1000 + Math.floor(nanoseconds / 1e6);
  }

  getrandom(into: Memory, start: number, size: number): number {
    const address = this.range(into, start, size);
    return this.result(this.symbols.getrandom(address, this.size(size), 0));
  }

  /** SIG_ERR is the one result below zero that is an error: others are half of an address. */
  ignoreSignal(signal: number): number {
    assertInt(signal);
    const returned = this.symbols.signal(signal, this.size(SIG_IGN));
    return returned === -1 ? this.result(returned) : 0;
  }

  addNice(by: number): void {
    assertInt(by);
    this.symbols.nice(by); // -1 may be an error or the new value
  }

  exit(code: number): never {
    assertInt(code);
    this.symbols._exit(code);
    throw new Error("ffi: _exit returned");
  }

  #readClock(clock: number): void {
    const returned = this.symbols.clock_gettime(clock, this.#time.address);
    assert(returned === 0, "the clocks of the port exist");
  }
}

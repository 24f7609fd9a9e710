/**
 * Readiness of descriptors: the only file that knows epoll, so that another system is one file.
 * Hot.
 *
 * Every descriptor is registered with a slot and a generation, which come back with its events. A
 * slot is used again for another connection; its generation is not, so an event that was on its
 * way when the slot changed hands is recognised and dropped.
 *
 * Level-triggered: what is left unread is reported again.
 */

import {
  EINTR,
  EPOLL_CTL_ADD,
  EPOLL_CTL_DEL,
  EPOLL_CTL_MOD,
  EPOLLERR,
  EPOLLHUP,
  EPOLLIN,
  EPOLLOUT,
  errnoName,
} from "../../ffi/constants.ts";
import type { EpollEvents, Libc } from "../../ffi/libc.ts";
import { assert } from "../base/assert.ts";
import { READY_EVENTS_MAX } from "../limits.ts";

/** The loop's own descriptors are not to be had: too many are open. */
export class PollerError extends Error {
  override name = "PollerError";
}

export class Poller {
  readonly events: EpollEvents;
  readonly #libc: Libc;
  readonly #epoll: number;

  constructor(libc: Libc) {
    this.#libc = libc;
    this.events = libc.epollEvents(READY_EVENTS_MAX);
    this.#epoll = must(libc.epollCreate(0), "an epoll descriptor");
  }

  /** Reports `fd` when it can be read. Returns 0 or -errno. */
  add(fd: number, slot: number, generation: number): number {
    return this.#libc.epollCtl(this.#epoll, EPOLL_CTL_ADD, fd, EPOLLIN, slot, generation);
  }

  /** Reports a descriptor of the loop's own. Throws PollerError. */
  addOwn(fd: number, slot: number): void {
    must(this.add(fd, slot, 0), "the poll set");
  }

  change(fd: number, slot: number, generation: number, read: boolean, write: boolean): void {
    const events = (read ? EPOLLIN : 0) | (write ? EPOLLOUT : 0);
    const result = this.#libc.epollCtl(this.#epoll, EPOLL_CTL_MOD, fd, events, slot, generation);
    assert(result === 0, "a registered descriptor");
  }

  remove(fd: number): void {
    this.#libc.epollCtl(this.#epoll, EPOLL_CTL_DEL, fd, 0, 0, 0);
  }

  /** Waits at most `timeoutMs` (rounded up). Returns how many `events` there are. */
  wait(timeoutMs: number): number {
    const ready = this.#libc.epollWait(this.#epoll, this.events, Math.ceil(timeoutMs));
    if (ready === -EINTR) return 0;
    assert(ready >= 0, "epoll_wait on our own descriptor");
    return ready;
  }

  readable(event: number): boolean {
    return (this.events.flags(event) & (EPOLLIN | EPOLLHUP | EPOLLERR)) !== 0;
  }

  /** The peer has ended both directions: reported whatever was asked for, until it is closed. */
  isGone(event: number): boolean {
    return (this.events.flags(event) & (EPOLLHUP | EPOLLERR)) !== 0;
  }

  writable(event: number): boolean {
    return (this.events.flags(event) & EPOLLOUT) !== 0;
  }

  close(): void {
    this.#libc.close(this.#epoll);
  }
}

/** An eventfd: something a thread or the kernel raises to end this loop's wait. */
export class Wake {
  readonly fd: number;
  readonly #libc: Libc;
  readonly #counter: ReturnType<Libc["allocate"]>;

  constructor(libc: Libc, flags: number) {
    this.#libc = libc;
    this.#counter = libc.allocate(8);
    this.fd = must(libc.eventfd(0, flags), "an eventfd");
  }

  /** Takes note of all that was raised so far. */
  clear(): void {
    this.#libc.read(this.fd, this.#counter, 0, 8);
  }

  close(): void {
    this.#libc.close(this.fd);
  }
}

/** The other end of a `Wake`, in another thread. */
export class Waker {
  readonly #libc: Libc;
  readonly #fd: number;
  readonly #one: ReturnType<Libc["allocate"]>;

  constructor(libc: Libc, fd: number) {
    this.#libc = libc;
    this.#fd = fd;
    this.#one = libc.allocate(8);
    this.#one.words[0] = 1; // a 64-bit word of the machine's order; both are little-endian
  }

  raise(): void {
    this.#libc.write(this.#fd, this.#one, 0, 8);
  }
}

function must(fd: number, what: string): number {
  if (fd < 0) throw new PollerError("no descriptor for " + what + ": " + errnoName(-fd));
  return fd;
}

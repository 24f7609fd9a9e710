/**
 * SimLibc: the port over a simulated machine. One instance is one process after another: `crash`
 * ends it, and the next one finds what the disk kept.
 *
 *     const libc = new SimLibc({ seed: 7 });            its own disk, clock and network
 *     … the engine runs over it …
 *     libc.disk.background();                           some writeback, whenever the world likes
 *     libc.crash("power");                              descriptors go, the disk forgets
 *     … recovery runs over the same libc …
 *
 * Invariant: two runs that make the same calls with the same seed see the same results, bytes and
 * times; nothing outside takes part.
 */
import { assertInt } from "../../ffi/assert.ts";
import {
  EBADF,
  EFD_NONBLOCK,
  EFD_SEMAPHORE,
  EINTR,
  EINVAL,
  EPOLL_CLOEXEC,
} from "../../ffi/constants.ts";
import type { Aio, EpollEvents, Libc, Memory } from "../../ffi/libc.ts";
import type { SimPrng } from "./prng.ts";
import { SimAio } from "./sim_aio.ts";
import type { SimOptions } from "./sim_calls.ts";
import { EventFd, SimDeadlock } from "./sim_descriptors.ts";
import { Epoll } from "./sim_epoll.ts";
import { assertEvents, assertRange, type SimEvents } from "./sim_memory.ts";
import { SimSocketCalls } from "./sim_socket_calls.ts";

export type { CallFaults, CallObserver, SimOptions } from "./sim_calls.ts";
export { SimDeadlock } from "./sim_descriptors.ts";

/** The process ended itself. The world that runs it decides what comes next. */
export class SimExit extends Error {
  override name = "SimExit";
  readonly code: number;

  constructor(code: number) {
    super("exit " + String(code));
    this.code = code;
  }
}

/** kill: the page cache survives. power: only what is on the medium does. */
export type CrashKind = "kill" | "power";

const SIGKILL = 9;
const SIGSTOP = 19;
const SIGNAL_MAX = 64;

export class SimLibc extends SimSocketCalls implements Libc {
  readonly aioPrng: SimPrng;
  /** Of what works beside the process's loop. */
  readonly workerPrng: SimPrng;
  readonly #idle: "advance" | "return";
  readonly #aioPercent: number;
  readonly #randomPrng: SimPrng;
  #contexts: SimAio[] = [];

  constructor(options: SimOptions = {}) {
    super(options);
    this.aioPrng = this.prng.fork("aio");
    this.workerPrng = this.prng.fork("worker");
    this.#randomPrng = this.prng.fork("random");
    this.#idle = options.idle ?? "advance";
    this.#aioPercent = options.aioPercent ?? 50;
    this.disk.processes.push(this);
  }

  /** Requests in flight in all contexts. */
  get aioPending(): number {
    let count = 0;
    for (const context of this.#contexts) count += context.pendingCount;
    return count;
  }

  epollCreate(flags: number): number {
    assertInt(flags);
    const isKnown = (flags & ~EPOLL_CLOEXEC) === 0;
    const result = isKnown ? this.descriptors.add(new Epoll()) : -EINVAL;
    return this.done("epollCreate", flags, 0, 0, "", result);
  }

  epollCtl(
    epoll: number,
    operation: number,
    fd: number,
    events: number,
    slot: number,
    generation: number,
  ): number {
    assertInt(operation);
    assertInt(events);
    assertInt(slot);
    assertInt(generation);
    const owner = this.find(epoll);
    const target = this.find(fd);
    let result = -EBADF;
    if (owner !== null && target !== null) {
      result = owner instanceof Epoll
        ? owner.control(operation, target, events, slot, generation)
        : -EINVAL;
    }
    return this.done("epollCtl", operation, fd, events, "", result);
  }

  epollWait(epoll: number, into: EpollEvents, timeoutMs: number): number {
    assertInt(timeoutMs);
    assertEvents(into);
    into.count = 0;
    const owner = this.find(epoll);
    let result = owner === null ? -EBADF : -EINVAL;
    if (owner instanceof Epoll) result = this.#wait(owner, into, timeoutMs);
    for (let i = 0; i < result; i += 1) {
      this.done("epollEvent", into.flags(i), into.slot(i), into.generation(i), "", 0);
    }
    return this.done("epollWait", epoll, timeoutMs, 0, "", result);
  }

  eventfd(initial: number, flags: number): number {
    assertInt(initial);
    assertInt(flags);
    const isKnown = (flags & ~(EFD_NONBLOCK | EFD_SEMAPHORE)) === 0;
    const result = isKnown ? this.descriptors.add(new EventFd(initial >>> 0, flags)) : -EINVAL;
    return this.done("eventfd", initial, flags, 0, "", result);
  }

  openAio(capacity: number, eventFd: number): Aio | number {
    const target = this.find(eventFd);
    if (!(target instanceof EventFd)) {
      return this.done("openAio", capacity, eventFd, 0, "", target === null ? -EBADF : -EINVAL);
    }
    const context = new SimAio(this, capacity, target);
    this.#contexts.push(context);
    this.done("openAio", capacity, eventFd, 0, "", 0);
    return context;
  }

  monotonicMs(): number {
    const now = this.clock.monotonicMs;
    this.done("monotonicMs", 0, 0, 0, "", now);
    return now;
  }

  wallMs(): number {
    return this.done("wallMs", 0, 0, 0, "", this.clock.wallMs);
  }

  getrandom(into: Memory, start: number, size: number): number {
    assertRange(into, start, size);
    into.touch(start + size);
    for (let i = start; i < start + size; i += 1) into.bytes[i] = this.#randomPrng.next() >>> 24;
    this.moved(into.bytes, start, size);
    return this.done("getrandom", size, 0, 0, "", size);
  }

  ignoreSignal(signal: number): number {
    assertInt(signal);
    const isRefused = signal < 1 || signal > SIGNAL_MAX || signal === SIGKILL ||
      signal === SIGSTOP;
    return this.done("ignoreSignal", signal, 0, 0, "", isRefused ? -EINVAL : 0);
  }

  addNice(by: number): void {
    assertInt(by);
    this.done("addNice", by, 0, 0, "", 0);
  }

  exit(code: number): never {
    assertInt(code);
    this.done("exit", code, 0, 0, "", 0);
    throw new SimExit(code);
  }

  /**
   * Ends this process (kill), or every process on its disk and what the disk had not yet kept
   * (power). The same object then stands for the next process: no descriptor is open.
   */
  crash(kind: CrashKind): void {
    this.done("crash", kind === "kill" ? 0 : 1, 0, 0, "", 0);
    if (kind === "kill") this.die();
    else this.disk.powerCut();
  }

  /** What the kernel does with a process that ended. */
  die(): void {
    for (const context of this.#contexts) if (context.isOpen) context.abandon();
    this.#contexts = [];
    this.descriptors.closeAll();
    this.releaseMemory();
  }

  /** Nothing new fails from now on, and there is room. */
  mend(): void {
    this.disk.mend();
    Object.assign(this.faults, { writeFull: 0, writeError: 0 });
  }

  /** Completes up to `count` AIO requests, chosen by chance. Returns how many. */
  completeAio(count: number = 1): number {
    let completed = 0;
    while (completed < count && this.aioPending > 0) {
      const waiting = this.#contexts.filter((context) => context.pendingCount > 0);
      this.aioPrng.pick(waiting).completeOne();
      completed += 1;
    }
    return completed;
  }

  #wait(epoll: Epoll, into: SimEvents, timeoutMs: number): number {
    if (this.faultPrng.permille(this.faults.interrupted)) return -EINTR;
    this.letAioProgress();
    if (epoll.collect(into) > 0 || timeoutMs === 0 || this.#idle === "return") return into.count;
    if (this.completeAio(1) > 0 && epoll.collect(into) > 0) return into.count;
    if (timeoutMs < 0) throw new SimDeadlock("epollWait without a timeout, and nothing can happen");
    this.clock.advance(timeoutMs);
    return 0;
  }

  /** Each pending request has its chance; also asked by every reap. */
  letAioProgress(): void {
    while (this.#contexts.length > 0 && this.aioPending > 0) {
      if (!this.aioPrng.chance(this.#aioPercent)) return;
      this.completeAio(1);
    }
  }
}

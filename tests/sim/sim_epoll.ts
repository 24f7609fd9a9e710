/**
 * Epoll over simulated descriptors: level-triggered, edge-triggered and one-shot.
 *
 *     watches   | a | b | c | …      looked at from the front; what is reported goes to the back
 *
 * Invariant: a descriptor that is closed is in no epoll any more.
 */
import {
  EEXIST,
  EINVAL,
  ENOENT,
  EPERM,
  EPOLL_CTL_ADD,
  EPOLL_CTL_DEL,
  EPOLL_CTL_MOD,
  EPOLLERR,
  EPOLLET,
  EPOLLHUP,
  EPOLLONESHOT,
} from "../../ffi/constants.ts";
import { Descriptor } from "./sim_descriptors.ts";
import type { SimEvents } from "./sim_memory.ts";

interface Watch {
  readonly descriptor: Descriptor;
  events: number;
  slot: number;
  generation: number;
  /** A one-shot that has fired waits to be changed. */
  isArmed: boolean;
  /** The activity that an edge-triggered watch reported last. */
  reported: number;
}

export class Epoll extends Descriptor {
  #watches: Watch[] = [];

  override ready(): number {
    return -1;
  }

  control(
    operation: number,
    target: Descriptor,
    events: number,
    slot: number,
    generation: number,
  ): number {
    if (target === this) return -EINVAL;
    if (target.ready() === -1) return -EPERM;
    const found = this.#watches.find((watch) => watch.descriptor === target);
    const wanted = { events, slot: slot >>> 0, generation: generation >>> 0 };
    if (operation === EPOLL_CTL_ADD) {
      if (found !== undefined) return -EEXIST;
      this.#watches.push({ descriptor: target, ...wanted, isArmed: true, reported: -1 });
      target.watchedBy.push(this);
      return 0;
    }
    if (operation !== EPOLL_CTL_MOD && operation !== EPOLL_CTL_DEL) return -EINVAL;
    if (found === undefined) return -ENOENT;
    if (operation === EPOLL_CTL_MOD) {
      Object.assign(found, wanted, { isArmed: true, reported: -1 });
    } else {
      target.watchedBy.splice(target.watchedBy.indexOf(this), 1);
      this.forget(target);
    }
    return 0;
  }

  forget(target: Descriptor): void {
    this.#watches = this.#watches.filter((watch) => watch.descriptor !== target);
  }

  /** Fills `into` from the front. Returns how many. */
  collect(into: SimEvents): number {
    let reported: Watch[] | null = null;
    for (const watch of this.#watches) {
      if (into.count === into.capacity) break;
      if (!watch.isArmed) continue;
      const { descriptor, events } = watch;
      const flags = descriptor.ready() & (events | EPOLLHUP | EPOLLERR) & 0xffff;
      if (flags === 0) continue;
      if ((events & EPOLLET) !== 0) {
        if (watch.reported === descriptor.activity) continue;
        watch.reported = descriptor.activity;
      }
      if ((events & EPOLLONESHOT) !== 0) watch.isArmed = false;
      into.add(flags, watch.slot, watch.generation);
      (reported ??= []).push(watch);
    }
    if (reported !== null && reported.length < this.#watches.length) {
      const last = reported;
      this.#watches = this.#watches.filter((watch) => !last.includes(watch)).concat(last);
    }
    return into.count;
  }

  override close(): void {
    super.close();
    for (const { descriptor } of this.#watches) {
      descriptor.watchedBy.splice(descriptor.watchedBy.indexOf(this), 1);
    }
    this.#watches = [];
  }
}

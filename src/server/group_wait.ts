/**
 * The short wait of group commit. Clients that are acknowledged together ask again within
 * microseconds of each other; a sync begun for the first of them would make the others wait for
 * the one after it. Hot.
 *
 *     answered 12, 4 waited on -> the 1st of 12 asks again … -> the 12th asks again -> sync of 16
 *                                 \-- at most a share of the average sync, never above 1 ms
 *
 * A group is full when those that were just answered are back, beside those that waited already: a
 * client that came late once is not left out of the groups that follow. So a lone client never
 * waits. Meanwhile the loop polls without sleeping: a wait is shorter than the milliseconds in
 * which `epoll_wait` counts.
 */

import type { TopicPartition } from "../broker/topics.ts";
import { Level } from "../format/levels.ts";
import { GROUP_WAIT_MS_MAX } from "../limits.ts";

/** Of the moving average: one sync in eight turns it half way within five syncs. */
const WEIGHT = 1 / 8;

export class GroupWait {
  /** Groups that waited, and of them those whose time was over before they were full. */
  begun = 0;
  inVain = 0;
  readonly #share: number;
  #averageMs = 0;

  /** `share` of the average sync, 0 to 1; 0: nobody waits. */
  constructor(share: number) {
    this.#share = share;
  }

  /** A sync took so long. */
  ended(ms: number): void {
    this.#averageMs = this.#averageMs === 0
      ? ms
      : this.#averageMs + (ms - this.#averageMs) * WEIGHT;
  }

  /** Whether the next sync of the partition, which has none in flight, is to be begun later. */
  waits(partition: TopicPartition, nowMs: number): boolean {
    const isFull = partition.durableWaiters.count >= partition.groupWanted;
    if (isFull || partition.log.config.durability !== Level.fsync) {
      partition.groupWaitUntilMs = 0;
      return false;
    }
    if (partition.groupWaitUntilMs === 0) {
      const longestMs = Math.min(GROUP_WAIT_MS_MAX, this.#averageMs * this.#share);
      if (longestMs === 0) return false;
      partition.groupWaitUntilMs = nowMs + longestMs;
      this.begun += 1;
      return true;
    }
    if (nowMs < partition.groupWaitUntilMs) return true;
    partition.groupWaitUntilMs = 0;
    this.inVain += 1;
    return false;
  }
}

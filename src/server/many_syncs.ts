/**
 * Syncs of many files at once while nobody is served: by AIO, so that the disk's flushes and the
 * file system's commits are shared, or by one `syncfs`, where that may be used and they are very
 * many. It waits for them.
 *
 *     fds -> submit as many as may be in flight -> wait for the eventfd -> reap -> submit …
 *
 * Nobody else may have a sync in flight in the same context: its result would be taken here.
 *
 * Invariant: when `sync` returns, nothing is in flight.
 */

import { EINTR, IOCB_CMD_FSYNC } from "../../ffi/constants.ts";
import type { Aio, Libc } from "../../ffi/libc.ts";
import { assert } from "../base/assert.ts";
import type { ManySyncs } from "../log/sync_group.ts";
import { Poller, type Wake } from "../net/poller.ts";

/** Of the sync by which AIO was tried (sync_method.ts): its result is nobody's. */
export const TRIAL_TAG = 0xffffffff;

export interface ManySyncsOptions {
  /** An AIO context and what it raises; null: they are synced one after another. */
  readonly aio: { readonly context: Aio; readonly wake: Wake } | null;
  /** For `syncfs`: the data directory, opened before anything was written; -1: not to be used. */
  readonly fileSystemFd: number;
  /** Files from which on it is. */
  readonly fileSystemFilesMin: number;
}

export class AioSyncs implements ManySyncs {
  readonly #libc: Libc;
  readonly #options: ManySyncsOptions;

  constructor(libc: Libc, options: ManySyncsOptions) {
    this.#libc = libc;
    this.#options = options;
  }

  sync(fds: readonly number[], results: number[]): void {
    const { aio, fileSystemFd, fileSystemFilesMin } = this.#options;
    if (fileSystemFd >= 0 && fds.length >= fileSystemFilesMin) {
      const result = this.#libc.syncfs(fileSystemFd);
      fds.forEach((_, i) => results[i] = result);
    } else if (aio === null || fds.length === 1) {
      fds.forEach((fd, i) => results[i] = this.#libc.fsync(fd));
    } else {
      this.#syncBeside(aio.context, aio.wake, fds, results);
    }
  }

  #syncBeside(context: Aio, wake: Wake, fds: readonly number[], results: number[]): void {
    const poller = new Poller(this.#libc);
    poller.addOwn(wake.fd, 0);
    let begun = 0;
    let done = 0;
    while (done < fds.length) {
      const room = context.capacity - (begun - done);
      const taken = submit(context, fds, begun, Math.min(room, fds.length - begun));
      begun += taken;
      if (begun === done) { // nothing in flight, and the kernel takes none
        results[begun] = this.#libc.fsync(fds[begun]!);
        begun += 1;
        done += 1;
        continue;
      }
      poller.wait(-1);
      wake.clear();
      done += reap(context, results);
    }
    poller.close();
  }
}

/** Returns how many the kernel took. */
function submit(context: Aio, fds: readonly number[], from: number, count: number): number {
  if (count === 0) return 0;
  for (let i = 0; i < count; i += 1) {
    context.prepare(i, IOCB_CMD_FSYNC, fds[from + i]!, from + i);
  }
  return Math.max(0, context.submit(count));
}

function reap(context: Aio, results: number[]): number {
  let done = 0;
  for (;;) {
    const count = context.reap();
    if (count === -EINTR) continue;
    assert(count >= 0, "results of our own syncs can be taken");
    for (let i = 0; i < count; i += 1) {
      const tag = context.tag(i);
      if (tag === TRIAL_TAG) continue;
      results[tag] = context.result(i);
      done += 1;
    }
    if (count < context.capacity) return done;
  }
}

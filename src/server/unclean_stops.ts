/**
 * Unclean stops in a row, each soon after serving began: what a loop of crashes looks like, or a
 * power supply that gives up under load. From the fifth on a start waits, so that a machine without
 * anybody beside it does not wear out its disk.
 *
 *     stops       0 … 4    5      6      7      8       9       10 …
 *     wait        none     10 s   20 s   40 s   80 s    160 s   300 s
 *
 *     <data>/unclean-stops    "5\n"    as if this run were one of them, from its first moment on;
 *                                      removed after 30 s of serving, and by a clean stop
 *
 * Invariant: the file says how many there were if the process ended now. Where it cannot be written
 * nothing waits: it is a courtesy to the disk, not a promise.
 */

import { AT_FDCWD } from "../../ffi/constants.ts";
import type { Libc } from "../../ffi/libc.ts";
import { trace } from "../base/trace.ts";
import type { BrokerConfig, RestartsConfig } from "../config.ts";
import { UNCLEAN_STOPS_FILE } from "../format/file_names.ts";
import { RESTART_WAIT_FROM } from "../limits.ts";
import type { DataDirectory } from "../log/data_directory.ts";
import { readSmallFile, replaceFile, StorageError } from "../log/files.ts";

const COUNT = /^(\d{1,9})\n$/;
/** So often somebody hears how long it still takes. */
const TELL_MS = 10000;
const SECOND_MS = 1000;

/** Settles after so long, or when the signal is aborted. */
export type Pause = (milliseconds: number, signal: AbortSignal) => Promise<void>;

export class UncleanStops {
  readonly #libc: Libc;
  readonly #directory: DataDirectory;
  readonly #before: number;

  constructor(libc: Libc, directory: DataDirectory) {
    this.#libc = libc;
    this.#directory = directory;
    this.#before = directory.clean ? 0 : readCount(libc, directory.fd, UNCLEAN_STOPS_FILE);
  }

  /** Serving has begun: until `forget` this run is one of them. */
  began(): void {
    const content = new TextEncoder().encode(`${this.#before + 1}\n`);
    const { fd, reserve } = this.#directory;
    try {
      replaceFile(this.#libc, fd, UNCLEAN_STOPS_FILE, content, reserve);
    } catch (error) {
      if (!(error instanceof StorageError)) throw error;
      trace("warning", `unclean stops are not counted: ${error.message}`);
    }
  }

  /** It has served for long enough, or stops cleanly. */
  forget(): void {
    this.#libc.unlinkat(this.#directory.fd, UNCLEAN_STOPS_FILE, 0);
  }
}

/** How long a start waits after so many. */
export function waitMsAfter(stops: number, { waitMs, waitMsMax }: RestartsConfig): number {
  if (stops < RESTART_WAIT_FROM) return 0;
  return Math.min(waitMsMax, waitMs * 2 ** (stops - RESTART_WAIT_FROM));
}

/**
 * Before the directory is opened: waits where the last stops ask for it, loudly. False: a signal
 * has come, and nothing was begun.
 */
export async function waitAfterUncleanStops(
  libc: Libc,
  { dataDirectory, restarts }: BrokerConfig,
  signal: AbortSignal,
  tell: (status: string, forMs: number) => void,
  pause: Pause,
): Promise<boolean> {
  const stops = readCount(libc, AT_FDCWD, `${dataDirectory}/${UNCLEAN_STOPS_FILE}`);
  let leftMs = waitMsAfter(stops, restarts);
  if (leftMs === 0) return !signal.aborted;
  trace(
    "warning",
    `the last ${stops} runs ended without a clean stop, each within ` +
      `${restarts.shortMs / SECOND_MS} s of serving: look at the power, at what they said last, ` +
      "and at what sluice doctor says. A signal ends this wait",
  );
  while (leftMs > 0 && !signal.aborted) {
    const text = `the start goes on in ${leftMs / SECOND_MS} s`;
    trace("warning", text);
    const stepMs = Math.min(leftMs, TELL_MS);
    tell(text, stepMs);
    await pause(stepMs, signal);
    leftMs -= stepMs;
  }
  return !signal.aborted;
}

/** What cannot be read counts as none. */
function readCount(libc: Libc, directory: number, name: string): number {
  try {
    const bytes = readSmallFile(libc, directory, name);
    return Number(COUNT.exec(new TextDecoder().decode(bytes ?? new Uint8Array()))?.[1] ?? 0);
  } catch (error) {
    if (error instanceof StorageError) return 0;
    throw error;
  }
}

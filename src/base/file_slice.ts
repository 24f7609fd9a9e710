/**
 * A range of an open file, handed from the log to a socket as a value. The descriptor is shared:
 * the log holds one reference while the segment is open, every queued slice holds another, and
 * whoever lets go last closes it. So a segment deleted while a slice of it waits stays open until
 * it is sent.
 *
 * Invariant: `fd` is open as long as `references` is above zero, and closed exactly once.
 */

import { assert } from "./assert.ts";

export class SharedFile {
  readonly fd: number;
  references = 1;
  readonly #close: (fd: number) => void;

  constructor(fd: number, close: (fd: number) => void) {
    assert(fd >= 0, "a file that is open");
    this.fd = fd;
    this.#close = close;
  }

  retain(): void {
    assert(this.references > 0, "the file is still open");
    this.references += 1;
  }

  release(): void {
    assert(this.references > 0, "released once per reference");
    this.references -= 1;
    if (this.references === 0) this.#close(this.fd);
  }
}

/** Filled by the log, made once by who reads. `file` is not retained: the queue does that. */
export interface FileSlice {
  file: SharedFile | null;
  position: number;
  size: number;
}

export function emptySlice(): FileSlice {
  return { file: null, position: 0, size: 0 };
}

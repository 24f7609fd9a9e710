/**
 * SimNode: what every inode of the simulated file system has, whatever it is.
 *
 * A writeback error is remembered here as the kernel does (errseq_t): every descriptor that was
 * open when it happened reports it once, and so does the next one opened as long as nobody has.
 */

/** Who holds a lock. A descriptor is its own identity. */
export type LockHolder = object;

export abstract class SimNode {
  readonly inode: number;
  /** S_IFREG and its like with the permission bits. */
  readonly mode: number;
  modifiedMs = 0;
  /** A name leads here. */
  linked = true;
  openCount = 0;
  lockedBy: LockHolder | null = null;
  readonly sharedBy: LockHolder[] = [];
  errorCount = 0;
  errorSeen = true;

  constructor(inode: number, mode: number) {
    this.inode = inode;
    this.mode = mode;
  }

  recordError(): void {
    this.errorCount += 1;
    this.errorSeen = false;
  }

  /** The count a new descriptor starts from. */
  sampleError(): number {
    return this.errorSeen ? this.errorCount : this.errorCount - 1;
  }

  unlock(holder: LockHolder): void {
    if (this.lockedBy === holder) this.lockedBy = null;
    const i = this.sharedBy.indexOf(holder);
    if (i >= 0) this.sharedBy.splice(i, 1);
  }
}

/** A symbolic link, planted by a test: the port makes none. */
export class SimLink extends SimNode {
  readonly target: string;

  constructor(inode: number, mode: number, target: string) {
    super(inode, mode);
    this.target = target;
  }
}

/** The name of a Unix socket. What listens there, if anything, is the network's. */
export class SimSocketNode extends SimNode {
  listener: object | null = null;
}

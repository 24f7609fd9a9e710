/**
 * What an embedded broker stands on: a broker that serves, in this process or in a child of it.
 */

import type { Address } from "../address.ts";

/** The command of a process that is the child of another: child.ts. Nobody types it. */
export const CHILD_COMMAND = "embedded-child";

export interface Engine {
  readonly native: Address;
  /** Null: there is no HTTP door. */
  readonly http: Address | null;
  readonly dataDirectory: string;
  /** Settles when it has stopped; rejects when it cannot go on. */
  readonly closed: Promise<void>;
  /** Stops it, and leaves nothing behind. A second call is the first. */
  stop(): Promise<void>;
}

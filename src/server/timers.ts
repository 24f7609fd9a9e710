/** How long a shard may wait for the next event, from what is due. Hot. */

import type { Node } from "./node.ts";

/** While it stops, a shard looks at its state this often. */
const STOPPING_WAIT_MS = 10;

/** Milliseconds for the poller; -1 waits for ever. */
export function waitMs(node: Node): number {
  if (node.syncer.isWaiting || node.addedTopics.length > 0) return 0;
  if (node.toDispatch.length > 0 || node.toSend.length > 0) return 0;
  if (node.broker.pushable.length > 0 || node.broker.offsets.canLoad) return 0;
  let dueMs = Math.min(node.broker.waiters.deadlines.nextMs, node.syncer.nextDueMs());
  dueMs = Math.min(dueMs, node.broker.resting.nextMs);
  const loopDueMs = Math.min(node.deadlines.nextMs, node.acceptAgainMs);
  dueMs = Math.min(dueMs, node.nowMs + loopDueMs - node.loopMs);
  if (node.stopping === null) dueMs = Math.min(dueMs, node.caretaker.nextDueMs);
  if (node.stopping !== null) dueMs = Math.min(dueMs, node.nowMs + STOPPING_WAIT_MS);
  if (dueMs === Infinity) return -1;
  return Math.max(0, dueMs - node.nowMs);
}

/**
 * The budget of unsynced bytes: above it no batch is taken that a sync would have to cover. The
 * connection that sent it is paused and soon not read any more, so that its peer stops sending;
 * others, fetches and level os go on. Without it a disk slower than the network would fill the
 * page cache until the kernel lets the loop itself wait in `pwritev`. Hot.
 *
 *     written > budget -> hold -> syncs end -> written <= budget -> the paused are looked at again
 *
 * Checked once a turn: a turn may go over it by what it has received.
 *
 * Invariant: producers are held only while bytes are counted, and every byte counted is in a sync
 * or about to be in one (level interval does not wait for its time then), so the hold ends.
 */

import { resumePaused } from "./connections.ts";
import type { Node } from "./node.ts";

/** After the turn's writes and before its syncs are begun. */
export function keepProducerBudget(node: Node): void {
  const { broker, syncer, store, start } = node;
  keepBound(node);
  const holds = store.unsyncedBytes > start.sync.unsyncedBytesMax;
  if (holds === broker.holdsProducers) return;
  broker.holdsProducers = holds;
  syncer.hurries = holds;
  if (holds) node.counters.producerHolds += 1;
  else resumePaused(node);
}

/** The bound of all logs (log/bound.ts): who had to wait is looked at again when it is over. */
function keepBound(node: Node): void {
  const { broker, store } = node;
  const { holds } = store.bound;
  if (holds === broker.waitsForRoom) return;
  broker.waitsForRoom = holds;
  if (holds) node.counters.roomHolds += 1;
  else resumePaused(node);
}

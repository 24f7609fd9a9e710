/**
 * Topics that main has created and the shard opens while it serves: some partitions in a turn, so
 * that a topic of a thousand holds nobody up. Main hears when all of them are open.
 *
 *     add_topic -> queued -> OPENS_PER_TURN partitions a turn -> known -> answered
 *
 * Invariant: topics are opened one after another, each is answered once, and a shard that stops
 * opens what it was told to first.
 */

import { OPENS_PER_TURN } from "../limits.ts";
import { StorageError } from "../log/files.ts";
import { answerAddTopic } from "../native/handlers/add_topic.ts";
import type { TopicStart } from "./messages.ts";
import type { Node } from "./node.ts";
import { TopicOpening } from "./open_topic.ts";

/** A topic to open, and who asked for it. */
export interface AddedTopic {
  readonly opening: TopicOpening;
  readonly slot: number;
  readonly generation: number;
  readonly correlation: number;
}

export function addTopic(
  node: Node,
  topic: TopicStart,
  slot: number,
  generation: number,
  correlation: number,
): void {
  const opening = new TopicOpening(node, topic, true);
  node.addedTopics.push({ opening, slot, generation, correlation });
}

/** Goes on opening; `node.addedTopics` is not empty. */
export function openAdded(node: Node): void {
  const added = node.addedTopics[0]!;
  const refused = step(added.opening);
  if (refused === null) return;
  node.addedTopics.shift();
  const session = node.door.session(added.slot, added.generation);
  if (session === null) return;
  answerAddTopic(session, added.correlation, refused);
  node.queueSend(node.connectionAt(added.slot)!);
}

/** Null while partitions are left to open; then what the disk refused, or an empty text. */
function step(opening: TopicOpening): string | null {
  try {
    return opening.step(OPENS_PER_TURN) ? "" : null;
  } catch (error) {
    if (error instanceof StorageError) return error.message;
    throw error;
  }
}

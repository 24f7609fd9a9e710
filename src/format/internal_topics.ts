/**
 * Topics that belong to the broker. Clients may read them; only the broker writes, creates, changes
 * and deletes them.
 */

/** The committed offsets of groups, in Kafka's own record format. */
export const OFFSETS_TOPIC = "__consumer_offsets";

export function isInternalTopic(name: string): boolean {
  return name === OFFSETS_TOPIC;
}

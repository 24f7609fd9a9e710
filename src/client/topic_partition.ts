/**
 * A partition of a topic, and its key in a map.
 */

export interface TopicPartition {
  readonly topic: string;
  readonly partition: number;
}

/** Whatever the topic is called, the partition stands behind the last `/`. */
export function keyOf(topic: string, partition: number): string {
  return `${topic}/${partition}`;
}

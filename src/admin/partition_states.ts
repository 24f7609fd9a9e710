/** What describe_topic says of a partition's state, in the order of its numbers. */

export const PARTITION_STATES = ["ok", "degraded", "failed"] as const;

/**
 * Durability levels of a topic, and what a reply says was reached. Codes are wire format.
 *
 * | level      | acks=all is answered              | lost at SIGKILL | lost at a power cut      |
 * | `fsync`    | after a sync that began after it  | nothing         | nothing                  |
 * | `interval` | after the write; sync every N ms  | nothing         | at most the interval     |
 * | `os`       | after the write                   | nothing         | what was not written back|
 */

export const Level = { none: 0, os: 1, interval: 2, fsync: 3 } as const;
export type Level = typeof Level[keyof typeof Level];

export const LEVEL_NAMES = ["none", "os", "interval", "fsync"] as const;
export type LevelName = typeof LEVEL_NAMES[number];

export function levelName(level: number): LevelName {
  return LEVEL_NAMES[level] ?? "none";
}

/** Whom a producer waits for, as one byte. */
export const Acks = { none: 0, leader: 1, all: 255 } as const;

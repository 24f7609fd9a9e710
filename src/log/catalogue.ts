/**
 * Catalogue: one small file that says what the broker holds. Owned by the main thread.
 *
 *     sluice-catalogue 1 crc32c=89abcdef size=1234\n
 *     { "nodeEpoch": 3, "clusterId": "…", "topics": [ … ], … }\n
 *
 * The size and the checksum cover every byte after the first line. It is replaced as a whole:
 * temporary file, fsync, rename, fsync of the directory.
 *
 *     a topic:  creating -> ready -> in `deletions` -> gone       log/keeper.ts moves it
 *                           ready with `growingTo` -> ready with more partitions
 *
 * Invariant: what `save` was given is what the next start loads, or, after a power cut inside
 * `save`, what was there before. A catalogue that is damaged is refused, never guessed at.
 */

import type { Libc } from "../../ffi/libc.ts";
import { crc32c } from "../base/crc32c.ts";
import { CATALOGUE_FILE, isTopicName } from "../format/file_names.ts";
import { type ConfigEntry, parseTopicConfig } from "../format/topic_config.ts";
import { PARTITIONS_PER_TOPIC_MAX } from "../limits.ts";
import { readSmallFile, replaceFile, type Room } from "./files.ts";

/** Raised when an older program must not use the directory any more (ADR 25). */
export const CATALOGUE_FORMAT = 1;
const FIRST_LINE = /^sluice-catalogue (\d+) crc32c=([0-9a-f]{8}) size=(\d+)\n/;
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** What a topic is, whatever becomes of it. */
export interface TopicDefinition {
  readonly name: string;
  readonly topicId: string;
  readonly partitions: number;
  /** What was set; the rest follows the defaults. */
  readonly config: readonly ConfigEntry[];
}

/** `ready`: all its directories exist, so one that is missing later was lost. */
export type TopicState = "creating" | "ready";

export interface TopicEntry extends TopicDefinition {
  readonly state: TopicState;
  /**
   * Partitions that it is getting; nobody has used those above `partitions`. A version that does
   * not know the field serves the topic as it was.
   */
  readonly growingTo?: number;
  /** It was compacted once: offsets may be missing below the recovery points, for good. */
  readonly wasCompacted?: true;
}

export interface CatalogueContent {
  /** Identity of the directory's broker, made once. */
  clusterId: string;
  /** Grows by one at a start after an unclean stop. */
  nodeEpoch: number;
  topics: TopicEntry[];
  /** Topics whose files are being removed. */
  deletions: TopicDefinition[];
  /** Broker settings changed while it ran. */
  settings: ConfigEntry[];
  /** First producer id that was never given out. */
  nextProducerId: number;
}

/**
 * The file cannot be believed or is not for this version; the message says which and what to do.
 */
export class CatalogueError extends Error {
  override name = "CatalogueError";
}

export function emptyCatalogue(clusterId: string): CatalogueContent {
  const nodeEpoch = 0;
  return { clusterId, nodeEpoch, topics: [], deletions: [], settings: [], nextProducerId: 0 };
}

/** The catalogue in the open directory, or null where there is none. Throws CatalogueError. */
export function loadCatalogue(libc: Libc, directory: number): CatalogueContent | null {
  const bytes = readSmallFile(libc, directory, CATALOGUE_FILE);
  return bytes === null ? null : decodeCatalogue(bytes);
}

/** Replaces the catalogue; durable when it returns. Throws StorageError. */
export function saveCatalogue(
  libc: Libc,
  directory: number,
  content: CatalogueContent,
  room: Room | null = null,
): void {
  replaceFile(libc, directory, CATALOGUE_FILE, encodeCatalogue(content), room);
}

export function encodeCatalogue(content: CatalogueContent): Uint8Array {
  const body = new TextEncoder().encode(JSON.stringify(content, null, 1) + "\n");
  const crc = checksum(body).toString(16).padStart(8, "0");
  const first = `sluice-catalogue ${CATALOGUE_FORMAT} crc32c=${crc} size=${body.length}\n`;
  const bytes = new Uint8Array(first.length + body.length);
  bytes.set(new TextEncoder().encode(first));
  bytes.set(body, first.length);
  return bytes;
}

export function decodeCatalogue(bytes: Uint8Array): CatalogueContent {
  const first = FIRST_LINE.exec(new TextDecoder("latin1").decode(bytes.subarray(0, 80)));
  if (first === null) throw damaged("its first line is not a catalogue's");
  const [line, format, crc, size] = first as unknown as [string, string, string, string];
  if (Number(format) > CATALOGUE_FORMAT) {
    throw new CatalogueError(
      `the catalogue is of format ${format}, this version knows ${CATALOGUE_FORMAT}: ` +
        "use a newer version",
    );
  }
  const body = bytes.slice(line.length);
  if (Number(format) < 1 || body.length !== Number(size)) throw damaged("its size is wrong");
  if (checksum(body) !== Number.parseInt(crc, 16)) throw damaged("its checksum is wrong");
  const content = parseJson(new TextDecoder().decode(body));
  if (!isCatalogue(content)) throw damaged("a field is missing or wrong");
  // The first catalogues had no state: their topics were written when they were made.
  content.topics = content.topics.map((topic) => ({ ...topic, state: topic.state ?? "ready" }));
  return content;
}

/** The value, or null, which is no catalogue. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function checksum(body: Uint8Array): number {
  const padded = new ArrayBuffer((body.length + 3) & ~3);
  const bytes = new Uint8Array(padded);
  bytes.set(body);
  return crc32c(bytes, new Int32Array(padded), 0, body.length);
}

function damaged(why: string): CatalogueError {
  return new CatalogueError(`the catalogue is damaged (${why}): restore it from a copy`);
}

function isCatalogue(value: unknown): value is CatalogueContent {
  const content = value as Partial<CatalogueContent> | null;
  if (content === null || typeof content !== "object") return false;
  return typeof content.clusterId === "string" && isCount(content.nodeEpoch) &&
    isCount(content.nextProducerId) && isSettings(content.settings) &&
    Array.isArray(content.topics) && content.topics.every(isTopicEntry) &&
    Array.isArray(content.deletions) && content.deletions.every(isDefinition);
}

function isTopicEntry(value: unknown): boolean {
  if (!isDefinition(value)) return false;
  const { state, growingTo, wasCompacted } = value as Partial<TopicEntry>;
  if (wasCompacted !== undefined && wasCompacted !== true) return false;
  if (growingTo !== undefined && !(isCount(growingTo) && growingTo > value.partitions)) {
    return false;
  }
  return state === undefined || state === "creating" || state === "ready";
}

function isDefinition(value: unknown): value is TopicDefinition {
  const entry = value as Partial<TopicDefinition> | null;
  if (entry === null || typeof entry !== "object") return false;
  return typeof entry.name === "string" && isTopicName(entry.name) &&
    typeof entry.topicId === "string" && UUID.test(entry.topicId) &&
    isCount(entry.partitions) && entry.partitions! >= 1 &&
    entry.partitions! <= PARTITIONS_PER_TOPIC_MAX && isSettings(entry.config) &&
    typeof parseTopicConfig(entry.config) !== "string";
}

function isSettings(value: unknown): value is ConfigEntry[] {
  return Array.isArray(value) && value.every((entry: Partial<ConfigEntry> | null) => {
    return entry !== null && typeof entry === "object" && typeof entry.key === "string" &&
      typeof entry.value === "string";
  });
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

/**
 * Kafka's small text files, as text:
 *
 *     leader-epoch-checkpoint            0\n<count>\n<epoch> <startOffset>\n…
 *     recovery-point-offset-checkpoint   0\n<count>\n<topic> <partition> <offset>\n…
 *     partition.metadata                 version: 0\ntopic_id: <22 characters of base64url>
 *
 * Kafka's lists of offsets have no checksum: one wrong bit in a log start would delete a log. Ours
 * are sealed by a last line that Kafka reads as an offset of a topic it does not have:
 *
 *     #crc32c 0 <CRC-32C of the lines before, without version and count>
 *
 * Invariant: parsing gives back what was formatted, or null: a file with anything wrong in it is
 * wrong as a whole.
 */

import { heapBlock } from "../base/bytes.ts";
import { crc32c } from "../base/crc32c.ts";

export interface EpochEntry {
  readonly epoch: number;
  /** First offset of the epoch. */
  readonly startOffset: number;
}

export interface OffsetEntry {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
}

const SEAL = "#crc32c";
const NUMBER = /^(0|[1-9]\d{0,15})$/;
const TOPIC_ID = /^version: 0\ntopic_id: ([A-Za-z0-9_-]{22})\n?$/;

export function formatEpochs(entries: readonly EpochEntry[]): string {
  return formatLines(entries.map(({ epoch, startOffset }) => `${epoch} ${startOffset}`));
}

export function parseEpochs(text: string): EpochEntry[] | null {
  const entries: EpochEntry[] = [];
  for (const fields of parseLines(text, 2) ?? [null]) {
    if (fields === null) return null;
    const epoch = parseNumber(fields[0]!);
    const startOffset = parseNumber(fields[1]!);
    const before = entries[entries.length - 1];
    if (epoch === null || startOffset === null) return null;
    if (before !== undefined) {
      if (epoch <= before.epoch || startOffset < before.startOffset) return null;
    }
    entries.push({ epoch, startOffset });
  }
  return entries;
}

export function formatOffsets(entries: readonly OffsetEntry[]): string {
  return formatLines(
    entries.map(({ topic, partition, offset }) => `${topic} ${partition} ${offset}`),
  );
}

/** The same with the line that lets a reader see whether anything in it is wrong. */
export function formatSealedOffsets(entries: readonly OffsetEntry[]): string {
  const lines = entries.map(({ topic, partition, offset }) => `${topic} ${partition} ${offset}`);
  return formatLines([...lines, `${SEAL} 0 ${checksum(lines)}`]);
}

/** Of a list with a seal or, as Kafka writes it, without. */
export function parseOffsets(text: string): OffsetEntry[] | null {
  const entries: OffsetEntry[] = [];
  for (const fields of parseLines(text, 3) ?? [null]) {
    if (fields === null) return null;
    const partition = parseNumber(fields[1]!);
    const offset = parseNumber(fields[2]!);
    if (partition === null || offset === null) return null;
    entries.push({ topic: fields[0]!, partition, offset });
  }
  if (entries[entries.length - 1]?.topic !== SEAL) return entries;
  const seal = entries.pop()!;
  const sealed = seal.partition === 0 ? seal.offset : null;
  return sealed === checksum(text.split("\n").slice(2, -2)) ? entries : null;
}

function checksum(lines: readonly string[]): number {
  const bytes = new TextEncoder().encode(lines.join("\n"));
  const block = heapBlock(bytes.length);
  block.bytes.set(bytes);
  return crc32c(block.bytes, block.words, 0, bytes.length);
}

export function formatPartitionMetadata(topicId: string): string {
  return `version: 0\ntopic_id: ${encodeTopicId(topicId)}`;
}

/** The topic id as a uuid with dashes, or null. */
export function parsePartitionMetadata(text: string): string | null {
  const found = TOPIC_ID.exec(text);
  return found === null ? null : decodeTopicId(found[1]!);
}

function formatLines(lines: readonly string[]): string {
  return ["0", String(lines.length), ...lines, ""].join("\n");
}

/** The fields of every line, or null when the file is not of this form. */
function parseLines(text: string, fields: number): string[][] | null {
  const lines = text.split("\n");
  if (lines.pop() !== "" || lines.length < 2 || lines[0] !== "0") return null;
  if (parseNumber(lines[1]!) !== lines.length - 2) return null;
  const rows = lines.slice(2).map((line) => line.split(" "));
  return rows.every((row) => row.length === fields) ? rows : null;
}

function parseNumber(text: string): number | null {
  if (!NUMBER.test(text)) return null;
  const value = Number(text);
  return Number.isSafeInteger(value) ? value : null;
}

/** 32 hexadecimal digits to base64url without padding. */
function encodeTopicId(uuid: string): string {
  const digits = uuid.replaceAll("-", "");
  let binary = "";
  for (let i = 0; i < 32; i += 2) {
    binary += String.fromCharCode(Number.parseInt(digits.slice(i, i + 2), 16));
  }
  return btoa(binary).replaceAll("+", "-").replaceAll("/", "_").slice(0, 22);
}

function decodeTopicId(text: string): string | null {
  const binary = atob(text.replaceAll("-", "+").replaceAll("_", "/") + "==");
  const digits = [...binary].map((c) => c.charCodeAt(0).toString(16).padStart(2, "0")).join("");
  const uuid = digits.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
  return encodeTopicId(uuid) === text ? uuid : null;
}

/**
 * The small files that a start reads: what is accepted is what would be written for it, so nothing
 * is understood that was not said.
 */
import { type ByteBlock, heapBlock } from "../../../src/base/bytes.ts";
import { crc32c } from "../../../src/base/crc32c.ts";
import {
  formatEpochs,
  formatOffsets,
  formatPartitionMetadata,
  formatSealedOffsets,
  parseEpochs,
  parseOffsets,
  parsePartitionMetadata,
} from "../../../src/format/checkpoint.ts";
import {
  parsePartitionDirectory,
  parseSegmentFile,
  parseSnapshotFile,
  partitionDirectory,
  segmentFile,
  snapshotFile,
} from "../../../src/format/file_names.ts";
import {
  CatalogueError,
  decodeCatalogue,
  emptyCatalogue,
  encodeCatalogue,
} from "../../../src/log/catalogue.ts";
import type { Prng } from "../../support/prng.ts";
import { type Decoder, Digest, must, REJECTED } from "../decoder.ts";

const KiB = 1024;
const UUID = "6b9e5f0a-1c2d-4e3f-8a4b-5c6d7e8f9a0b";
const NUMBERS = ["0", "1", "-1", "00", "9007199254740991", "9007199254740992", "1e3", " ", "\n"];
const OFFSET_NUMBERS = [...NUMBERS, "#crc32c 0 0\n", "0\n", "orders 0 5\n"];

/** A parser of a whole text, and what writes it. */
interface TextFile<T> {
  readonly name: string;
  readonly weight: number;
  readonly tokens: readonly string[];
  readonly sample: (prng: Prng) => string;
  readonly parse: (text: string) => T | null;
  /** The texts that may stand for the value. */
  readonly format: (value: T) => readonly string[];
  readonly repair?: (input: ByteBlock, size: number, prng: Prng) => void;
}

function textFile<T>(file: TextFile<T>): Decoder {
  const { name, weight, tokens, repair } = file;
  return {
    ...{ name, family: "files", weight, tokens },
    ...(repair === undefined ? {} : { repair }),
    sample: (prng) => new TextEncoder().encode(file.sample(prng)),
    allocationMax: (size) => 8 * size + 4 * KiB,
    decode(block, at, size) {
      const text = new TextDecoder("latin1").decode(block.bytes.subarray(at, at + size));
      const value = file.parse(text);
      if (value === null) return REJECTED;
      const texts = file.format(value);
      must(texts.includes(text), "it is accepted, and would be written in another way");
      return new Digest().text(JSON.stringify(value)).result;
    },
  };
}

const epochs = textFile({
  ...{ name: "file-epochs", weight: 4, tokens: NUMBERS },
  sample: (prng) => {
    let epoch = 0;
    let startOffset = 0;
    const entries = Array.from({ length: prng.below(6) }, () => {
      epoch += prng.between(1, 3);
      startOffset += prng.below(1000);
      return { epoch, startOffset };
    });
    return formatEpochs(entries);
  },
  parse: parseEpochs,
  format: (entries) => [formatEpochs(entries)],
  repair: countLines,
});

const offsets = textFile({
  ...{ name: "file-offsets", weight: 4, tokens: OFFSET_NUMBERS },
  sample: (prng) => {
    const entries = Array.from({ length: prng.below(6) }, (_, partition) => {
      return { topic: prng.pick(["orders", "a.b_c-d"]), partition, offset: prng.next() };
    });
    return prng.chance(70) ? formatSealedOffsets(entries) : formatOffsets(entries);
  },
  parse: parseOffsets,
  format: (entries) => [formatOffsets(entries), formatSealedOffsets(entries)],
  repair: countAndSeal,
});

const metadata = textFile({
  ...{ name: "file-partition-metadata", weight: 2, tokens: ["version: 0", "\n", "topic_id: "] },
  sample: (prng) => {
    const uuid = UUID.slice(0, 24) + prng.next().toString(16).padStart(12, "0");
    return formatPartitionMetadata(uuid);
  },
  parse: parsePartitionMetadata,
  format: (uuid) => [formatPartitionMetadata(uuid), `${formatPartitionMetadata(uuid)}\n`],
});

const names = textFile({
  ...{ name: "file-names", weight: 2, tokens: ["-", "0", "..", "/", ".log", ".snapshot", "%"] },
  sample: (prng) => {
    const kind = prng.below(3);
    if (kind === 0) return segmentFile(prng.next());
    return kind === 1 ? snapshotFile(prng.next()) : partitionDirectory("a.b-1", prng.below(1000));
  },
  parse: (text) => {
    const segment = parseSegmentFile(text);
    if (segment !== null) return segmentFile(segment);
    const snapshot = parseSnapshotFile(text);
    if (snapshot !== null) return snapshotFile(snapshot);
    const place = parsePartitionDirectory(text);
    return place === null ? null : partitionDirectory(place.topic, place.partition);
  },
  format: (name) => {
    must(!name.includes("/") && name !== "..", "a name that is a path");
    return [name];
  },
});

const catalogue: Decoder = {
  ...{ name: "file-catalogue", family: "files", weight: 4 },
  tokens: ['"', "{}", "[]", "null", "-1", '"ready"', '"state":', "1e99", "\\u0000", ","],
  sample(prng) {
    const content = emptyCatalogue(UUID);
    content.nodeEpoch = prng.below(100);
    for (let i = prng.below(3); i > 0; i -= 1) {
      const config = prng.chance(50) ? [] : [{ key: "durability", value: "os" }];
      const name = `t${i}` + "abcdefgh".repeat(prng.between(2, 12));
      const topic = { name, topicId: UUID, partitions: prng.between(1, 9), config };
      content.topics.push({ ...topic, state: prng.chance(80) ? "ready" : "creating" });
      if (prng.chance(20)) content.deletions.push(topic);
    }
    return encodeCatalogue(content);
  },
  repair(input, size) {
    const end = input.bytes.indexOf(10);
    if (end < 0 || end >= size) return;
    const body = heapBlock((size - end + 2) & ~3);
    body.bytes.set(input.bytes.subarray(end + 1, size));
    const crc = crc32c(body.bytes, body.words, 0, size - end - 1).toString(16).padStart(8, "0");
    const first = `sluice-catalogue 1 crc32c=${crc} size=${size - end - 1}`;
    // The first line keeps its length, so that nothing moves.
    if (first.length === end) input.bytes.set(new TextEncoder().encode(first));
  },
  allocationMax: (size) => 16 * size + 4 * KiB,
  decode(block, at, size) {
    try {
      const content = decodeCatalogue(block.bytes.subarray(at, at + size));
      const again = decodeCatalogue(encodeCatalogue(content));
      const text = JSON.stringify(content);
      must(JSON.stringify(again) === text, "what is saved is not what is loaded");
      return new Digest().text(text).result;
    } catch (error) {
      if (error instanceof CatalogueError) return REJECTED;
      throw error;
    }
  },
};

export const FILE_DECODERS: readonly Decoder[] = [epochs, offsets, metadata, names, catalogue];

/** The same, and a seal that fits, where one of as many digits stands there. */
function countAndSeal(input: ByteBlock, size: number, prng: Prng): void {
  countLines(input, size, prng);
  const text = new TextDecoder("latin1").decode(input.bytes.subarray(0, size));
  const lines = text.split("\n").slice(2, -2);
  const entries = parseOffsets(["0", String(lines.length), ...lines, ""].join("\n"));
  if (entries === null) return;
  const sealed = new TextEncoder().encode(formatSealedOffsets(entries));
  if (sealed.length === size) input.bytes.set(sealed);
}

/** Makes the second line count the others, where it has room for the number. */
function countLines(input: ByteBlock, size: number, prng: Prng): void {
  const text = new TextDecoder("latin1").decode(input.bytes.subarray(0, size));
  const lines = text.split("\n");
  const count = String(lines.length - 3);
  if (lines.length < 3 || lines[1]!.length !== count.length || prng.chance(10)) return;
  input.bytes.set(new TextEncoder().encode(count), lines[0]!.length + 1);
}

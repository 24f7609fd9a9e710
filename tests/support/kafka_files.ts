/** Files of a partition as Kafka's dump-log and ours print them, made comparable. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type CommandResult, runSluice } from "./broker.ts";
import { dumpLog } from "./kafka_peer.ts";
import { currentRuntime, type RuntimeName } from "./runtimes.ts";

export const RUNTIME = currentRuntime() as RuntimeName;

/** What Kafka's tool prints about files that do not fit, most of it on standard error. */
const COMPLAINT =
  /Mismatch|Found timestamp|out of order|not found|isvalid: false|Exception|invalid|corrupt/i;

const COMPLAINTS_TOLD = 5;

export function sluice(args: readonly string[], stdin = ""): Promise<CommandResult> {
  return runSluice({ runtime: RUNTIME, args, stdin });
}

/** A line of our dump, and one of Kafka's. */
const OURS = line(
  ...["baseOffset=(\\d+)", "lastOffset=(\\d+)", "count=(\\d+)", "position=(\\d+)", "size=(\\d+)"],
  ...["codec=(\\w+)", "epoch=(\\d+)", "producerId=(-?\\d+)"],
);
const THEIRS = line(
  ...["baseOffset: (\\d+)", "lastOffset: (\\d+)", "count: (\\d+)", "producerId: (-?\\d+)"],
  ...["partitionLeaderEpoch: (\\d+)", "position: (\\d+)", "size: (\\d+)", "compresscodec: (\\w+)"],
  "isvalid: true",
);

function line(...fields: readonly string[]): RegExp {
  return new RegExp(`^${fields.join(" (?:.* )?")}`, "gm");
}

/** Every batch as `first last count position size codec epoch producer`. */
function ours(text: string): string[] {
  return [...text.matchAll(OURS)].map((found) => found.slice(1).join(" "));
}

function theirs(text: string): string[] {
  return [...text.matchAll(THEIRS)].map((found) => {
    const [, first, last, count, producer, epoch, position, size, codec] = found;
    return [first, last, count, position, size, codec, epoch, producer].join(" ");
  });
}

/** Paths of a partition's files of these kinds that have a name of their own, sorted. */
export function filesOf(
  directory: string,
  kinds: string = "log|index|timeindex|snapshot",
): string[] {
  const pattern = new RegExp(`^\\d{20}\\.(${kinds})$`);
  const names = readdirSync(directory).filter((name) => pattern.test(name));
  return names.sort().map((name) => join(directory, name));
}

/** Our dump and Kafka's say the same about every batch. Returns how many there are. */
export async function sameBatches(directory: string): Promise<number> {
  const dumped = await sluice(["dump", directory]);
  assert.equal(dumped.code, 0);
  const expected = theirs(dumpLog(filesOf(directory, "log")));
  assert.ok(expected.length > 0);
  assert.deepEqual(ours(dumped.out), expected, directory);
  return expected.length;
}

/** Kafka's dump of every file of the partition, with its keys and values: nothing to complain. */
export function dumpWithoutComplaint(directory: string): string {
  const files = filesOf(directory);
  const indexes = filesOf(directory, "index|timeindex").filter((name) => {
    return readFileSync(name).length > 0;
  });
  if (indexes.length > 0) {
    assert.deepEqual(complaintsIn(dumpLog(indexes, ["--index-sanity-check"])), []);
  }
  const dump = dumpLog(files, ["--deep-iteration", "--print-data-log"]);
  assert.deepEqual(complaintsIn(dump), []);
  return dump;
}

/** The first lines that complain, and what follows on each. */
function complaintsIn(dump: string): string[] {
  const lines = dump.split("\n");
  return lines.flatMap((text, at) => {
    const isRecord = text.startsWith("| offset: ");
    return !isRecord && COMPLAINT.test(text) ? [`${text} ${lines[at + 1]}`] : [];
  }).slice(0, COMPLAINTS_TOLD);
}

/** Records of a dump with keys and values. */
export function recordsIn(dump: string): number {
  return dump.match(/^\| offset: /gm)?.length ?? 0;
}

/** The values of a dump, by offset. */
export function payloadsIn(dump: string): string[] {
  const records = [...dump.matchAll(/^\| offset: (\d+) .* payload: (.*)$/gm)];
  records.sort((a, b) => Number(a[1]) - Number(b[1]));
  return records.map((found) => found[2]!);
}

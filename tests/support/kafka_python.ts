/**
 * A foreign reader of raw segment files that needs no Java: PyPI's kafka-python, with what it
 * needs for the codecs.
 */
import { spawnSync } from "node:child_process";
import process from "node:process";
import { packagesFolder, packagesMissing, PYTHON } from "./python_packages.ts";

const NAME = "kafka-python-3.0.12";
const PACKAGES = [
  "kafka-python==3.0.12",
  "lz4==4.4.5",
  "python-snappy==0.7.3",
  "zstandard==0.25.0",
];

/** Prints a line per record, or ends with what is wrong. */
const READER = `
import json, sys
from base64 import b64encode
from kafka.record import MemoryRecords

def text(value):
    return None if value is None else b64encode(value).decode()

for path in sys.argv[1:]:
    with open(path, "rb") as file:
        records = MemoryRecords(file.read())
    while records.has_next():
        batch = records.next_batch()
        if not batch.validate_crc():
            sys.exit("%s: the checksum of the batch at %d is wrong" % (path, batch.base_offset))
        for record in batch:
            line = [record.offset, record.timestamp, text(record.key), text(record.value)]
            print(json.dumps(line))
`;

/** Offset, timestamp, and key and value in base64. */
export type ForeignRecord = readonly [number, number, string | null, string | null];

/** Why kafka-python cannot be used here, or null. Installs it where it is missing. */
export function kafkaPythonMissing(): string | null {
  return packagesMissing(NAME, PACKAGES);
}

/** Every record of segment files, in order. Throws where a checksum is wrong or nothing is read. */
export function readByPython(files: readonly string[]): ForeignRecord[] {
  const { status, stdout, stderr } = spawnSync(PYTHON, ["-c", READER, ...files], {
    encoding: "utf8",
    maxBuffer: 2 ** 28,
    env: { ...process.env, PYTHONPATH: packagesFolder(NAME) },
  });
  if (status !== 0) throw new Error(`kafka-python: exit ${status}\n${stderr}`);
  return stdout.trimEnd().split("\n").map((line) => JSON.parse(line) as ForeignRecord);
}

/**
 * A foreign reader of raw segment files that needs no Java: PyPI's kafka-python, with what it
 * needs for the codecs, installed by pip into the cache folder that ../shared/peers uses too.
 */
import { spawnSync } from "node:child_process";
import { existsSync, renameSync, rmSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import process from "node:process";

const PYTHON = "python3";
const VERSION = "3.0.12";
const PACKAGES = [
  `kafka-python==${VERSION}`,
  "lz4==4.4.5",
  "python-snappy==0.7.3",
  "zstandard==0.25.0",
];
const CACHE = process.env["SLUICE_PEERS"] ??
  join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "sluice-peers");
const INSTALLED = join(CACHE, `kafka-python-${VERSION}`);
const INSTALL_WITHIN_MS = 300_000;

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
  if (existsSync(INSTALLED)) return null;
  const python = spawnSync(PYTHON, ["-m", "pip", "--version"], { encoding: "utf8" });
  if (python.status !== 0) return `there is no ${PYTHON} with pip`;
  const unfinished = `${INSTALLED}.${process.pid}`;
  const args = ["-m", "pip", "install", "--quiet", "--target", unfinished, ...PACKAGES];
  const installed = spawnSync(PYTHON, args, { encoding: "utf8", timeout: INSTALL_WITHIN_MS });
  if (installed.status !== 0) {
    rmSync(unfinished, { recursive: true, force: true });
    const said = (installed.stderr ?? "").trim().split("\n").at(-1);
    return `kafka-python cannot be installed: ${said}`;
  }
  if (existsSync(INSTALLED)) rmSync(unfinished, { recursive: true }); // somebody was faster
  else renameSync(unfinished, INSTALLED);
  return null;
}

/** Every record of segment files, in order. Throws where a checksum is wrong or nothing is read. */
export function readByPython(files: readonly string[]): ForeignRecord[] {
  const { status, stdout, stderr } = spawnSync(PYTHON, ["-c", READER, ...files], {
    encoding: "utf8",
    maxBuffer: 2 ** 28,
    env: { ...process.env, PYTHONPATH: INSTALLED },
  });
  if (status !== 0) throw new Error(`kafka-python: exit ${status}\n${stderr}`);
  return stdout.trimEnd().split("\n").map((line) => JSON.parse(line) as ForeignRecord);
}

/**
 * Sync fan-in: what one group of N dirty partitions costs by Linux AIO, by four workers and by one
 * syncfs, side by side. From it comes SYNCFS_FILES_MIN of src/limits.ts.
 *
 *     make partitions -> round: for each N: for each way: append 1 KiB to N, sync them … -> table
 *
 *     --runtime bun|deno   default both          --rounds N    default 5
 *     --counts 1,10,…      dirty partitions      --ms N        of each cell and round, default 300
 *     --data DIR           an empty directory that is measured as it is
 *
 * As root it measures on an ext4 of its own, in an image beside the other figures of the bench, so
 * that syncfs writes out nobody else's files; otherwise on a directory of the disk, and says so.
 * The image lies on another file system: every sync goes through two journals.
 *
 * Invariant: nothing stays mounted and no image is left, also when the bench fails half way.
 */
import { execFileSync, spawn } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { ROOT, type RuntimeName } from "../scripts/runtime.mjs";
import { removeScratch, scratchDirectory } from "../scripts/scratch.ts";
import { capture, DIST } from "./build.ts";
import {
  chooseRuntimes,
  describeEnvironment,
  environmentLines,
  tableHead,
  tableRow,
} from "./environment.ts";
import { runtimeCommand } from "./servers.ts";
import { digits, short, withRange } from "./statistics.ts";
import { type Cell, type FanIn, WAYS } from "./sync_fan_in_run.ts";

const COUNTS = [1, 10, 100, 1000, 10_000];
const IMAGE = "4G";
/** Partitions, their descriptors besides, and room. */
const DESCRIPTORS_MIN = 11_000;

interface Place {
  readonly path: string;
  readonly what: string;
  readonly remove: () => void;
}

/** A file system of its own where that is allowed, or a directory. */
function makePlace(): Place {
  const root = scratchDirectory(DIST);
  const image = join(root, "image");
  const path = join(root, "disk");
  let device = "";
  const remove = () => {
    if (device !== "") {
      capture("umount", [path]);
      capture("losetup", ["-d", device]);
    }
    removeScratch(root);
  };
  mkdirSync(path);
  try {
    run("truncate", "-s", IMAGE, image);
    run("mkfs.ext4", "-q", "-F", "-E", "lazy_itable_init=0,lazy_journal_init=0", image);
    device = run("losetup", "--find", "--show", "--direct-io=on", image).trim();
    run("mount", device, path);
    return { path, what: `an ext4 of its own, in an image of ${IMAGE} on the disk`, remove };
  } catch {
    if (device !== "") capture("losetup", ["-d", device]);
    device = "";
    return { path, what: "a directory of a shared disk: syncfs writes out others' files", remove };
  }
}

function run(program: string, ...args: string[]): string {
  return execFileSync(program, args, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
}

/** Measures under one runtime, in a process that may open as many files as it needs. */
function measure(runtime: RuntimeName, options: Record<string, string>): Promise<FanIn> {
  const script = join(ROOT, "bench", "sync_fan_in_run.ts");
  const command = [...runtimeCommand(runtime), script, JSON.stringify(options)];
  const limit = 'ulimit -n "$(ulimit -Hn)" && exec "$@"';
  const child = spawn("sh", ["-c", limit, "sh", ...command], {
    cwd: ROOT,
    stdio: ["ignore", "pipe", "inherit"],
  });
  const pieces: string[] = [];
  child.stdout.on("data", (piece) => pieces.push(String(piece)));
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => {
      if (code === 0) resolve(JSON.parse(pieces.join("")) as FanIn);
      else reject(new Error(`${runtime} ended with ${code}`));
    });
  });
}

const COLUMNS = ["runtime", "dirty", "way", "ms per group", "acks/s", "longest submit µs"];

function rows(runtime: RuntimeName, fanIn: FanIn, counts: readonly number[]): string[] {
  return counts.flatMap((count) =>
    WAYS.map((way) => {
      const cells = fanIn.cells.filter((cell) => cell.count === count && cell.way === way);
      const of = (figure: (cell: Cell) => number) => cells.map(figure);
      return tableRow([
        runtime,
        String(count),
        way,
        withRange(of(({ groupMs }) => groupMs), digits),
        withRange(of(({ acksPerSecond }) => acksPerSecond), short),
        way === "syncfs" ? "-" : digits(Math.max(...of(({ submitUsMax }) => submitUsMax))),
      ]);
    })
  );
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    args: process.argv.slice(2),
    options: {
      runtime: { type: "string" },
      rounds: { type: "string", default: "5" },
      counts: { type: "string", default: COUNTS.join(",") },
      ms: { type: "string", default: "300" },
      data: { type: "string" },
    },
  });
  const counts = values.counts.split(",").map(Number);
  if (!counts.every((count) => count >= 1)) throw new Error("--counts are positive numbers");
  const runtimes = chooseRuntimes(values.runtime);
  const hard = Number(capture("sh", ["-c", "ulimit -Hn"])) || Infinity;
  if (Math.max(...counts) + 1000 > hard && hard < DESCRIPTORS_MIN) {
    throw new Error(`${hard} open files are allowed: fewer --counts`);
  }
  mkdirSync(DIST, { recursive: true });
  const environment = describeEnvironment("node scripts/under.mjs bench/sync_fan_in.ts", runtimes);
  const all: [RuntimeName, FanIn][] = [];
  let what = "";
  for (const runtime of runtimes) {
    const place = values.data === undefined
      ? makePlace()
      : { path: values.data, what: "the directory that --data names", remove: () => {} };
    process.on("exit", place.remove);
    const { rounds, ms } = values;
    const options = { data: place.path, rounds, ms, counts: counts.join(",") };
    all.push([runtime, await measure(runtime, options)]);
    process.off("exit", place.remove);
    place.remove();
    what = place.what;
  }
  const lines = [
    ...environmentLines(environment),
    `- Measured on ${what}; ${values.rounds} alternating rounds, median (lowest–highest)`,
    "",
    ...tableHead(COLUMNS),
    ...all.flatMap(([runtime, fanIn]) => rows(runtime, fanIn, counts)),
  ];
  writeFileSync(join(DIST, "sync_fan_in.json"), JSON.stringify({ environment, all }, null, 1));
  process.stdout.write(`${lines.join("\n")}\n`);
}

for (const [name, code] of [["SIGINT", 130], ["SIGTERM", 143]] as const) {
  process.on(name, () => process.exit(code));
}
try {
  await main();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
}

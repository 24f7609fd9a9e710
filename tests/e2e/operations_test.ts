/**
 * docs/OPERATIONS.md, pasted: every block does what the page says, and what a broker says in its
 * first hour is what the table says.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { type Broker, runSluice, startBroker } from "../support/broker.ts";
import { commands, programText } from "../support/commands.ts";
import { named } from "../support/data_directory.ts";
import { BROKER_RUNTIME, CLIENT_RUNTIME, PAIR } from "../support/pair.ts";
import { ROOT } from "../support/runtimes.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { pageBlocks } from "../support/tour.ts";

const PAGE = join(ROOT, "docs/OPERATIONS.md");
const directory = temporaryDirectory("operations");

function start(data: string): Promise<Broker> {
  return startBroker({ runtime: BROKER_RUNTIME, data });
}

interface Pasted {
  readonly out: string;
  /** Of each command; where it is a pipe, of its last. */
  readonly codes: readonly number[];
}

/** Each line of the block in a shell that knows `sluice`. */
async function paste(block: string, variables: Record<string, string>): Promise<Pasted> {
  const lines = block.trimEnd().split("\n").map((line) => `${line}; echo "code $?" >&2`);
  const child = spawn("sh", ["-c", [`sluice() { ${programText()} "$@"; }`, ...lines].join("\n")], {
    cwd: ROOT,
    env: { ...process.env, NO_COLOR: "1", ...variables },
  });
  let out = "";
  let error = "";
  child.stdout.on("data", (piece) => (out += piece));
  child.stderr.on("data", (piece) => (error += piece));
  await new Promise((resolve) => child.on("close", resolve));
  return { out, codes: [...error.matchAll(/^code (\d+)$/gm)].map(([, code]) => Number(code)) };
}

test(`settings, and room on a full disk (${PAIR})`, async () => {
  const broker = await start(join(directory, "running"));
  const variables = { SLUICE_BROKER: `127.0.0.1:${broker.port}` };
  const [settings = ""] = pageBlocks(PAGE, "Settings and limits");
  const set = await paste(settings, variables);
  assert.deepEqual(set.codes, [0, 0, 0, 0], set.out);
  assert.match(set.out, /^dataDirectory\t\.\/sluice-data\tdefault\t/m);
  assert.match(set.out, /^log\.durability\tfsync\tdefault\tyes\t/m);

  const sluice = commands(broker);
  for (const topic of ["orders", "old-orders"]) await sluice(["topic", "create", topic]);
  await sluice(["produce", "orders"], { stdin: "a\nb\n" });
  const [room = ""] = pageBlocks(PAGE, "A full disk");
  const freed = await paste(room, variables);
  assert.deepEqual(freed.codes, [0, 0, 0, 0], freed.out);
  assert.equal(freed.out, "2\ndisk_state\t0\n");
  assert.equal((await sluice(["consume", "orders"])).out, "");
  assert.match((await sluice(["topic", "list"])).out, /^orders\t1\t.*retention\.bytes=1073741824/);
  await broker.stop();
});

test("a damaged partition is found, cut and served; a copy is whole", async () => {
  const data = join(directory, "damaged");
  const broker = await start(data);
  await commands(broker)(["topic", "create", "orders"]);
  for (const stdin of ["a\n", "b\n", "c\n"]) {
    await commands(broker)(["produce", "orders"], { stdin });
  }
  await broker.stop();

  const [backup = ""] = pageBlocks(PAGE, "Backup by copying");
  const copy = join(directory, "copy");
  const copied = await paste(backup, { DATA: data, COPY: copy });
  assert.deepEqual(copied.codes, [0, 0], copied.out);
  const onCopy = await start(copy);
  assert.equal((await commands(onCopy)(["consume", "orders"])).out, "a\nb\nc\n");
  await onCopy.stop();

  const log = join(data, "orders-0", named(0, ".log"));
  const bytes = readFileSync(log);
  bytes[bytes.length - 2]! ^= 0xff;
  writeFileSync(log, bytes);
  const [look = "", cut = ""] = pageBlocks(PAGE, "A dying disk");
  const looked = await paste(look, { DATA: data, COPY: join(directory, "damaged-copy") });
  assert.deepEqual(looked.codes, [0, 1, 1], looked.out);
  assert.match(looked.out, /^damage +orders-0\/.*checksum/m);
  assert.match(looked.out, /^nothing was changed: run it again with --truncate/m);
  assert.deepEqual(readFileSync(log), bytes);
  const repaired = await paste(cut, { DATA: data });
  assert.deepEqual(repaired.codes, [0, 0], repaired.out);
  const kept = readdirSync(join(data, "orders-0")).filter((name) => /\.damaged-1$/.test(name));
  assert.ok(kept.includes(`${named(0, ".log")}.damaged-1`), kept.join());
  const again = await start(data);
  assert.equal((await commands(again)(["consume", "orders"])).out, "a\nb\n");
  await again.stop();
});

/** Refused elsewhere: they need another user, another clock, or fewer descriptors. */
const ELSEWHERE = [
  "cannot listen on …: EACCES", // tests/unit/net/listener_test.ts
  "…: EACCES: start the broker as the user …", // tests/e2e/disk_read_only_test.ts
  "too few descriptors", // tests/e2e/settings_test.ts
  "the clock of this machine says …", // tests/unit/server/clock_test.ts
];

test("the first hour: the table names what is said", async () => {
  const section = readFileSync(PAGE, "utf8").split("\n## The first hour\n")[1]!;
  const rows = [...section.matchAll(/^\| `(.*?)` \|/gm)].map(([, text]) => text!);
  const data = join(directory, "first");
  const broker = await start(data);
  const withHttp = (path: string, ...more: string[]) => ["serve", "--data", path, ...more];
  const serve = (path: string, ...more: string[]) => withHttp(path, "--no-http", ...more);
  const free = ["--native", "127.0.0.1:0"];
  const other = join(directory, "other");
  const photographs = join(directory, "foreign");
  mkdirSync(join(photographs, "photographs"), { recursive: true });
  mkdirSync(join(directory, "kafka", "orders-0"), { recursive: true });
  const tokenless = join(directory, "tokenless");
  cpSync(data, tokenless, { recursive: true, filter: (path) => !path.endsWith("/run") });
  writeFileSync(join(tokenless, "http-admin.token"), "not one\n");
  const newer = join(directory, "newer");
  cpSync(data, newer, { recursive: true, filter: (path) => !path.endsWith("/run") });
  const catalogue = readFileSync(join(newer, "catalogue"), "utf8");
  writeFileSync(join(newer, "catalogue"), catalogue.replace(/catalogue \d+/, "catalogue 99"));
  const provoked = [
    serve(other, "--native", `127.0.0.1:${broker.port}`),
    serve(other, "--native", "0.0.0.0:0"),
    withHttp(other, ...free, "--http", `127.0.0.1:${broker.port}`),
    withHttp(tokenless, ...free, "--http", "127.0.0.1:0"),
    serve(data, ...free),
    serve(newer, ...free),
    serve(photographs, ...free),
    serve(join(directory, "kafka"), ...free),
    serve(join(directory, "absent"), "--no-init", ...free),
    ["ping", "--broker", "127.0.0.1:1"],
  ];
  const said: string[] = [];
  for (const args of provoked) {
    const { code, stderr } = await runSluice({ runtime: CLIENT_RUNTIME, args });
    assert.ok(code === 1 || code === 2, stderr);
    // The row that says most.
    const fitting = rows.filter((text) => patternOf(text).test(stderr));
    const row = fitting.sort((a, b) => b.length - a.length)[0];
    assert.ok(row !== undefined, `${args.join(" ")}: the page does not have: ${stderr}`);
    said.push(row);
  }
  await broker.stop();
  assert.deepEqual([...said, ...ELSEWHERE].sort(), [...rows].sort(), "every row, once");
});

/** `…` stands for anything. */
function patternOf(text: string): RegExp {
  const parts = text.split("…").map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  return new RegExp(parts.join(".*"));
}

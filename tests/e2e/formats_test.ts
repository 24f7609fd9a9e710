/**
 * Records with keys, headers and times go in and come out in every form, between both runtimes;
 * what is printed can be read again; a reader that has seen enough ends a command quietly.
 */
import assert from "node:assert/strict";
import { closeSync, openSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { type Broker, startBroker } from "../support/broker.ts";
import { commands, tryCommands } from "../support/commands.ts";
import { BROKER_RUNTIME, PAIR } from "../support/pair.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const directory = temporaryDirectory("formats");

function start(name: string): Promise<Broker> {
  return startBroker({ runtime: BROKER_RUNTIME, data: join(directory, name) });
}

test(`NDJSON comes back as it was, compressed or not (${PAIR})`, async () => {
  const broker = await start("ndjson");
  const sluice = commands(broker);
  const records = [
    { key: "k", value: "v", headers: [{ name: "h", value: "x" }], timestamp: 1000 },
    { key: null, value: "äöü\n", timestamp: 2000 },
    { key: "deleted", value: null, timestamp: 3000 },
    { key: "bytes", valueBase64: "AP8=", timestamp: 4000 },
  ];
  const stdin = records.map((record) => JSON.stringify(record)).join("\n");
  for (const codec of ["none", "gzip", "snappy", "lz4", "zstd"]) {
    const topic = `t-${codec}`;
    await sluice(["topic", "create", topic]);
    await sluice(["produce", topic, "--format", "ndjson", "--compression", codec], { stdin });
    const { out } = await sluice(["consume", topic, "--json"]);
    const back = out.trimEnd().split("\n").map((line) => JSON.parse(line));
    const wanted = records.map((record, offset) => ({ topic, partition: 0, offset, ...record }));
    assert.deepEqual(back, wanted, codec);
    const copy = `${topic}-copy`;
    await sluice(["topic", "create", copy]);
    await sluice(["produce", copy, "--format", "ndjson"], { stdin: out });
    const again = (await sluice(["consume", copy, "--json"])).out;
    assert.equal(again, out.replaceAll(`"topic":"${topic}"`, `"topic":"${copy}"`));
  }
  await broker.stop();
});

test("the partition that a line names counts, unless it is passed over", async () => {
  const broker = await start("partition");
  const sluice = commands(broker);
  await sluice(["topic", "create", "wide", "--partitions", "2"]);
  await sluice(["topic", "create", "narrow"]);
  await sluice(["produce", "wide", "--partition", "1"], { stdin: "a\nb\n" });
  const { out: stdin } = await sluice(["consume", "wide", "--json"]);
  const produce = ["produce", "narrow", "--format", "ndjson"];
  const refused = await tryCommands(broker)(produce, { stdin });
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /^acknowledged 0 of /m);
  await sluice([...produce, "--ignore-partition"], { stdin });
  assert.equal((await sluice(["consume", "narrow"])).out, "a\nb\n");
  // --partition is for those that name none; passed over, what they name is none.
  await sluice(["topic", "create", "both", "--partitions", "3"]);
  const both = ["produce", "both", "--format", "ndjson", "--partition", "2"];
  const lines = '{"value":"named","partition":1}\n{"value":"not"}\n';
  await sluice(both, { stdin: lines });
  await sluice([...both, "--ignore-partition"], { stdin: lines });
  const where = await sluice(["consume", "both", "-F", "%p %s\\n"]);
  assert.equal(where.out, "1 named\n2 not\n2 named\n2 not\n");
  await broker.stop();
});

test("keys choose the partition, and every partition is consumed", async () => {
  const broker = await start("keys");
  const sluice = commands(broker);
  await sluice(["topic", "create", "t", "--partitions", "4"]);
  const pairs = Array.from({ length: 200 }, (_, at) => `key-${at % 20}=${at}`);
  const keyed = ["produce", "t", "--key-separator", "=", "--header", "from=test", "--json"];
  const { out } = await sluice(keyed, { stdin: pairs.join("\n") });
  const summary = JSON.parse(out);
  assert.equal(summary.records, 200);
  assert.ok(summary.partitions.length > 1, out);
  const printed = await sluice(["consume", "t", "-F", "%p %k=%s %h\\n"]);
  const lines = printed.out.trimEnd().split("\n");
  const partitionOf = new Map<string, string>();
  const lastOf = new Map<string, number>();
  for (const line of lines) {
    const [, partition, key, value] = /^(\d) (key-\d+)=(\d+) from=test$/.exec(line) ?? [];
    assert.ok(partition !== undefined && key !== undefined, line);
    assert.equal(partitionOf.get(key) ?? partition, partition, "a key stays in its partition");
    assert.ok(Number(value) > (lastOf.get(key) ?? -1), "in the order it was sent");
    partitionOf.set(key, partition);
    lastOf.set(key, Number(value));
  }
  assert.equal(lines.length, 200);
  const one = (await sluice(["consume", "t", "--partition", "0", "--partition", "1"])).out;
  const wanted = lines.filter((line) => /^[01]/.test(line)).length;
  assert.equal(one.split("\n").length - 1, wanted);
  await broker.stop();
});

test("from a place until another, so many, with lengths before them", async () => {
  const broker = await start("places");
  const sluice = commands(broker);
  await sluice(["topic", "create", "t"]);
  const stdin = Array.from({ length: 10 }, (_, at) => {
    return JSON.stringify({ value: String(at), timestamp: Date.UTC(2026, 0, 1 + at) });
  }).join("\n");
  await sluice(["produce", "t", "--format", "ndjson"], { stdin });
  const consume = async (...more: string[]) => (await sluice(["consume", "t", ...more])).out;
  assert.equal(await consume("--raw"), "0123456789");
  assert.equal(await consume("--raw", "--from", "3", "--until", "5"), "34");
  const until = ["--until", "2026-01-04T00:00:00Z"];
  assert.equal(await consume("--raw", "--from", "2026-01-02T00:00:00Z", ...until), "12");
  assert.equal(await consume("--raw", "-n", "4"), "0123");
  assert.equal(await consume("--raw", "-f", "--from", "8", "-n", "2"), "89");
  assert.equal(await consume("--raw", "-f", "--until", "2"), "01");
  assert.equal(await consume("--raw", "-n", "0"), "");
  const prefixed = await sluice(["consume", "t", "-F", "%R%s"]);
  await sluice(["topic", "create", "copy"]);
  await sluice(["produce", "copy", "--format", "binary"], { stdin: prefixed.stdout });
  assert.equal((await sluice(["consume", "copy", "--raw"])).out, "0123456789");
  await broker.stop();
});

test("a wrong record is told by its place, what came before is stored", async () => {
  const broker = await start("wrong");
  await commands(broker)(["topic", "create", "t"]);
  const produce = (args: string[], stdin: string | Uint8Array) => {
    return tryCommands(broker)(["produce", "t", ...args], { stdin });
  };
  const json = await produce(["--format", "ndjson"], '{"value":"a"}\n\n{"vale":"b"}\n');
  assert.equal(json.code, 1);
  assert.match(json.stderr, /line 3 of standard input: "vale" is no field/);
  assert.match(json.stderr, /^acknowledged 1 of 1 records/m);
  const again =
    `tail -n \\+3 INPUT \\| sluice produce t --format ndjson --broker 127.*:${broker.port}`;
  assert.match(
    json.stderr,
    new RegExp(`^ +Everything before line 3 is stored: go on with: ${again}$`, "m"),
  );
  const bytes = await produce(["--format", "ndjson"], Uint8Array.of(0x22, 0xff, 0x22));
  assert.match(bytes.stderr, /line 1 of standard input: not UTF-8; .* base64 into valueBase64/);
  const none = await produce(["--format", "ndjson"], '{"valueBase64":null}');
  assert.match(none.stderr, /line 1 of standard input: "valueBase64" is not base64/);
  const cut = await produce(["--format", "binary"], "\0\0\0\x01b\0\0\0\x09c");
  assert.equal(cut.code, 1);
  assert.match(cut.stderr, /record 2 of standard input: the input ends inside a record/);
  assert.equal((await commands(broker)(["consume", "t", "--raw"])).out, "ab");
  const wrong = await tryCommands(broker)(["consume", "tt"]);
  assert.match(wrong.stderr, /Did you mean t\?/);
  await broker.stop();
});

test("an input that cannot be read is named, with what to do", async () => {
  const broker = await start("unreadable");
  await commands(broker)(["topic", "create", "t"]);
  const produce = (args: string[], more: { stdinFd?: number } = {}) => {
    return tryCommands(broker)(["produce", "t", ...args], more);
  };
  const absent = await produce([join(directory, "absent")]);
  const folder = openSync(directory, "r");
  const unreadable = [
    [absent, /^sluice: cannot read .*absent: ENOENT$/m],
    [await produce([directory]), /^sluice: cannot read .*: EISDIR$/m],
    [await produce([], { stdinFd: folder }), /^sluice: cannot read standard input: EISDIR$/m],
  ] as const;
  closeSync(folder);
  for (const [{ code, stderr }, said] of unreadable) {
    assert.equal(code, 1);
    assert.match(stderr, said);
    assert.match(stderr, /^ +Name a file that can be read, or pipe into standard input\.$/m);
  }
  await broker.stop();
});

test("what was done is told as JSON, too", async () => {
  const broker = await start("done");
  const sluice = commands(broker);
  const done = async (...args: string[]) => JSON.parse((await sluice([...args, "--json"])).out);
  const { topicId } = await done("topic", "create", "t");
  const again = await done("topic", "create", "t", "--if-absent");
  assert.deepEqual(again, { topic: "t", topicId, partitions: 1 });
  const altered = await done(
    "topic",
    "alter",
    "t",
    "--config",
    "retention.ms=1000",
    "--unset",
    "durability",
  );
  assert.deepEqual(altered, { topic: "t", set: { "retention.ms": "1000" }, unset: ["durability"] });
  assert.deepEqual(await done("config", "set", "log.durability=os"), {
    set: { "log.durability": "os" },
    unset: [],
  });
  assert.deepEqual(await done("config", "unset", "log.durability"), {
    set: {},
    unset: ["log.durability"],
  });
  assert.deepEqual(await done("topic", "delete", "t"), { topic: "t" });
  await broker.stop();
});

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type Command, commands, parseCommandLine } from "../../../src/cli/command_line.ts";
import { commandTree, leavesOf } from "../../../src/cli/command_tree.ts";
import { ExitCode } from "../../../src/cli/exit_codes.ts";
import { VERSION } from "../../../src/version.ts";

const STYLE = { colors: false, columns: 100 };

function parsed(...args: string[]): Command {
  const { command } = parseCommandLine(args, STYLE);
  assert.ok(command !== null, args.join(" "));
  return command;
}

function refused(...args: string[]): string {
  const line = parseCommandLine(args, STYLE);
  assert.ok(line.command === null, args.join(" "));
  assert.equal(line.exitCode, ExitCode.usage);
  assert.equal(line.stdout, "");
  return line.stderr;
}

describe("commands and their defaults", () => {
  test("serve", () => {
    assert.deepEqual({ ...parsed("serve") }, { name: "serve", file: undefined, said: {} });
    const all = ["--data", "d", "--native", "[::1]:0", "--run-dir", "r", "--no-init"];
    all.push("--cold-reads", "off", "--insecure", "--config", "f");
    all.push("--connections-max", "10", "--connections-per-address", "2");
    all.push("--sync-method", "pool");
    all.push("--native-advertised", "box.example:17400", "--http-advertised", "[::1]:17480");
    const said = {
      dataDirectory: "d",
      native: { host: "::1", port: 0 },
      nativeAdvertised: { host: "box.example", port: 17400 },
      http: {
        listen: undefined,
        enabled: undefined,
        advertised: { host: "::1", port: 17480 },
      },
      insecure: true,
      runDirectory: "r",
      initialise: false,
      connections: { max: 10, perAddressMax: 2 },
      sync: { method: "pool" },
      coldReads: { guard: false, method: "cachestat" },
    };
    assert.deepEqual({ ...parsed("serve", ...all) }, { name: "serve", file: "f", said });
    const plain = { name: "config", file: undefined, said: {}, json: false };
    assert.deepEqual({ ...parsed("config") }, plain);
    assert.equal(parsed("config", "running").name, "config running");
    assert.equal(parsed("config", "set", "a=b", "c=d").name, "config set");
    const config = { name: "config", file: "f", said, json: true };
    assert.deepEqual({ ...parsed("config", "--json", ...all) }, config);
  });

  test("topic create and topic list", () => {
    const config = ["--config", "durability=os", "--config", "a=b=c"];
    assert.deepEqual({ ...parsed("topic", "create", "t", "--partitions", "3", ...config) }, {
      name: "topic create",
      topic: "t",
      partitions: 3,
      config: [{ key: "durability", value: "os" }, { key: "a", value: "b=c" }],
      ifAbsent: false,
      json: false,
      broker: undefined,
    });
    const plain = parsed("topic", "create", "t");
    assert.ok(plain.name === "topic create");
    assert.deepEqual([plain.partitions, plain.config], [1, []]);
    assert.equal(parsed("topic", "list").name, "topic list");
  });

  test("topic delete, records delete and offsets", () => {
    const name = "topic delete";
    assert.deepEqual({ ...parsed("topic", "delete", "t", "u") }, {
      name,
      topics: ["t", "u"],
      json: false,
      broker: undefined,
    });
    for (const [text, offset] of [["0", 0], ["9007199254740991", 2 ** 53 - 1], ["end", "end"]]) {
      const command = parsed("records", "delete", "t", "3", String(text));
      const broker = undefined;
      const said = { topic: "t", partition: 3, offset, json: false, broker };
      assert.deepEqual({ ...command }, { name: "records delete", ...said });
    }
    const offsets = parsed("offsets", "--json");
    assert.ok(offsets.name === "offsets");
    assert.deepEqual([offsets.topics, offsets.json], [[], true]);
  });

  test("produce", () => {
    assert.deepEqual({ ...parsed("produce", "t") }, {
      name: "produce",
      topic: "t",
      file: undefined,
      partition: undefined,
      format: "lines",
      ignorePartition: false,
      keySeparator: undefined,
      headers: [],
      compression: "none",
      acks: "all",
      json: false,
      broker: undefined,
    });
    const more = [
      "--partition",
      "2",
      "--broker",
      "h:1",
      "--key-separator",
      "=",
      "--acks",
      "leader",
    ];
    const full = parsed("produce", "t", "-", ...more, "--compression", "lz4", "--header", "a=b");
    assert.ok(full.name === "produce");
    assert.deepEqual([full.file, full.partition, full.keySeparator], ["-", 2, "="]);
    assert.deepEqual([full.acks, full.compression], ["leader", "lz4"]);
    assert.deepEqual(full.headers, [{ key: "a", value: "b" }]);
    assert.deepEqual(full.broker, { host: "h", port: 1 });
  });

  test("consume", () => {
    const plain = parsed("consume", "t");
    assert.ok(plain.name === "consume");
    assert.deepEqual([plain.from, plain.until, plain.follow], ["beginning", undefined, false]);
    assert.deepEqual([plain.partitions, plain.limit, plain.format], [[], undefined, undefined]);
    for (
      const [args, from, follow] of [
        [["--from", "end", "-f"], "end", true],
        [["--from", "12", "-e"], 12, false],
        [["--from=beginning", "--follow"], "beginning", true],
        [["--from", "2026-01-31T12:00:00Z"], { timeMs: 1769860800000 }, false],
        [["--from", "2026-01-31T13:00:00.250+01:00"], { timeMs: 1769860800250 }, false],
        [["--from", "2026-01-31T12:00Z"], { timeMs: 1769860800000 }, false],
        [["--from", "first"], "beginning", false],
        [["--from", "-90s"], { agoMs: 90_000 }, false],
        [["--from=-2d"], { agoMs: 172_800_000 }, false],
      ] as const
    ) {
      const command = parsed("consume", "t", ...args);
      assert.ok(command.name === "consume");
      assert.deepEqual([command.from, command.follow], [from, follow]);
    }
    const more = parsed(
      "consume",
      "t",
      "--partition",
      "1",
      "--partition",
      "3",
      "-n",
      "5",
      "--json",
    );
    assert.ok(more.name === "consume");
    assert.deepEqual([more.partitions, more.limit, more.json], [[1, 3], 5, true]);
    const formatted = parsed("consume", "t", "-F", "%s", "--until", "-1h");
    assert.ok(formatted.name === "consume");
    assert.deepEqual([formatted.format?.length, formatted.until], [1, { agoMs: 3_600_000 }]);
  });

  test("stats and ping", () => {
    assert.equal(parsed("stats").name, "stats");
    assert.equal(parsed("ping", "--broker", "127.0.0.1:1").name, "ping");
    const place = { data: undefined, runDirectory: undefined, http: undefined };
    assert.deepEqual({ ...parsed("health") }, { name: "health", ...place, json: false });
    assert.deepEqual({ ...parsed("health", "--http", "[::1]:80", "--json") }, {
      ...{ name: "health", ...place, http: { host: "::1", port: 80 }, json: true },
    });
    const made = { name: "init", directory: "d", json: false };
    assert.deepEqual({ ...parsed("init", "d") }, made);
  });
});

describe("what is refused", () => {
  const cases: [args: string[], named: RegExp][] = [
    [[], /./],
    [["nonsense"], /nonsense/],
    [["topic"], /sluice topic needs a command: create, list/],
    [["sevre"], /Did you mean serve\?/],
    [["topic", "lst"], /Did you mean list\?/],
    [["topic", "create", "t", "--partitoins", "3"], /Did you mean --partitions\?/],
    [["completions", "cmd"], /bash/],
    [["consume", "t", "--from", "-1y"], /./],
    [["serve", "--native", "7400"], /7400.*HOST:PORT/],
    [["serve", "--native", "h:70000"], /HOST:PORT/],
    [["serve", "extra"], /extra/],
    [["serve", "--sync-method", "never"], /auto.*filesystem.*never/],
    [["topic", "create"], /./],
    [["topic", "create", "t", "--partitions", "0"], /1/],
    [["topic", "create", "t", "--config", "novalue"], /KEY=VALUE/],
    [["produce"], /./],
    [["produce", "t", "--partition", "-1"], /./],
    [["consume", "t", "--from", "-1"], /./],
    [["consume", "t", "--from", "later"], /later.*beginning, end/],
    [["consume", "t", "--from", "2026-01-31"], /a time such as/],
    [["consume", "t", "--from", "2026-13-31T12:00:00Z"], /a time such as/],
    [["topic", "delete"], /./],
    [["records", "delete", "t", "0"], /./],
    [["records", "delete", "t", "-1", "0"], /./],
    [["records", "delete", "t", "0", "beginning"], /beginning.* is not end or an offset/],
    [["records", "delete", "t", "0", "9007199254740993"], /offset/],
    [["consume", "t", "--from", "9007199254740993"], /offset/],
    [["consume", "t", "-f", "-e"], /-f.*-e/],
    [["consume", "t", "-F", "%z"], /%z is no escape/],
    [["consume", "t", "-F", "%s", "--json"], /--json/],
    [["produce", "t", "--key-separator", ""], /./],
    [["produce", "t", "--format", "xml"], /lines.*binary/],
    [["ping", "--broker", "x"], /HOST:PORT/],
    [["bench", "--rate", "10000001"], /"10000001" is not max or a number from 1 to 10000000/],
    [["bench", "--rate", "0"], /is not max or a number/],
    [["config", "set"], /sluice config set needs KEY=VALUE\.\n.*sluice config set --help/],
    [["produce", "t", "--format", "ndjsn"], /Did you mean ndjson\?.*sluice produce --help/],
    [["produce", "t", "--format=ndjsn"], /Did you mean ndjson\?/],
    [["consume", "t", "--hlp"], /Did you mean --help\?/],
  ];
  for (const [args, named] of cases) {
    test(`sluice ${args.join(" ")}`, () => {
      const text = refused(...args);
      assert.match(text, named);
      assert.match(text, /^sluice: /);
      assert.match(text, /What can be said: sluice [a-z ]*--help\./);
      assert.equal(text.trimEnd().split("\n").length, 2, "a line and a hint");
    });
  }
});

describe("help", () => {
  test("--help names every command and every exit code", () => {
    const line = parseCommandLine(["--help"], STYLE);
    assert.ok(line.command === null);
    assert.equal(line.exitCode, ExitCode.success);
    for (const word of ["serve", "topic", "produce", "consume", "stats", "ping", "Exit codes"]) {
      assert.ok(line.stdout.includes(word), word);
    }
    for (const code of Object.values(ExitCode)) {
      assert.match(line.stdout, new RegExp(`\\b${code}\\b`));
    }
  });

  test("every command that prints can print JSON", () => {
    const others = ["serve", "completions"];
    for (const { path, options } of leavesOf(commandTree(commands))) {
      const hasJson = options.some(({ names }) => names.includes("--json"));
      assert.equal(hasJson, !others.includes(path[0]!), path.join(" "));
    }
  });

  test("no line of any help is too long, and each exit code has its own", () => {
    for (const args of [[], ["serve"], ["bench"], ["config"], ["consume"]]) {
      const line = parseCommandLine([...args, "--help"], STYLE);
      assert.ok(line.command === null);
      for (const text of line.stdout.split("\n")) assert.ok(text.trimEnd().length <= 100, text);
      for (const code of Object.values(ExitCode)) {
        assert.match(line.stdout, new RegExp(`^  ${code} +[a-z]`, "m"));
      }
    }
  });

  test("each command has its own help", () => {
    for (const args of [["serve"], ["topic", "create"], ["produce"], ["consume"], ["ping"]]) {
      const line = parseCommandLine([...args, "--help"], STYLE);
      assert.ok(line.command === null);
      assert.equal(line.exitCode, ExitCode.success);
      assert.ok(line.stdout.includes(`sluice ${args.join(" ")}`), line.stdout);
    }
  });

  test("--version", () => {
    const line = parseCommandLine(["--version"], STYLE);
    assert.ok(line.command === null);
    assert.match(line.stdout, new RegExp(VERSION.replaceAll(".", "\\.")));
  });
});

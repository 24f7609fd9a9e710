/**
 * The rules of the house as a test: the import table, sizes, and what must not stand in certain
 * folders. The rules themselves are functions in tests/support/tidy_rules.ts; here stand the
 * table, the exceptions and the run over every file of the repository.
 */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import {
  DENO_BROKER_PERMISSIONS,
  DENO_SCRIPT_PERMISSIONS,
  ROOT,
  RUNTIMES,
} from "../scripts/runtime.mjs";
import * as rules from "./support/tidy_rules.ts";
import { readSource, type Source } from "./support/tidy_scan.ts";

/** Folders that bring no other part of Sluice with them. */
const GROUND = ["src/base", "src/limits"];
const ENGINE = [
  ...GROUND,
  "src/format",
  "src/log",
  "src/net",
  "src/broker",
  "src/native",
  "src/kafka",
];

/**
 * Who may import what. THINK ABOUT THE LAYERS BEFORE YOU CHANGE THIS TABLE
 * (docs/ARCHITECTURE.md).
 */
const LAYERS: rules.Layers = {
  "ffi": layer([], "nothing", [], ["node:process", "bun:"]),
  "src/address": layer([], "nothing", [], []),
  "src/base": layer([], "nothing", ["@logtape/logtape"], ["node:process"]),
  "src/limits": layer(["src/base"], "nothing", [], []),
  "src/version": layer([], "nothing", [], []),
  "src/config_texts": layer([], "nothing", [], []),
  "src/config": layer(
    [...GROUND, "src/address", "src/config_texts", "src/config_defaults"],
    "nothing",
    ["zod"],
    ["node:"],
  ),
  "src/config_defaults": layer([...GROUND, "src/config"], "nothing", [], []),
  "src/codec": layer(GROUND, "nothing", ["snappyjs"], ["node:zlib"]),
  "src/format": layer(GROUND, "nothing", [], []),
  "src/log": layer([...GROUND, "src/codec", "src/format"], "constants", [], []),
  "src/net": layer(GROUND, "constants", [], []),
  "src/broker": layer([...GROUND, "src/format", "src/log"], "nothing", [], []),
  "src/native": layer([...GROUND, "src/format", "src/broker"], "nothing", [], []),
  "src/kafka": layer([...GROUND, "src/format", "src/broker"], "nothing", [], []),
  "src/tools": layer([...GROUND, "src/codec", "src/format", "src/log"], "constants", [], []),
  "src/server": layer(
    [...ENGINE, "src/tools", "src/address", "src/config", "src/config_texts"],
    "value",
    [],
    [
      "node:",
    ],
  ),
  "src/admin": {
    ...layer(
      ["src/config", "src/client", "src/address", "src/limits", "src/version"],
      "nothing",
      ["hono", "@hono", "zod", "prom-client"],
      ["node:"],
    ),
    files: [
      "src/format/broker_settings.ts",
      "src/format/errors.ts",
      "src/format/internal_topics.ts",
      "src/format/levels.ts",
      "src/format/topic_config.ts",
      "src/base/bytes.ts",
      "src/base/histogram.ts",
      "src/base/trace.ts",
      "src/base/later.ts",
      "src/base/verify_event.ts",
    ],
  },
  "src/client": {
    ...layer([...GROUND, "src/codec", "src/format"], "nothing", [], ["node:"]),
    // The tables of the native protocol and what is compiled from them; its handlers are the
    // broker's.
    files: [
      "operations",
      "topic_operations",
      "broker_operations",
      "group_operations",
      "table",
      "frame",
      "codec",
    ].map((name) => `src/native/${name}.ts`),
  },
  "src/cli": layer(["*"], "constants", ["@optique", "yaml", "zod"], ["node:"]),
  "src/main": layer(["*"], "constants", ["@optique"], ["node:"]),
  "src/embed": layer(["*"], "nothing", [], ["node:"]),
  "src/running_broker": layer(["*"], "nothing", [], []),
  "src/open_http": layer(["src/base", "src/admin", "src/server"], "nothing", [], []),
};

/** Every exception to a rule: which rule, where (the beginning of a finding), why. */
const EXCEPTIONS: readonly { rule: string; where: string; why: string }[] = [
  {
    rule: "lineLength",
    where: "docs/PROTOCOL.md",
    why: "generated: its tables follow the tables of the code",
  },
  {
    rule: "lineLength",
    where: "docs/CLI.md",
    why: "generated: its texts are those of the command line",
  },
  {
    rule: "lineLength",
    where: "scripts/generate_protocol.ts",
    why: "holds the page's text, whose lines are measured with the numbers in them",
  },
  {
    rule: "fileLength",
    where: "src/client/http/api.ts",
    why: "generated: a method for each operation of the HTTP door",
  },
  {
    rule: "fileLength",
    where: "src/client/http/schemas.ts",
    why: "generated: a type for each schema of the HTTP door",
  },
  {
    rule: "fileLength",
    where: "tests/unit/tools/verify_test.ts",
    why: "one list of damages and what is said of each",
  },
  {
    rule: "outsideOnDataPath",
    where: "src/server/clock.ts:13: new Date",
    why: "spells the time that libc gave, in a message; once, at the start",
  },
  {
    rule: "outsideOnDataPath",
    where: "src/server/threads.ts",
    why:
      "on the main thread, when a broker stops: how long a worker whose disk hangs is waited for",
  },
  {
    rule: "leftOver",
    where: "tests/unit/support/tidy_rules_test.ts",
    why: "plants what the rule must find",
  },
];

const RULES: Readonly<Record<string, rules.Rule>> = {
  imports: rules.importRule(LAYERS),
  functionLength: rules.functionLength,
  fileLength: rules.fileLength,
  lineLength: rules.lineLength,
  templateInAssert: rules.templateInAssert,
  bigInt: rules.bigInt,
  outsideOnDataPath: rules.outsideOnDataPath,
  anyType: rules.anyType,
  leftOver: rules.leftOver,
  defaultExport: rules.defaultExport,
  opensWithComment: rules.opensWithComment,
  hotFile: rules.hotFile,
  machineNames: rules.machineNames,
};

/** What git ignores, besides the licence (not our words) and the lock file (not our lines). */
const NOT_OURS = new Set([
  ".git",
  "node_modules",
  "dist",
  "coverage",
  "sluice-data",
  "LICENSE",
  "package-lock.json",
]);

const sources = readRepository();
const paths: ReadonlySet<string> = new Set(sources.map(({ path }) => path));

for (const [name, rule] of Object.entries(RULES)) {
  test(`tidy: ${name}`, () => {
    const excepted = EXCEPTIONS.filter((exception) => exception.rule === name);
    const found = sources.flatMap(rule);
    const broken = found.filter((line) => !excepted.some(({ where }) => line.startsWith(where)));
    assert.deepEqual(broken, []);
    const unused = excepted.filter(({ where }) => !found.some((line) => line.startsWith(where)));
    assert.deepEqual(unused, [], "an exception that excepts nothing is deleted");
  });
}

test("tidy: every unit test mirrors a source file", () => {
  assert.deepEqual([...paths].flatMap((path) => rules.unitTestMirrors(path, paths)), []);
});

test("tidy: the turn is hot", () => {
  const turn = sources.find(({ path }) => path === "src/server/turn.ts");
  if (turn !== undefined) assert.ok(rules.isHot(turn), "src/server/turn.ts says that it is hot");
});

test("tidy: package.json, deno.json and tsconfig.json agree", () => {
  const npm = readJson("package.json");
  const deno = readJson("deno.json");
  assert.equal(deno["name"], npm["name"]);
  assert.equal(deno["version"], npm["version"]);
  const tsc = at(readJson("tsconfig.json"), "compilerOptions");
  for (const [flag, value] of Object.entries(at(deno, "compilerOptions"))) {
    if (flag !== "lib") assert.equal(tsc[flag], value, `${flag} is the same in both`);
  }
  for (const flag of ["strict", "noUncheckedIndexedAccess", "exactOptionalPropertyTypes"]) {
    assert.equal(tsc[flag], true, flag);
  }
});

test("tidy: Deno's tasks ask for the permissions of scripts/runtime.mjs", () => {
  const tasks = at(readJson("deno.json"), "tasks");
  for (const [name, command] of Object.entries(tasks)) {
    const isBroker = name === "start" || name === "sluice";
    const wanted = isBroker ? DENO_BROKER_PERMISSIONS : DENO_SCRIPT_PERMISSIONS;
    assert.deepEqual(String(command).match(/--(allow-\w+|no-prompt)/g), [...wanted], name);
    assert.match(String(command), /^DENO_NO_UPDATE_CHECK=1 deno /, "and nothing of the network");
  }
});

test("tidy: versions are exact, and the lock file names no address", () => {
  const npm = readJson("package.json");
  for (const kind of ["dependencies", "devDependencies", "optionalDependencies"]) {
    for (const [name, version] of Object.entries(at(npm, kind))) {
      assert.match(String(version), /^\d+\.\d+\.\d+$/, name);
      // A package of this name puts itself before the runtime inside `deno task` and `bun run`.
      assert.ok(!RUNTIMES.some((runtime) => runtime === name), `no dependency is called ${name}`);
    }
  }
  assert.doesNotMatch(readFileSync(join(ROOT, "package-lock.json"), "utf8"), /"resolved"/);
});

function layer(
  folders: readonly string[],
  ffi: rules.Layer["ffi"],
  packages: readonly string[],
  builtins: readonly string[],
): rules.Layer {
  return { folders, ffi, packages, builtins };
}

function readRepository(folder: string = ""): Source[] {
  const found: Source[] = [];
  for (const entry of readdirSync(join(ROOT, folder), { withFileTypes: true })) {
    const path = folder === "" ? entry.name : `${folder}/${entry.name}`;
    if (NOT_OURS.has(entry.name)) continue;
    if (entry.isDirectory()) found.push(...readRepository(path));
    else if (entry.isFile()) {
      const bytes = readFileSync(join(ROOT, path));
      if (!bytes.includes(0)) found.push(readSource(path, bytes.toString("utf8")));
    }
  }
  return found;
}

function readJson(path: string): Record<string, unknown> {
  return JSON.parse(readFileSync(join(ROOT, path), "utf8"));
}

function at(object: Record<string, unknown>, key: string): Record<string, unknown> {
  return Object(object[key]);
}

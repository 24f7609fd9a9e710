/** Where a setting comes from, what wins, and how a wrong one is told, whatever its source. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { ConfigError } from "../../../src/address.ts";
import {
  brokerAddress,
  brokerOptions,
  resolveSettings,
  SETTINGS,
  type SettingSources,
  settingText,
} from "../../../src/cli/settings.ts";
import { parseConfig } from "../../../src/config.ts";
import { temporaryDirectory } from "../../support/temporary.ts";

const directory = temporaryDirectory("settings");

function fileOf(text: string): string {
  const path = join(directory, "sluice.json");
  writeFileSync(path, text);
  return path;
}

function resolve(sources: Partial<SettingSources>): ReturnType<typeof resolveSettings> {
  return resolveSettings({ environment: {}, said: {}, ...sources });
}

function of(values: ReturnType<typeof resolveSettings>, key: string): string[] {
  const value = values.find(({ setting }) => setting.key === key)!;
  return [settingText(value), value.source, value.place];
}

test("every setting of a broker has a name, a variable and a text", () => {
  const keys = SETTINGS.map(({ key }) => key);
  for (const key of ["dataDirectory", "native", "connections.perAddressMax", "coldReads.guard"]) {
    assert.ok(keys.includes(key), key);
  }
  assert.equal(new Set(SETTINGS.map(({ variable }) => variable)).size, SETTINGS.length);
  for (const { key, text, allowed } of SETTINGS) {
    assert.ok(text !== "" && allowed !== "", key);
  }
  const perAddress = SETTINGS.find(({ key }) => key === "connections.perAddressMax")!;
  assert.equal(perAddress.variable, "SLUICE_CONNECTIONS_PER_ADDRESS_MAX");
});

test("without sources it is what the broker has by itself", () => {
  const values = resolve({});
  assert.deepEqual(parseConfig(brokerOptions(values)), parseConfig({}));
  assert.deepEqual(brokerAddress(values), { host: "127.0.0.1", port: 7400 });
  assert.ok(values.every(({ source, place }) => source === "default" && place === ""));
});

test("the command line comes before the environment, that before the file", () => {
  const file = fileOf(`{ // settings
    "native": "[::1]:1", "connections": { "max": 1, "idleMs": 1 }, "sync.waitShare": 0.25,
  }`);
  const environment = {
    "SLUICE_CONNECTIONS_MAX": "2",
    "SLUICE_NATIVE": "127.0.0.2:2",
    "SLUICE_SYNC_WRITE_AHEAD": "false",
    "SLUICE_BROKER": "h:9",
  };
  const said = { native: { host: "127.0.0.3", port: 3 } };
  const values = resolve({ file, environment, said });
  assert.deepEqual(of(values, "native"), ["127.0.0.3:3", "command line", "--native"]);
  assert.deepEqual(of(values, "connections.max"), [
    "2",
    "environment",
    "SLUICE_CONNECTIONS_MAX",
  ]);
  assert.deepEqual(of(values, "connections.idleMs"), ["1", "file", file]);
  assert.deepEqual(of(values, "sync.method"), ["auto", "default", ""]);
  const config = parseConfig(brokerOptions(values));
  assert.deepEqual(config.native, said.native);
  assert.equal(config.connections.max, 2);
  assert.equal(config.sync.waitShare, 0.25);
  assert.equal(config.sync.writeAhead, false);
  assert.deepEqual(brokerAddress(values), { host: "h", port: 9 });
  assert.deepEqual(of(resolve({ file }), "native"), ["[::1]:1", "file", file]);
});

describe("a wrong one is refused with name, value, place and what is allowed", () => {
  const cases: [name: string, sources: Partial<SettingSources>, told: RegExp][] = [
    [
      "a number out of range",
      { environment: { SLUICE_CONNECTIONS_MAX: "0" } },
      /^connections\.max is 0 \(SLUICE_CONNECTIONS_MAX\); allowed: 1 to 16384$/,
    ],
    [
      "no number",
      { environment: { SLUICE_CONNECTIONS_IDLE_MS: "1s" } },
      /^connections\.idleMs is 1s \(SLUICE_CONNECTIONS_IDLE_MS\); allowed: 1 to \d+$/,
    ],
    [
      "no choice",
      { environment: { SLUICE_SYNC_METHOD: "never" } },
      /^sync\.method is never .*allowed: auto, aio, pool or filesystem$/,
    ],
    [
      "no boolean",
      { environment: { SLUICE_INSECURE: "yes" } },
      /^insecure is yes .*allowed: true or false$/,
    ],
    ["no address", { environment: { SLUICE_NATIVE: "7400" } }, /^native is 7400 .*HOST:PORT$/],
    [
      "a mistyped variable",
      { environment: { SLUICE_CONECTIONS_MAX: "5" } },
      /^SLUICE_CONECTIONS_MAX=5 in the environment is no setting Did you mean SLUICE_CONNECTIONS_M/,
    ],
  ];
  for (const [name, sources, told] of cases) {
    test(name, () => assert.match(complaint(sources), told));
  }

  const files: [text: string, told: RegExp][] = [
    [
      '{ "connections": { "max": "5" } }',
      /connections\.max is 5 \(.*sluice\.json\); allowed: 1 to/,
    ],
    ['{ "native": 5 }', /native is 5 \(.*sluice\.json\); allowed: HOST:PORT$/],
    ['{ "sync": { "metod": 1 } }', /sluice\.json: "sync\.metod" .* Did you mean sync\.method\?/],
    ["[]", /sluice\.json: "" is no setting/],
    ['{ "sync": 5 }', /"sync" is no setting/],
    ['{ "conections": {} }', /"conections" is no setting/],
    ["{ native }", /sluice\.json: line 1, column 3: not JSON/],
  ];
  for (const [text, told] of files) {
    test(text, () => assert.match(complaint({ file: fileOf(text) }), told));
  }

  test("a file that is not there", () => {
    assert.match(complaint({ file: join(directory, "none") }), /none: .*ENOENT|none: .*[Nn]o such/);
  });

  test("a variable of somebody else is nobody's mistake", () => {
    assert.equal(resolve({ environment: { SLUICE_COLOUR: "x" } }).length, SETTINGS.length);
  });
});

/** The message of the refusal, and its hint where that asks what was meant. */
function complaint(sources: Partial<SettingSources>): string {
  try {
    resolve(sources);
  } catch (error) {
    assert.ok(error instanceof ConfigError);
    const asks = error.hint.startsWith("Did you mean");
    return asks ? `${error.message} ${error.hint}` : error.message;
  }
  return "nothing was refused";
}

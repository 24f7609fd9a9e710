/** The settings as describe_config gives them: value, source, and what may be changed. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { withDefaults } from "../../../src/config_defaults.ts";
import {
  CHANGEABLE_SETTINGS,
  refuseSetting,
  SettingSource,
} from "../../../src/format/broker_settings.ts";
import { settingEntries, sourcesOf, unknownChanges } from "../../../src/server/setting_entries.ts";

const CONFIG = withDefaults({});

test("every setting has a value, a text and a source, sorted by its name", () => {
  const entries = settingEntries(CONFIG, {}, []);
  const keys = entries.map(({ key }) => key);
  assert.deepEqual(keys, [...keys].sort());
  assert.equal(new Set(keys).size, keys.length);
  for (const { key, text, source } of entries) {
    assert.match(text, /\.$/, key);
    assert.equal(source, SettingSource.default);
  }
  const values = new Map(entries.map(({ key, value }) => [key, value]));
  assert.equal(values.get("native"), "127.0.0.1:7400");
  assert.equal(values.get("runDirectory"), "");
  assert.equal(values.get("nativeAdvertised"), "");
  assert.equal(values.get("http.advertised"), "");
  assert.equal(values.get("log.retention.bytes"), "-1");
});

test("what may be changed has a default that is allowed", () => {
  const entries = settingEntries(CONFIG, {}, []);
  const changeable = entries.filter((entry) => entry.changeable === 1);
  assert.deepEqual(changeable.map(({ key }) => key), CHANGEABLE_SETTINGS);
  for (const entry of changeable) assert.equal(refuseSetting(entry), "", entry.key);
});

test("a change goes over what the start said; what means nothing here is passed over", () => {
  const options = { native: { host: "::1", port: 1 }, connections: { max: 5, idleMs: undefined } };
  const sources = { ...sourcesOf(options, SettingSource.commandLine), "num.partitions": 1 };
  assert.deepEqual(sources, { native: 3, "connections.max": 3, "num.partitions": 1 });
  const changes = [
    { key: "connections.max", value: "9" },
    { key: "of.another.version", value: "9" },
    { key: "num.partitions", value: "none" },
  ];
  const entries = settingEntries(withDefaults(options), sources, changes);
  const found = (name: string) => {
    const { value, source } = entries.find(({ key }) => key === name)!;
    return [value, source];
  };
  assert.deepEqual(found("connections.max"), ["9", SettingSource.changed]);
  assert.deepEqual(found("native"), ["[::1]:1", SettingSource.commandLine]);
  assert.deepEqual(found("num.partitions"), ["1", SettingSource.file]);
  assert.equal(unknownChanges(changes).length, 2);
});

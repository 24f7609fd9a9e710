/** Which settings of a broker may be changed, to what, and what topics make of them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { parseConfig } from "../../../src/config.ts";
import {
  brokerSettings,
  CHANGEABLE_SETTINGS,
  changeSettings,
  refuseSetting,
  topicConfigIn,
} from "../../../src/format/broker_settings.ts";

/** Values, right and wrong, as the start of a broker would take them too. */
const VALUES = ["-2", "-1", "0", "1", "60", "61", "1023", "1024", "1025", "16384", "16385"];
const NUMBERS = [...VALUES, "3600000", "3600001", "86400000", "86400001", "67108864", "67108865"];
const WORDS = ["true", "false", "fsync", "os", "compact", "80%", "4GiB", "x"];
const LARGE = ["2147483647", "2147483648", "999999999999999", "1000000000000000"];

function isAllowedAtStart(key: string, value: string | number | boolean): boolean {
  const [area, name] = /^(connections|retention)\./.test(key) ? key.split(".") : ["", key];
  const options = area === "" ? { [key]: value } : { [area!]: { [name!]: value } };
  try {
    parseConfig(options);
    return true;
  } catch {
    return false;
  }
}

test("a value is allowed while the broker runs when it is allowed at its start", () => {
  for (const key of CHANGEABLE_SETTINGS) {
    let allowed = 0;
    for (const value of [...NUMBERS, ...LARGE, ...WORDS]) {
      const typed = key !== "retention.total" && /^-?\d+$/.test(value)
        ? Number(value)
        : value === "true" || value === "false"
        ? value === "true"
        : value;
      const refused = refuseSetting({ key, value });
      assert.equal(refused === "", isAllowedAtStart(key, typed), `${key}=${value}: ${refused}`);
      if (refused === "") allowed += 1;
      else assert.ok(refused.startsWith(`${key}=${value} must be `), refused);
    }
    assert.ok(allowed > 0, key);
  }
});

test("a change sets and unsets, each name once, and is refused as a whole", () => {
  const before = [{ key: "num.partitions", value: "2" }, { key: "log.retention.ms", value: "1" }];
  const set = [{ key: "num.partitions", value: "3" }, { key: "num.partitions", value: "4" }];
  const unset = [{ key: "log.retention.ms" }, { key: "log.roll.ms" }];
  assert.deepEqual(changeSettings(before, { set, unset }), [{ key: "num.partitions", value: "4" }]);
  const wrong = changeSettings(before, { set: [...set, { key: "native", value: "" }], unset });
  assert.match(String(wrong), /"native" cannot be changed while the broker runs; these can: auto/);
  assert.equal(typeof changeSettings(before, { set: [], unset: [{ key: "x" }] }), "string");
});

test("without entries the broker goes by the defaults; a topic of the broker by nobody", () => {
  assert.deepEqual(brokerSettings([]), {
    createsTopics: false,
    partitions: 1,
    ofTopics: [],
    segmentBytesMax: Infinity,
  });
  const settings = brokerSettings([
    { key: "auto.create.topics.enable", value: "true" },
    { key: "num.partitions", value: "3" },
    { key: "log.segment.bytes", value: "2048" },
    { key: "dataDirectory", value: "d" },
  ]);
  assert.deepEqual(settings.ofTopics, [{ key: "segment.bytes", value: "2048" }]);
  assert.deepEqual([settings.createsTopics, settings.partitions], [true, 3]);
  const size = (topic: string, set: { key: string; value: string }[]) => {
    const config = topicConfigIn(settings, topic, set);
    return typeof config === "string" ? config : config.segmentBytes;
  };
  assert.equal(size("t", []), 2048);
  assert.equal(size("t", [{ key: "segment.bytes", value: "4096" }]), 4096);
  assert.equal(size("__consumer_offsets", []), 1073741824);
  assert.match(String(size("t", [{ key: "x", value: "" }])), /unknown setting/);
});

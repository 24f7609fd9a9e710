/** Settings in requests: described from their tables, and judged by the engine. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  brokerChanges,
  newTopicSettings,
  topicChanges,
} from "../../../src/admin/setting_schemas.ts";
import { makeRegistry } from "../../support/schemas.ts";
import { allowedOf, CHANGEABLE_SETTINGS } from "../../../src/format/broker_settings.ts";
import { TOPIC_SETTINGS } from "../../../src/format/topic_config.ts";

interface Described {
  readonly additionalProperties: unknown;
  readonly properties: Readonly<Record<string, { anyOf?: object[]; enum?: string[] }>>;
}

const schemas = makeRegistry({ brokerChanges, newTopicSettings, topicChanges }) as unknown as {
  readonly [name: string]: Described;
};

test("every setting is described, and no other", () => {
  const ofTopics = TOPIC_SETTINGS.map(({ key }) => key);
  assert.deepEqual(Object.keys(schemas["topicChanges"]!.properties), ofTopics);
  assert.deepEqual(Object.keys(schemas["newTopicSettings"]!.properties), ofTopics);
  assert.deepEqual(Object.keys(schemas["brokerChanges"]!.properties), CHANGEABLE_SETTINGS);
  for (const schema of Object.values(schemas)) assert.equal(schema.additionalProperties, false);
});

test("with what it may be; to follow the default again is a change alone", () => {
  const { newTopicSettings: made, topicChanges: changed, brokerChanges: broker } = schemas;
  assert.deepEqual(made!.properties["flush.ms"], {
    anyOf: [{ type: "integer", minimum: 1, maximum: 3600000 }, {
      type: "string",
      pattern: "^(-1|\\d{1,15})$",
    }],
  });
  assert.deepEqual(made!.properties["durability"], {
    type: "string",
    enum: ["os", "interval", "fsync"],
  });
  assert.deepEqual(changed!.properties["durability"]!.anyOf!.at(-1), { type: "null" });
  assert.deepEqual(broker!.properties["auto.create.topics.enable"]!.anyOf, [
    { type: "string", enum: ["true", "false"] },
    { type: "boolean" },
    { type: "null" },
  ]);
  assert.deepEqual(allowedOf("log.retention.ms"), allowedOfTopic("retention.ms"));
});

function allowedOfTopic(key: string): unknown {
  return TOPIC_SETTINGS.find((setting) => setting.key === key)?.allowed;
}

test("which values those are is not judged here, but their kinds are", () => {
  assert.deepEqual(topicChanges.parse({ nonsense: "x" }), { nonsense: "x" });
  for (const wrong of [{}, { "flush.ms": [1] }, { "flush.ms": {} }, []]) {
    assert.equal(topicChanges.safeParse(wrong).success, false);
  }
  assert.equal(newTopicSettings.safeParse({ "flush.ms": null }).success, false);
  assert.deepEqual(newTopicSettings.parse(undefined), {});
});

/** Every setting has a text; that is checked where they are listed, tests/unit/server. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { settingText } from "../../src/config_texts.ts";

test("a setting has a text, what is none has not", () => {
  assert.match(settingText("connections.max"), /^Clients at the same time/);
  assert.equal(settingText("connections"), "");
  assert.equal(settingText("toString"), "");
});

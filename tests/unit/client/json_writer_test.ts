/** JSON as bytes: the same as JSON.stringify gives, whatever the text and wherever it stands. */
import assert from "node:assert/strict";
import { isUtf8 } from "node:buffer";
import { test } from "node:test";
import { JsonWriter } from "../../../src/client/json_writer.ts";
import { sameBytes } from "../../support/batches.ts";
import { forSeeds } from "../../support/prng.ts";
import { anyBytes } from "../../support/record_text.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

function written(write: (out: JsonWriter) => void): string {
  const out = new JsonWriter();
  write(out);
  return decoder.decode(out.take());
}

test("every byte of ASCII, at every place in a word, is escaped as JSON.stringify does", () => {
  for (let code = 0; code < 128; code += 1) {
    for (let place = 0; place < 24; place += 1) {
      const text = `${"a".repeat(place)}${String.fromCharCode(code)}bcdef`;
      const json = written((out) => assert.ok(out.string(encoder.encode(text))));
      assert.equal(json, JSON.stringify(text), `${code} at ${place}`);
    }
  }
});

test("a high byte next to one that is escaped hides it from nobody", () => {
  for (const text of ["\u00ff\u0000", "\u0000\u00ff", '\u00a2"', '"\u00dc\\', "\u009f\u001f"]) {
    for (let place = 0; place < 24; place += 1) {
      const whole = "a".repeat(place) + text + "b".repeat(7);
      const json = written((out) => assert.ok(out.string(encoder.encode(whole))));
      assert.equal(json, JSON.stringify(whole));
    }
  }
});

test("many parts, of all sorts, behind each other; of what is no UTF-8 nothing is written", () => {
  forSeeds(60, (prng) => {
    const out = new JsonWriter();
    const texts: string[] = [];
    for (let part = 0; part < 200; part += 1) {
      const bytes = anyBytes(prng, 140_000) ?? new Uint8Array(0);
      const isText = isUtf8(bytes);
      assert.equal(out.string(bytes), isText);
      if (isText) texts.push(JSON.stringify(decoder.decode(bytes)));
      if (prng.chance(10)) out.text(",".repeat(prng.between(0, 3)));
      else continue;
      texts.push(decoder.decode(out.take()).slice(texts.join("").length));
      out.text(texts.join(""));
    }
    sameBytes(out.take(), encoder.encode(texts.join("")), "all of it");
  });
});

test("large text with nothing but escapes finds room", () => {
  for (const size of [1023, 1024, 1025, 200_000]) {
    const text = "\u0001".repeat(size);
    assert.equal(written((out) => out.string(encoder.encode(text))), JSON.stringify(text));
  }
});

test("text as it is, short and long, of ASCII and of more", () => {
  for (
    const text of [
      "",
      "a",
      "ä",
      "a😀b",
      "x".repeat(64),
      "x".repeat(65),
      "xä".repeat(300),
      "\ud800x",
    ]
  ) {
    assert.equal(written((out) => out.text(text)), text.toWellFormed());
  }
});

test("numbers are as JavaScript writes them", () => {
  const numbers = [0, 1, 9, 10, 2 ** 31, 2 ** 32, 2 ** 53, 2 ** 63, -1, -1700000000000, 1.5];
  for (let power = 1; power < 2 ** 53; power *= 10) numbers.push(power - 1, power, power + 1);
  forSeeds(5, (prng) => {
    for (let i = 0; i < 200; i += 1) {
      numbers.push(Math.floor((prng.next() * 2 ** 21 + prng.next()) / 10 ** prng.below(16)));
    }
  });
  for (const number of [...numbers, Number.MAX_SAFE_INTEGER]) {
    assert.equal(written((out) => out.number(number)), String(number));
  }
});

test("what was taken stays as it is, and what was cut is forgotten", () => {
  const out = new JsonWriter();
  out.text("first");
  const first = out.take();
  out.bytes(encoder.encode("second"));
  const { size } = out;
  out.text(" and more");
  out.cutTo(size);
  assert.deepEqual([decoder.decode(first), decoder.decode(out.take())], ["first", "second"]);
  out.text("x".repeat(1_000_000));
  out.clear();
  assert.deepEqual([out.size, out.take().length], [0, 0]);
});

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { heapBlock } from "../../../src/base/bytes.ts";
import { LineSplitter } from "../../../src/client/line_splitter.ts";
import { Prng } from "../../support/prng.ts";

interface Outcome {
  lines: string[];
  overlong: number;
}

/** The lines of `pieces`, each fed through the same chunk, whose rest holds stale bytes. */
function split(pieces: readonly Uint8Array[], sizeMax = 1000): Outcome {
  const splitter = new LineSplitter(sizeMax);
  const chunk = heapBlock(256);
  const lines: string[] = [];
  const take = (): void => {
    const bytes = splitter.block.bytes.slice(splitter.start, splitter.end);
    lines.push(String.fromCharCode(...bytes));
  };
  for (const piece of pieces) {
    chunk.bytes.fill(10);
    chunk.bytes.set(piece);
    splitter.feed(chunk, piece.length);
    while (splitter.next()) take();
    chunk.bytes.fill(0xcc);
    if (splitter.overlongBytes > 0 && splitter.overlongEnded) break;
  }
  if (splitter.overlongBytes === 0 && splitter.finish()) take();
  assert.equal(splitter.finish(), false, "the end is the end");
  return { lines, overlong: splitter.overlongBytes };
}

function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

/** What a splitter must give: the obvious way, on a string. */
function expected(text: string): string[] {
  const lines = text.split("\n");
  if (lines.at(-1) === "") lines.pop();
  return lines;
}

describe("LineSplitter", () => {
  const texts = [
    "",
    "\n",
    "\n\n",
    "a",
    "a\n",
    "a\nb",
    "a\r\nb\0c\n\n\r",
    "\n\na\n\n",
    "\xff\xfe\n\x80\x85\u00a0\x0b\x0c",
    "one line that is longer\nand two\nthree",
  ];
  for (const text of texts) {
    test(`the same lines at every split point: ${JSON.stringify(text)}`, () => {
      const bytes = bytesOf(text);
      const lines = expected(text);
      assert.deepEqual(split([bytes]).lines, lines);
      for (let one = 0; one <= bytes.length; one += 1) {
        for (let two = one; two <= bytes.length; two += 1) {
          const pieces = [bytes.slice(0, one), bytes.slice(one, two), bytes.slice(two)];
          assert.deepEqual(split(pieces).lines, lines, `cut at ${one} and ${two}`);
        }
      }
      assert.deepEqual(split([...bytes].map((byte) => Uint8Array.of(byte))).lines, lines);
    });
  }

  test("a line over many chunks grows the carry", () => {
    const line = "x".repeat(70000);
    const pieces: Uint8Array[] = [];
    const bytes = bytesOf(`ab\n${line}\nc`);
    for (let at = 0; at < bytes.length; at += 250) pieces.push(bytes.slice(at, at + 250));
    assert.deepEqual(split(pieces, 100000).lines, ["ab", line, "c"]);
  });

  test("random text and random cuts", () => {
    const prng = new Prng(3);
    for (let round = 0; round < 500; round += 1) {
      const size = prng.below(600);
      const text = String.fromCharCode(
        ...Array.from({ length: size }, () => prng.chance(15) ? 10 : prng.below(256)),
      );
      const bytes = bytesOf(text);
      const pieces: Uint8Array[] = [];
      for (let at = 0; at < bytes.length;) {
        const end = Math.min(bytes.length, at + prng.between(1, 256));
        pieces.push(bytes.slice(at, end));
        at = end;
      }
      assert.deepEqual(split(pieces).lines, expected(text), `round ${round}`);
    }
  });
});

describe("a line above the limit", () => {
  test("the limit itself passes, a byte more does not, at every split point", () => {
    const fits = bytesOf(`a\n${"b".repeat(5)}\nc`);
    const long = bytesOf(`a\n${"b".repeat(6)}\nc`);
    for (let cut = 0; cut <= fits.length; cut += 1) {
      const whole = split([fits.slice(0, cut), fits.slice(cut)], 5);
      assert.deepEqual(whole, { lines: ["a", "bbbbb", "c"], overlong: 0 });
      const refused = split([long.slice(0, cut), long.slice(cut)], 5);
      assert.deepEqual(refused, { lines: ["a"], overlong: 6 }, `cut at ${cut}`);
    }
  });

  test("is counted to its end without being kept", () => {
    const piece = new Uint8Array(250).fill(65);
    const pieces = [bytesOf("a\n"), ...Array.from({ length: 100 }, () => piece), bytesOf("B\nc\n")];
    assert.deepEqual(split(pieces, 300), { lines: ["a"], overlong: 25001 });
  });

  test("the last line without LF", () => {
    assert.deepEqual(split([bytesOf("a\nbbbbbb")], 5), { lines: ["a"], overlong: 6 });
  });

  test("a limit of nothing allows empty lines", () => {
    assert.deepEqual(split([bytesOf("\n\n")], 0), { lines: ["", ""], overlong: 0 });
    assert.deepEqual(split([bytesOf("\na\n")], 0), { lines: [""], overlong: 1 });
  });
});

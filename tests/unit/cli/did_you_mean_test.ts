import assert from "node:assert/strict";
import { test } from "node:test";
import { didYouMean, editsBetween, nearest } from "../../../src/cli/did_you_mean.ts";

const KNOWN = ["serve", "topic", "produce", "consume", "--from", "--partition", "--partitions"];

test("a slip is recognised, another word is not", () => {
  for (const [name, meant] of [["sevre", "serve"], ["topics", "topic"], ["--form", "--from"]]) {
    assert.equal(nearest(name!, KNOWN), meant);
  }
  assert.equal(nearest("PRODUCE", KNOWN), "produce");
  assert.equal(nearest("--partitoins", KNOWN), "--partitions");
  for (const name of ["x", "frobnicate", "--follow"]) assert.equal(nearest(name, KNOWN), null);
  assert.equal(didYouMean("comsume", KNOWN), "Did you mean consume?");
  assert.equal(didYouMean("frobnicate", KNOWN), "");
});

test("edits are counted up to the limit", () => {
  const cases: [from: string, to: string, edits: number][] = [
    ["", "", 0],
    ["abc", "abc", 0],
    ["abc", "abd", 1],
    ["abc", "acb", 1],
    ["abc", "ab", 1],
    ["abc", "xabc", 1],
    ["kitten", "sitting", 3],
    ["abc", "xyz", 3],
  ];
  for (const [from, to, edits] of cases) {
    assert.equal(editsBetween(from, to, 9), edits, `${from} ${to}`);
    assert.equal(editsBetween(to, from, 9), edits, `${to} ${from}`);
  }
  assert.equal(editsBetween("abc", "xyz", 2), 2);
  assert.equal(editsBetween("a", "abcdef", 2), 2);
});

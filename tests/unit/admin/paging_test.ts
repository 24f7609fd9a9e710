/** Pages: all entries once, whatever comes and goes between them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Page, pageOf, type PageWanted } from "../../../src/admin/paging.ts";

const identity = (name: string) => name;

/** The entries of all pages in turn, as `all` gives them at each time. */
function walk(all: (page: number) => readonly string[], wanted: PageWanted): string[] {
  const found: string[] = [];
  let after: string | undefined = undefined;
  for (let page = 0; page < 100; page += 1) {
    const { entries, next }: Page<string> = pageOf(all(page), identity, { ...wanted, after });
    found.push(...entries);
    if (next === null) return found;
    assert.equal(entries.length, wanted.limit, "only the last page is short");
    after = next;
  }
  assert.fail("it never ended");
}

test("pages of any size give each entry once, in either order", () => {
  const names = ["b", "a", "c", "Z", "aa", "ä"];
  const sorted = ["Z", "a", "aa", "b", "c", "ä"];
  for (let limit = 1; limit <= names.length + 1; limit += 1) {
    assert.deepEqual(walk(() => names, { limit, order: "asc" }), sorted);
    assert.deepEqual(walk(() => names, { limit, order: "desc" }), sorted.toReversed());
  }
});

test("what stays is given once although others come and go", () => {
  const pages = [["a", "b", "c", "d"], ["aa", "b", "c", "d", "e"], ["c", "e"]];
  assert.deepEqual(walk((page) => pages[page]!, { limit: 2, order: "asc" }), [
    "a",
    "b",
    "c",
    "d",
    "e",
  ]);
});

test("an empty list is one page", () => {
  assert.deepEqual(pageOf([], identity, { limit: 5, order: "asc" }), { entries: [], next: null });
});

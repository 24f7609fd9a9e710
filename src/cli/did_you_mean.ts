/**
 * What a mistyped name was probably meant to be: the nearest of the known ones by edits (insert,
 * delete, replace, swap of neighbours), when it is near enough to be a slip and not another word.
 */

/** At most a third of the name, and never more than so many edits. */
const EDITS_MAX = 3;

/** The nearest of `known`, or null. The first of several that are equally near. */
export function nearest(name: string, known: Iterable<string>): string | null {
  let best: string | null = null;
  let fewest = Math.min(EDITS_MAX, Math.max(1, Math.floor(name.length / 3))) + 1;
  for (const candidate of known) {
    if (candidate === name) continue;
    const edits = editsBetween(name.toLowerCase(), candidate.toLowerCase(), fewest);
    if (edits >= fewest) continue;
    fewest = edits;
    best = candidate;
  }
  return best;
}

/** ` Did you mean NAME?`, or nothing. */
export function didYouMean(name: string, known: Iterable<string>): string {
  const meant = nearest(name, known);
  return meant === null ? "" : `Did you mean ${meant}?`;
}

/** Edits from one text to the other; `limit` when there are that many or more. */
export function editsBetween(from: string, to: string, limit: number): number {
  if (Math.abs(from.length - to.length) >= limit) return limit;
  let beforeLast: number[] = [];
  let last = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (let row = 1; row <= from.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= to.length; column += 1) {
      const same = from[row - 1] === to[column - 1];
      let edits = Math.min(
        last[column]! + 1,
        current[column - 1]! + 1,
        last[column - 1]! + (same ? 0 : 1),
      );
      const swapped = row > 1 && column > 1 && from[row - 1] === to[column - 2] &&
        from[row - 2] === to[column - 1];
      if (swapped) edits = Math.min(edits, beforeLast[column - 2]! + 1);
      current.push(edits);
    }
    beforeLast = last;
    last = current;
  }
  return Math.min(limit, last[to.length]!);
}

/**
 * A violation: an invariant of the checker (docs, durability) that a schedule broke.
 *
 *     C1 acknowledged and readable    C5 at most once        C9 ends and starts never go back
 *     C2 byte-equal                   C6 order of a producer C11 recovery twice, index = scan
 *     C3 contiguous                   C7 stability           C12 dropped never returns
 *     C4 no phantom                   C8 a prefix, no hole   C13 no success after a storage error
 *     P  producer state = log         E  epochs              T  topics
 *     O1 a commit that was answered or shown is what a group has, or a later one
 *     O2 a topic's offsets go with it        O3 nothing refused is shown
 *     O4 a commit that a start did not find never returns
 *     L1 it starts and answers when nothing is in its way    R1 nothing leaks
 *     X  the engine threw what it may not throw
 */
export type Invariant =
  | "C1"
  | "C2"
  | "C3"
  | "C4"
  | "C5"
  | "C6"
  | "C7"
  | "C8"
  | "C9"
  | "C11"
  | "C12"
  | "C13"
  | "P"
  | "E"
  | "T"
  | "O1"
  | "O2"
  | "O3"
  | "O4"
  | "L1"
  | "R1"
  | "X";

export class Violation extends Error {
  override name = "Violation";
  readonly invariant: Invariant;
  readonly words: string;
  seed = 0;
  /** Index of the operation in the schedule. */
  operation = -1;

  constructor(invariant: Invariant, words: string) {
    super(`${invariant}: ${words}`);
    this.invariant = invariant;
    this.words = words;
  }

  /** Says where it was found. */
  at(seed: number, operation: number): this {
    this.seed = seed;
    this.operation = operation;
    this.message = `${this.invariant}: seed ${seed}, operation ${operation}: ${this.words}`;
    return this;
  }
}

export function violated(invariant: Invariant, words: string): never {
  throw new Violation(invariant, words);
}

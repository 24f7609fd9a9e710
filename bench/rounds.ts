/**
 * Alternating rounds: the one way in which this bench compares anything with anything.
 *
 *     round 1   sluice  limit  limit-wait       each round measures every variant once
 *     round 2   limit-wait  limit  sluice       the order turns, because the second run of two
 *     round 3   sluice  limit  limit-wait       meets another machine than the first
 *
 * A ratio is taken inside a round, so that drift of the machine cancels, and its median is told
 * with the lowest and the highest.
 *
 * Invariant: a round counts whole or not at all.
 */

/** What each variant gave in one round. */
export type Round<Name extends string, Figure> = Readonly<Record<Name, Figure>>;

export interface Rounds<Name extends string, Figure> {
  readonly counted: readonly Round<Name, Figure>[];
  /** Rounds that other programs disturbed and that are not among `counted`. */
  readonly disturbed: number;
}

export interface RoundOptions<Name extends string, Figure> {
  /** Rounds that are wanted; at least five for a figure that goes into the ledger. */
  readonly count: number;
  /**
   * Whether other programs disturbed a round, by its foreign CPU. It is measured again then, at
   * most for half as many as are wanted; after that every round counts.
   */
  readonly isDisturbed?: (round: Round<Name, Figure>) => boolean;
  /** Called behind each round, counted or not, with its number from 1. */
  readonly onRound?: (round: Round<Name, Figure>, number: number) => void;
}

/** Runs every variant once a round, one after another, in an order that turns. */
export async function runRounds<Name extends string, Figure>(
  variants: Readonly<Record<Name, () => Promise<Figure>>>,
  options: RoundOptions<Name, Figure>,
): Promise<Rounds<Name, Figure>> {
  const names = Object.keys(variants) as Name[];
  const counted: Round<Name, Figure>[] = [];
  let disturbed = 0;
  for (let number = 1; counted.length < options.count; number += 1) {
    const round = {} as Record<Name, Figure>;
    for (const name of number % 2 === 1 ? names : names.toReversed()) {
      round[name] = await variants[name]();
    }
    options.onRound?.(round, number);
    const isLeftOut = disturbed < options.count / 2 && options.isDisturbed?.(round) === true;
    if (isLeftOut) disturbed += 1;
    else counted.push(round);
  }
  return { counted, disturbed };
}

/** One number of a variant, of each round that counts. */
export function figures<Name extends string, Figure>(
  rounds: Rounds<Name, Figure>,
  name: Name,
  of: (figure: Figure) => number,
): number[] {
  return rounds.counted.map((round) => of(round[name]));
}

/** `name` / `beside`, of each round that counts. */
export function ratios<Name extends string, Figure>(
  rounds: Rounds<Name, Figure>,
  name: Name,
  beside: Name,
  of: (figure: Figure) => number,
): number[] {
  return rounds.counted.map((round) => of(round[name]) / of(round[beside]));
}

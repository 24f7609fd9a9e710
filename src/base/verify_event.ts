/**
 * What is told of a partition while it is verified: by the tools that read it, through a worker and
 * the HTTP door, to who asked.
 *
 *     progress, finding, … -> summary | failed | cancelled
 *
 * Invariant: the last one is one of the last three.
 */

export const SEVERITIES = ["damage", "warning", "unread", "note"] as const;
export type Severity = typeof SEVERITIES[number];

export type VerifyEvent =
  | { readonly kind: "progress"; readonly doneBytes: number; readonly totalBytes: number }
  | {
    readonly kind: "finding";
    readonly severity: Severity;
    readonly path: string;
    readonly text: string;
    readonly advice: string;
  }
  | {
    readonly kind: "summary";
    readonly segments: number;
    readonly batches: number;
    readonly records: number;
    readonly bytes: number;
    readonly findings: Readonly<Record<Severity, number>>;
  }
  | { readonly kind: "failed"; readonly message: string }
  | { readonly kind: "cancelled" };

/**
 * What goes wrong at the HTTP door, as its typed client throws it.
 *
 *     ProblemError       the door refused: what its problem+json says, field by field
 *     HttpAnswerError    there is no answer, or one that the door would not give
 *
 * Invariant: no text has a token, a query or a body in it; method and path alone are named.
 */

import { LOCAL_ERROR, SluiceError } from "../errors.ts";
import type { Problem } from "./schemas.ts";

/** The door refused a request, and says why. */
export class ProblemError extends SluiceError {
  /** As it came. */
  readonly problem: Problem;

  constructor(problem: Problem) {
    const { title, detail = "", issues = [] } = problem;
    const told = [
      ...(detail === "" ? [] : [detail]),
      ...issues.map(({ at, message }) => `${at}: ${message}`),
    ].join("; ");
    super(told === "" ? title : `${title.replace(/\s*\.$/, "")}: ${told}`, problem);
    this.problem = problem;
  }

  /** Of HTTP. */
  get status(): number {
    return this.problem.status;
  }

  /** Of this case; empty where the title says all. */
  get detail(): string {
    return this.problem.detail ?? "";
  }

  /** Which parts of the request do not fit. */
  get issues(): NonNullable<Problem["issues"]> {
    return this.problem.issues ?? [];
  }

  /** Of a list of records: what became of each. */
  get records(): NonNullable<Problem["records"]> {
    return this.problem.records ?? [];
  }
}

/**
 * `http_unreachable`: no answer came. `http_cut`: it ended before its end. `http_unexpected`: it is
 * none of the door's. What was asked for may or may not have been done.
 */
export class HttpAnswerError extends SluiceError {
  constructor(name: "http_unreachable" | "http_cut" | "http_unexpected", message: string) {
    super(message, {
      code: LOCAL_ERROR,
      name,
      retriable: name !== "http_unexpected",
      hint: name === "http_unexpected"
        ? "Is this the HTTP door of a Sluice broker, and nothing else before it?"
        : "Is the broker running? It says at its start where its HTTP door is.",
    });
  }
}

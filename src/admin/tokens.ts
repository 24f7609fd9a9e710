/**
 * Who a bearer token lets in, and for what. Digests of equal length are compared, all of them,
 * so that the time taken says nothing about a token or about which of them was nearly right.
 */

import { createHash, timingSafeEqual } from "node:crypto";

/** What a request may do; each holds those before it. */
export const SCOPES = ["none", "read", "admin"] as const;
export type Scope = typeof SCOPES[number];

/** Whether who has `held` may do what needs `wanted`. */
export function covers(held: Scope, wanted: Scope): boolean {
  return SCOPES.indexOf(held) >= SCOPES.indexOf(wanted);
}

export class Tokens {
  readonly #digests: readonly { readonly scope: Scope; readonly digest: Uint8Array }[];

  constructor(tokens: { readonly read: string; readonly admin: string }) {
    this.#digests = [
      { scope: "read", digest: digestOf(tokens.read) },
      { scope: "admin", digest: digestOf(tokens.admin) },
    ];
  }

  /** The scope of a token; "none" for one that is not ours. */
  scopeOf(token: string): Scope {
    const given = digestOf(token);
    let held: Scope = "none";
    for (const { scope, digest } of this.#digests) {
      if (timingSafeEqual(given, digest)) held = scope;
    }
    return held;
  }
}

function digestOf(token: string): Uint8Array {
  return createHash("sha256").update(token, "utf8").digest();
}

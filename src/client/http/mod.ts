/**
 * The typed client of the HTTP door, for Bun, Deno, Node and browsers: everything that a program
 * outside this repository may import of it. It needs `fetch` and nothing else.
 *
 *     HttpApi    one method for each operation of the door, made from its description
 *
 * docs/HTTP.md says what the door does, and shows this in use.
 */

export { HttpApi } from "./api.ts";
export {
  type Call,
  type CallOptions,
  type HttpApiOptions,
  HttpCaller,
  type Lines,
} from "./http_caller.ts";
export { HttpAnswerError, ProblemError } from "./http_errors.ts";
export { SluiceError } from "../errors.ts";
export type * from "./schemas.ts";

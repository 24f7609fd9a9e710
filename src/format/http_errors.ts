/**
 * Errors that only the HTTP door has, 100 to 119: what a request is refused for before it reaches
 * the engine. Rows of the table in errors.ts, which says what a row is.
 */

export const HTTP_ERRORS = [
  [
    100,
    "http_invalid_request",
    false,
    "The request does not fit its description.",
    "Compare it with /docs of the HTTP door.",
  ],
  [
    101,
    "http_host_refused",
    false,
    "The header Host does not name this listener.",
    "Ask at the address that serve printed, or add the name to the setting http.hosts.",
  ],
  [
    102,
    "http_path_not_found",
    false,
    "There is no such path; it is compared as it is written.",
    "See /docs of the HTTP door.",
  ],
  [
    103,
    "http_method_not_allowed",
    false,
    "The path does not take this method.",
    "The header Allow says which it takes.",
  ],
  [
    104,
    "http_origin_refused",
    false,
    "The page that asks is not one of this broker.",
    "Ask from a program, or from a page that the broker itself serves.",
  ],
  [
    105,
    "http_token_required",
    false,
    "There is no bearer token, or it is none of this broker.",
    "Send the header Authorization: Bearer TOKEN; serve says in which file the token is.",
  ],
  [
    106,
    "http_scope_too_small",
    false,
    "The token may read and nothing else.",
    "Use the admin token.",
  ],
  [
    107,
    "http_body_too_large",
    false,
    "The body is above the limit of its route.",
    "Send less at a time.",
  ],
  [
    108,
    "http_length_required",
    false,
    "The header Content-Length is missing.",
    "Send the length of the body.",
  ],
  [
    109,
    "http_content_type_unsupported",
    false,
    "The body is of a type or an encoding that the route does not take.",
    "Send application/json, not compressed.",
  ],
  [
    110,
    "http_starting",
    true,
    "The broker is still looking at its partitions.",
    "Ask again in a moment; /readyz says how far it is.",
  ],
  [
    111,
    "http_engine_unreachable",
    true,
    "The shard does not answer the HTTP door.",
    "Ask again in a moment; look at the broker's log if it stays.",
  ],
] as const;

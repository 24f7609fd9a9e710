/**
 * The request target as it came, before anybody normalises it: a path is a list of segments that
 * are compared as they are written. What two readers could understand in two ways is no path.
 *
 *     /v1/topics/orders?limit=5     ["v1", "topics", "orders"]
 *     //v1/topics   /v1/../topics   /v1%2Ftopics   /v1\topics   http://other/v1/topics     none
 *
 * Invariant: a decoded segment is never empty but the last of "/", holds no separator and no
 * control character, and is not a dot segment.
 */

/** What a path may consist of (RFC 3986, pchar), and the query behind it. */
const TARGET = /^(?:\/[A-Za-z0-9\-._~!$&'()*+,;=:@%]*)+(?:\?[\x21-\x7e]*)?$/;
// deno-lint-ignore no-control-regex
const REFUSED = /[/\\\u0000-\u001f\u007f-\u009f]/;

/** The segments as they are written, or null where it is none of our paths. */
export function parseTarget(target: string): readonly string[] | null {
  if (!TARGET.test(target)) return null;
  const [path = ""] = target.split("?", 1);
  const segments = path.slice(1).split("/");
  for (const [index, segment] of segments.entries()) {
    if (segment === "" && (index > 0 || segments.length > 1)) return null;
    const decoded = decode(segment);
    if (decoded === null || REFUSED.test(decoded) || decoded === "." || decoded === "..") {
      return null;
    }
  }
  return segments;
}

function decode(segment: string): string | null {
  try {
    return decodeURIComponent(segment);
  } catch {
    return null;
  }
}

/** The methods that operations become. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  clientSource,
  type Description,
  type Operation,
} from "../../../scripts/http_client_source.ts";

const TOPIC = { $ref: "#/components/schemas/Topic" };
const PROBLEM = { "application/problem+json": { schema: { type: "object" } } };

function documentOf(operation: Operation, method = "get", path = "/topics"): Description {
  return {
    paths: { [path]: { [method]: operation } },
    components: {
      schemas: { Topic: { type: "object", properties: { name: { type: "string" } } } },
    },
  };
}

function methodsOf(operation: Operation, method = "get", path = "/topics"): string {
  return clientSource(documentOf(operation, method, path)).api.replace(/^[^]*?HttpCaller \{\n/, "");
}

test("nothing is sent and nothing comes", () => {
  const operation = { operationId: "stop", responses: { 204: {}, 409: { content: PROBLEM } } };
  assert.equal(
    methodsOf(operation, "post", "/stop"),
    `  /** stop */
  stop(options?: CallOptions): Promise<void> {
    return this.nothing(
      { method: "POST", path: "/stop", statuses: [204] },
      {},
      options,
    );
  }
}
`,
  );
});

test("parameters of path, query and header are one object; all may be left out or none", () => {
  const operation: Operation = {
    operationId: "getTopic",
    summary: "A topic.",
    parameters: [
      { name: "topic", in: "path", required: true, schema: { type: "string" } },
      { name: "limit", in: "query", description: "How many.", schema: { type: "integer" } },
      { name: "last-id", in: "header", schema: { type: "string" } },
    ],
    responses: {
      200: { content: { "application/json": { schema: TOPIC } } },
      503: { content: { "application/json": { schema: TOPIC } } },
      404: { content: PROBLEM },
    },
  };
  const { schemas, api } = clientSource(documentOf(operation));
  assert.ok(
    schemas.endsWith(`
/** Of \`getTopic\`, /topics */
export interface GetTopicParameters {
  readonly topic: string;
  /** How many. */
  readonly limit?: number | undefined;
  readonly "last-id"?: string | undefined;
}
`),
    schemas,
  );
  assert.match(api, /getTopic\(request: schemas\.GetTopicParameters, options\?: CallOptions\)/);
  assert.match(api, /Promise<schemas\.Topic> \{\n {4}return this\.json<schemas\.Topic>\(/);
  assert.match(api, /headers: \["last-id"\]/);
  assert.match(api, /statuses: \[200, 503\]/);
  const optional = { ...operation, parameters: operation.parameters!.slice(1) };
  assert.match(methodsOf(optional), /request: schemas\.GetTopicParameters = \{\}/);
});

test("a method for each type of body, answered in its own type or the first", () => {
  const line = { type: "string", "x-line": TOPIC };
  const text = methodsOf({
    operationId: "send",
    requestBody: {
      content: {
        "application/json": { schema: TOPIC },
        "application/x-ndjson": { schema: line },
        "application/octet-stream": { schema: {} },
        "text/plain": {},
      },
    },
    responses: {
      200: {
        content: {
          "application/json": { schema: TOPIC },
          "application/x-ndjson": { schema: { type: "string" } },
        },
      },
    },
  }, "post");
  const heads = [
    ...text.matchAll(/^ {2}(\w+)\(\s*request: \{ readonly body: (.*?) \},?[^]*?\): (.*) \{$/gm),
  ];
  assert.deepEqual(heads.map(([, ...parts]) => parts), [
    ["send", "schemas.Topic", "Promise<schemas.Topic>"],
    ["sendLines", "Lines<schemas.Topic>", "AsyncGenerator<unknown, void, void>"],
    ["sendBytes", "Uint8Array", "Promise<schemas.Topic>"],
    ["sendText", "string", "Promise<schemas.Topic>"],
  ]);
  assert.match(text, /\/\*\* send As text\/plain\. \*\//);
});

test("a method for each type of answer", () => {
  const content = {
    "text/event-stream": { schema: TOPIC },
    "application/octet-stream": {},
    "text/plain": {},
    "application/x-ndjson": { schema: { "x-line": TOPIC } },
  };
  const text = methodsOf({ operationId: "follow", responses: { 200: { content } } });
  const heads = [...text.matchAll(/^ {2}(\w+)\([^]*?\): (.*) \{\n {4}return this\.(\w+)/gm)];
  assert.deepEqual(heads.map(([, ...parts]) => parts), [
    ["follow", "AsyncGenerator<schemas.Topic, void, void>", "events"],
    ["followBytes", "Promise<Uint8Array>", "bytes"],
    ["followText", "Promise<string>", "text"],
    ["followLines", "AsyncGenerator<schemas.Topic, void, void>", "lines"],
  ]);
});

test("what cannot be told apart is refused", () => {
  const id = { operationId: "a", responses: {} };
  const named = (...names: string[]) => names.map((name) => ({ name, in: "query" }));
  assert.throws(() => methodsOf({ ...id, parameters: named("x", "x") }), RangeError);
  assert.throws(() => methodsOf({ ...id, parameters: named("body") }), RangeError);
  const content = { "application/json": {}, "image/png": {} };
  assert.throws(() => methodsOf({ ...id, responses: { 200: { content } } }), RangeError);
});

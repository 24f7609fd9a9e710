/**
 * A page that follows a topic, and the server of that page. The server has the token of the broker
 * and gets a ticket with it; the browser has the ticket, which opens one stream and nothing else.
 * What the page asks of the broker goes through this server, so that both are of one origin: to a
 * page of another one the broker does not answer.
 *
 *     tail_page.mjs [TOPIC] [PORT]      then open http://127.0.0.1:8080/; Ctrl-C ends it
 */
// deno-lint-ignore-file no-console
import { readFileSync } from "node:fs";
import { createServer, request } from "node:http";
import process from "node:process";

const [topic = "orders", port = "8080"] = process.argv.slice(2);
const broker = process.env["SLUICE_HTTP"] ?? "127.0.0.1:7480";
const tokenFile = process.env["SLUICE_TOKEN_FILE"] ?? "sluice-data/http-read.token";
const page = readFileSync(new URL("tail_page.html", import.meta.url));

const server = createServer((asked, answer) => {
  const { method, url = "/" } = asked;
  if (method === "GET" && url === "/") {
    answer.writeHead(200, { "content-type": "text/html" }).end(page);
  } else if (method === "POST" && url === "/ticket") {
    giveTicket(answer).catch((error) => answer.writeHead(502).end(String(error)));
  } else if (method === "GET" && url.startsWith("/v1/topics/")) {
    passOn(asked, answer);
  } else answer.writeHead(404).end();
});
server.listen(Number(port), "127.0.0.1", () => {
  const { port: bound } = /** @type {import("node:net").AddressInfo} */ (server.address());
  console.log(`open http://127.0.0.1:${bound}/`);
});

/** Here is where you look who asks, before you give anything. */
async function giveTicket(/** @type {import("node:http").ServerResponse} */ answer) {
  const response = await fetch(`http://${broker}/v1/tickets`, {
    method: "POST",
    headers: {
      "authorization": `Bearer ${readFileSync(tokenFile, "utf8").trim()}`,
      "content-type": "application/json",
    },
    body: JSON.stringify({ stream: `/v1/topics/${topic}/stream?from=earliest` }),
  });
  const { url, title } = await response.json();
  if (!response.ok) throw new Error(title);
  answer.writeHead(200, { "content-type": "application/json" });
  answer.end(JSON.stringify({ topic, url }));
}

/** To the broker and back, piece by piece; the ticket stands in the path. */
function passOn(
  /** @type {import("node:http").IncomingMessage} */ { url, headers },
  /** @type {import("node:http").ServerResponse} */ answer,
) {
  const lastEventId = headers["last-event-id"];
  const passed = request(`http://${broker}${url}`, {
    headers: lastEventId === undefined ? {} : { "last-event-id": lastEventId },
  });
  passed.on("response", (response) => {
    answer.writeHead(response.statusCode ?? 502, response.headers);
    response.pipe(answer);
    response.on("close", () => answer.destroy()); // cut there, cut here: the page comes back
  });
  passed.on("error", () => answer.destroy());
  answer.on("close", () => passed.destroy());
  passed.end();
}

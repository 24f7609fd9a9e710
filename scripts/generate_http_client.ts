/**
 * Writes the typed client of the HTTP door, src/client/http/schemas.ts and api.ts, from the OpenAPI
 * document that the door's own app makes. With `--check` it writes nothing and fails when they are
 * not what it would write.
 *
 * Invariant: the client knows no operation and no field that the document does not have.
 */
import { makeApp } from "../src/admin/app.ts";
import { Engine } from "../src/admin/engine.ts";
import { HttpStats } from "../src/admin/http_stats.ts";
import { StreamPlaces } from "../src/admin/records/stream_places.ts";
import { openApiOf } from "../src/admin/routes/reference.ts";
import { Tickets } from "../src/admin/tickets.ts";
import { keepFile } from "./generated_page.ts";
import { clientSource, type Description } from "./http_client_source.ts";

/** Nobody asks this app anything, so that there need not be a broker behind it. */
const recovery = { partitionsDone: 0, partitions: 0, scannedBytes: 0 };
const engine = new Engine("", { startedMs: 0, isServing: false, recovery });
const services = {
  tickets: new Tickets(() => 0),
  places: new StreamPlaces(1),
  stats: new HttpStats(),
  verifier: null,
};
const document = openApiOf(makeApp(engine, services).app);

const { schemas, api } = clientSource(JSON.parse(JSON.stringify(document)) as Description);
keepFile("src/client/http/schemas.ts", schemas);
keepFile("src/client/http/api.ts", api);

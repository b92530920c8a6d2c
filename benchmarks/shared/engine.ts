/** dynalite in a process of its own, so that its work is not counted. Prints its URL. */
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import dynalite from "dynalite";

const server = dynalite({ createTableMs: 0 });
server.listen(0, "127.0.0.1");
await once(server, "listening");
// A TCP server has an address object.
const { port } = server.address() as AddressInfo;
console.log(`http://127.0.0.1:${port}`);
process.on("disconnect", () => process.exit());

import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { OTLPMetricExporter } from "@opentelemetry/exporter-metrics-otlp-http";
import {
  MeterProvider,
  PeriodicExportingMetricReader,
} from "@opentelemetry/sdk-metrics";
import { functionOf } from "./support.ts";

/** What a collector has received, as JSON. */
const received: unknown[] = [];
let collector: Server;
let url: string;

beforeAll(async () => {
  collector = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    received.push(JSON.parse(Buffer.concat(chunks).toString()));
    response.writeHead(200, { "content-type": "application/json" }).end("{}");
  });
  collector.listen(0, "127.0.0.1");
  await once(collector, "listening");
  // A server that listens on a port has one.
  const { port } = collector.address() as AddressInfo;
  url = `http://127.0.0.1:${port}/v1/metrics`;
});
afterAll(async () => {
  collector.closeAllConnections();
  collector.close();
  await once(collector, "close");
});

test("A collector has the metrics of an invocation when it has ended", async () => {
  const provider = new MeterProvider({
    readers: [
      new PeriodicExportingMetricReader({
        exporter: new OTLPMetricExporter({ url }),
      }),
    ],
  });
  try {
    const { invoke } = functionOf(async (context) => context.invoke("Hello"), {
      options: {
        write: undefined,
        meter: provider.getMeter("lambdallm"),
        flush: () => provider.forceFlush(),
        flushTimeoutMs: 60_000,
      },
    });
    await invoke();
    expect(received).toHaveLength(1);
    const text = JSON.stringify(received);
    for (const name of [
      "gen_ai.client.inference.duration",
      "gen_ai.client.inference.usage.input_tokens",
    ])
      expect(text).toContain(`"name":"${name}"`);
  } finally {
    await provider.shutdown();
  }
});

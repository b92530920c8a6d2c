import { readFileSync } from "node:fs";
import { expect, test } from "@jest/globals";
import bedrock from "@lambdallm/bedrock";
import metrics, {
  alarms,
  cloudWatchDashboard,
  type MetricsOptions,
} from "@lambdallm/metrics";
import { MockLambdaContext, mockModel } from "@lambdallm/testing";
import middy from "@middy/core";
import { FIGURES } from "../src/figures.ts";
import {
  COUNTER,
  HISTOGRAM,
  LEGACY_HISTOGRAM,
} from "../src/otel/conventions.ts";

const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8");

// The README's example and its test.
const makeHandler = ({ write }: Pick<MetricsOptions, "write">) =>
  middy<{ text: string }>()
    .use(bedrock())
    .use(
      metrics({ namespace: "Chat", fixedDimensions: { stage: "prod" }, write }),
    )
    .handler(async (event, context) =>
      context.invoke("Summarize:\n\n{text}", { text: event.text }),
    );

const lines: string[] = [];
const handler = makeHandler({ write: (line) => lines.push(line) });

test(
  "counts its calls",
  mockModel({ responses: ["Short."] }, async () => {
    await handler({ text: "A long text" }, new MockLambdaContext());
    expect(JSON.parse(lines[0] ?? "")).toMatchObject({
      ...{ Calls: 1, stage: "prod" },
    });
  }),
);

test("The README's template is one", () => {
  const [, script = ""] = /```js\nimport [^;]*;\n(.*?)```/s.exec(readme) ?? [];
  const written: string[] = [];
  const run = new Function("alarms", "cloudWatchDashboard", "console", script);
  run(alarms, cloudWatchDashboard, {
    log: (text: string) => written.push(text),
  });
  const { Parameters, Resources } = JSON.parse(written[0] ?? "");
  expect(Object.keys(Resources)).toEqual([
    "Dashboard",
    ...["ErrorRate", "Throttles", "Budget", "DailyCost"].map(
      (name) => `LambdaLLM${name}`,
    ),
  ]);
  const { Type, Properties } = Resources.Dashboard;
  expect(Type).toBe("AWS::CloudWatch::Dashboard");
  const body = Properties.DashboardBody["Fn::Sub"].replaceAll(
    /\$\{AWS::Region\}/g,
    "eu-north-1",
  );
  // Nothing else that Fn::Sub would replace.
  expect(body).not.toContain("${");
  expect(JSON.parse(body)).toEqual(
    cloudWatchDashboard({
      ...{ namespace: "Chat", region: "eu-north-1" },
      fixedDimensions: { stage: "prod" },
    }),
  );
  const [action] = Resources.LambdaLLMBudget.Properties.AlarmActions;
  expect(Object.keys(Parameters)).toContain(action.Ref);
});

test("The README names every figure, and every metric of the conventions", () => {
  for (const figure of Object.keys(FIGURES))
    expect(readme).toContain(`\`${figure}\``);
  for (const [name] of Object.values({ ...HISTOGRAM, ...LEGACY_HISTOGRAM }))
    expect(readme).toContain(
      name.replace(/.*(\.(?:output_tokens|tool_calls))$/, "$1"),
    );
  for (const [name] of Object.values(COUNTER))
    expect(readme).toContain(name.replace(/.*\.usage\.(?!input)/, "."));
});

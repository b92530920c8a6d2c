export const METHOD = `\`npm run bench:observability\` has the event of the benchmark "overhead" answered by the handler that is called \`lambdallm\`
there, \`bedrock\` here, alone and behind observers with their default options: \`logging()\`, \`metrics()\`, \`tracing()\` with an SDK that
samples every span and a batch processor whose exporter throws them away, \`all\` of the three, \`unsampled\`: tracing with an SDK
that samples nothing, \`without-sdk\`: tracing where no SDK is installed. Logs and metrics are written to a stdout that nobody reads. Where
spans are sent, sending them is a request more in each invocation, which is the exporter's and not in these figures. Bundles hold
the SDK of OpenTelemetry where it is used. A cell is the median ratio to \`bedrock\`, [the quartiles of the ratio] and (the median).`;

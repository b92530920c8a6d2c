export const METHOD = `\`node --conditions=@lambdallm/source benchmarks/structured/run.ts\` has the same event answered with a value of a JSON
Schema: ten fields, one of them a list of objects. \`forced-tool\` is the AWS SDK with \`NodeHttpHandler\` and a forced tool
whose input is not validated; \`forced-tool-ajv\` validates it with ajv, compiled when the module is loaded; \`lambdallm\` is
\`context.invokeStructured\` on Claude Opus 5, which has no native mode, so that it sends the same tool; \`lambdallm-native\`
the same on Claude Haiku 4.5, which has one. Everything else is as above: Middy, bundles of one file, a local Bedrock in
a process of its own, contenders in turns, and a cell is the median ratio to \`forced-tool\`, [the quartiles of the ratio]
and (the median). The first call is the first one of a fresh process, without loading the module; the cold start is both,
from the start of the process.`;

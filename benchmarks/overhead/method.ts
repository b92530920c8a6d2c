export const METHOD = `\`node --conditions=@lambdallm/source benchmarks/overhead/run.ts\` answers one API Gateway event with three handlers:
\`hand-written\` is the AWS SDK as it comes, \`keep-alive\` the AWS SDK with \`NodeHttpHandler\`, \`lambdallm\` is
\`context.invoke\`; all with Middy, its JSON body parser and its error handler. Each is bundled and minified by esbuild,
without the optional peers \`ajv\` and \`yaml\`, and calls a local Bedrock, which has a process of its own. Cold starts take a fresh process each, from its start to its
first answer; warm calls are blocks of calls in long-lived processes. The contenders take turns, and ratios are taken
within a turn of all three: a cell is the median ratio to \`hand-written\`, [the quartiles of the ratio] and (the
median). A turn in which any of them took longer than 1.5 times its own median is thrown away for all. CPU is
\`process.cpuUsage()\`, all threads. Ratios carry over to other machines within about a tenth, absolute times do not.`;

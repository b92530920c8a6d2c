export const METHOD = `\`npm run bench:resilience\` has the event of the benchmark above answered with two handlers: \`bedrock\` is the one that is
called \`lambdallm\` there, \`resilient\` the same with \`router()\` over three models, \`timeoutGuard({ strategy: "truncate" })\` and
\`retryFallback()\` with a fallback model. Nothing fails, so that what is measured is what these cost when they are not needed.
Everything else is as above; a cell is the median ratio to \`bedrock\`, [the quartiles of the ratio] and (the median).`;

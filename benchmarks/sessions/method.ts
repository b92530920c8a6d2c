export const METHOD = `What a turn costs on a session of n messages: the last 20 messages are read, strongly consistent, and two messages of 500 B are
added. \`LambdaLLM\` is the session store of \`@lambdallm/dynamodb\`; the others keep the history in one item, as LangChain does: read and
written back whole, or appended to with \`list_append\`. They write once for each turn, where LangChain writes once for each message.

The real AWS SDK over HTTP against dynalite in a process of its own; the contenders take turns, and every turn meets the same session.
WCU and RCU are what the engine reports, which is what DynamoDB documents. CPU is of the client's process, a median. The price is that
of on-demand capacity at $0.625 per million write units and $0.125 per million read units. "refused" means that the item would be
larger than 400 KB. Latency is left out: an emulator's says nothing about DynamoDB's.`;

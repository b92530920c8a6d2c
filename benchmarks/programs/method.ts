export const METHOD = `What it costs to make the steps of a program run once, next to DynamoDB by hand. A program of 10 steps whose values are 1 KB of JSON begins a
new run; another one, of 300 steps of 2 KB, is replayed from its top, as after a kill. What a model call would take is left out: the
work of a step is to make its value. \`LambdaLLM\` also takes the run's lease once, and frees it at the end of the invocation, which is 2 write
units for each invocation, in these figures.

The real AWS SDK over HTTP against dynalite in a process of its own; the contenders take turns. WCU and RCU are what the engine reports,
CPU is of the client's process, a median.

The chain has three independent steps, whose models take 300, 200 and 100 ms, and one of 200 ms that joins them: its longest path is 500 ms, and
one after the other they would be 800 ms.

The bundles are those of a handler that calls \`invoke\`, and of one that runs an agent with one tool, without MCP.`;

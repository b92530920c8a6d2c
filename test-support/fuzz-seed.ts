import fc from "fast-check";

// CI looks at the same cases each time, so that a build does not fail by chance; everywhere else the search goes on.
if (process.env["CI"]) fc.configureGlobal({ seed: 20_261_122 });

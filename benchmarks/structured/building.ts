/** What every contender asks for: ten fields, a list of objects among them. */
export const BUILDING_SCHEMA = {
  type: "object",
  properties: {
    name: { type: "string", description: "As the text calls it" },
    kind: { enum: ["lighthouse", "church", "bridge", "mill"] },
    built: { type: "integer" },
    heightMetres: { type: "number" },
    isOpen: { type: "boolean" },
    architect: { type: "string" },
    materials: { type: "array", items: { type: "string" } },
    town: { type: "string" },
    keepers: {
      type: "array",
      items: {
        type: "object",
        properties: {
          family: { type: "string" },
          from: { type: "integer" },
          to: { type: "integer" },
          duties: { type: "array", items: { type: "string" } },
        },
        required: ["family", "from", "to", "duties"],
        additionalProperties: false,
      },
    },
    summary: { type: "string" },
  },
  required: ["name", "kind", "built", "isOpen", "keepers", "summary"],
  additionalProperties: false,
} as const;

/** What the model answers. */
export const BUILDING = {
  name: "The harbour light",
  kind: "lighthouse",
  built: 1871,
  heightMetres: 23.5,
  isOpen: true,
  architect: "unknown",
  materials: ["granite", "brick", "iron"],
  town: "Westhaven",
  keepers: [1871, 1904, 1938, 1967].map((from, index) => ({
    family: `Family ${index + 1}`,
    from,
    to: from + 30,
    duties: ["the lamp", "the log", "the fog horn"],
  })),
  summary: "A light at the harbour, kept by four families since 1871. ".repeat(
    3,
  ),
};

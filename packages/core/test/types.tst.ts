import type { LLMContext } from "@lambdallm/core";
import {
  Model,
  type ModelResponse,
  type TextStream,
  type VariableNames,
} from "@lambdallm/core";
import { describe, expect, test } from "tstyche";

declare const context: LLMContext;

describe("the variables of a template", () => {
  test("are read from the literal", () => {
    expect<VariableNames<"Summarize in {words} words:\n\n{text}">>().type.toBe<
      "words" | "text"
    >();
    expect<VariableNames<"plain">>().type.toBe<never>();
    expect<VariableNames<"{a}{b}{a}">>().type.toBe<"a" | "b">();
    expect<VariableNames<"{user.name} {user.age}">>().type.toBe<"user">();
    expect<VariableNames<"{{not}} {yes} {{{inside}}}">>().type.toBe<
      "yes" | "inside"
    >();
    expect<
      VariableNames<'{"json": {"deep": 1}, "list": [{ "a": {value} }]}'>
    >().type.toBe<"value">();
    expect<
      VariableNames<"{ spaced } {1st} {-x} {a..b} {a.} {} {open">
    >().type.toBe<never>();
    expect<VariableNames<"${price} {größe}">>().type.toBe<"price" | "größe">();
  });

  test("have to be given, all of them, and no others", () => {
    expect(context.invoke("Hi {name}", { name: "Ada" })).type.toBe<
      Promise<string>
    >();
    expect(context.invoke).type.toBeCallableWith(
      "Hi {name}",
      { name: 5 },
      { maxTokens: 5 },
    );
    expect(context.invoke).type.not.toBeCallableWith("Hi {name}");
    expect(context.invoke).type.not.toBeCallableWith("Hi {name}", {});
    expect(context.invoke).type.not.toBeCallableWith("Hi {name}", {
      nmae: "Ada",
    });
    expect(context.invoke).type.not.toBeCallableWith("Hi {name}", {
      name: undefined,
    });
    // @ts-expect-error Property 'text' is missing
    context.invoke("{words} {text}", { words: 5 });
  });

  test("are optional and unchecked when the template is no literal", () => {
    const template = "Hi {name}" as string;
    expect(context.invoke).type.toBeCallableWith(template);
    expect(context.invoke).type.toBeCallableWith(template, { anything: 1 });
    const given: { name?: string } = {};
    expect(context.invoke).type.toBeCallableWith(template, given);
  });

  test("cannot be replaced by options when there are none", () => {
    expect(context.invoke).type.toBeCallableWith("Hello");
    expect(context.invoke).type.toBeCallableWith("Hello", undefined, {
      temperature: 0,
    });
    expect(context.invoke).type.toBeCallableWith(
      "Hello",
      {},
      { temperature: 0 },
    );
    expect(context.invoke).type.not.toBeCallableWith("Hello", {
      temperature: 0,
    });
  });

  test("cannot be promises or functions, which hold no text", () => {
    expect(context.invoke).type.not.toBeCallableWith("Hi {name}", {
      name: Promise.resolve("Ada"),
    });
    expect(context.invoke).type.not.toBeCallableWith("Hi {name}", {
      name: () => "Ada",
    });
    expect(context.invoke).type.toBeCallableWith("Hi {name}", {
      name: new Date(),
    });
    expect(context.invoke).type.toBeCallableWith("Hi {name}", {
      name: ["Ada"],
    });
  });

  test("may have a field `then` that is no function", () => {
    interface Rule {
      readonly if: string;
      readonly then: string | readonly string[] | { readonly go: string };
    }
    const rule = {} as Rule;
    expect(context.invoke).type.toBeCallableWith("By {rule}", { rule });
  });

  test("may be of an interface type when the template is no literal", () => {
    interface Person {
      name: string;
    }
    const template = "Hi {name}" as string;
    const person: Person = { name: "Ada" };
    expect(context.invoke).type.toBeCallableWith(template, person);
  });

  test("work for stream as for invoke", () => {
    expect(
      context.stream("Hi {name}", { name: "Ada" }),
    ).type.toBe<TextStream>();
    expect(context.stream).type.not.toBeCallableWith("Hi {name}");
  });

  test("may be 120", () => {
    const template =
      "{v000}{v001}{v002}{v003}{v004}{v005}{v006}{v007}{v008}{v009} {v010}{v011}{v012}{v013}{v014}{v015}{v016}{v017}{v018}{v019} {v020}{v021}{v022}{v023}{v024}{v025}{v026}{v027}{v028}{v029} {v030}{v031}{v032}{v033}{v034}{v035}{v036}{v037}{v038}{v039} {v040}{v041}{v042}{v043}{v044}{v045}{v046}{v047}{v048}{v049} {v050}{v051}{v052}{v053}{v054}{v055}{v056}{v057}{v058}{v059} {v060}{v061}{v062}{v063}{v064}{v065}{v066}{v067}{v068}{v069} {v070}{v071}{v072}{v073}{v074}{v075}{v076}{v077}{v078}{v079} {v080}{v081}{v082}{v083}{v084}{v085}{v086}{v087}{v088}{v089} {v090}{v091}{v092}{v093}{v094}{v095}{v096}{v097}{v098}{v099} {v100}{v101}{v102}{v103}{v104}{v105}{v106}{v107}{v108}{v109} {v110}{v111}{v112}{v113}{v114}{v115}{v116}{v117}{v118}{v119}" as const;
    expect<"v000" | "v064" | "v119">().type.toBeAssignableTo<
      VariableNames<typeof template>
    >();
    expect(context.invoke).type.not.toBeCallableWith(template, { v000: 1 });
  });
});

test("converse takes a request and returns the response", () => {
  expect(
    context.converse({
      messages: [{ role: "user", content: [{ text: "Hi" }] }],
    }),
  ).type.toBe<Promise<ModelResponse>>();
  expect(context.converse).type.not.toBeCallableWith({});
  expect(context.converse).type.not.toBeCallableWith({
    messages: [{ role: "robot", content: [] }],
  });
});

test("model ids are known, and any other string is taken too", () => {
  expect(
    Model.CLAUDE_3_HAIKU,
  ).type.toBe<"anthropic.claude-3-haiku-20240307-v1:0">();
  expect(context.invoke).type.toBeCallableWith(
    "Hi",
    {},
    { model: "my.own-model" },
  );
});

test("options may be undefined, which means left out", () => {
  const maxTokens = undefined as number | undefined;
  expect(context.invoke).type.toBeCallableWith("Hi", {}, { maxTokens });
});

test("a cost can be unknown, and that has to be dealt with", () => {
  expect(context.totalCostUsd).type.toBe<number | undefined>();
});

import { describe, expect, test } from "@jest/globals";
import { redact, redactionRules } from "@lambdallm/logging";
import fc from "fast-check";
import { rounds } from "../../../test-support/rounds.ts";

describe("redact", () => {
  test.each([
    ["Write to ada@example.com.", "Write to [email]."],
    ["<ada.l+tag@mail.example.co.uk>;", "<[email]>;"],
    ["jürgen@exämple.de, 山田@例え.jp", "[email], [email]"],
    ["4111 1111 1111 1111", "[card]"],
    ["card 5500005555555559, exp. 12/27", "card [card], exp. 12/27"],
    ["378282246310005 and 3782 822463 10005", "[card] and [card]"],
    ["2026 4111 1111 1111 1111 12 27", "2026 [card] 12 27"],
    ["+49 30 1234567", "[phone]"],
    ["+1 (415) 555-2671 x1", "[phone] x1"],
    ["0049 30 1234567", "[phone]"],
    ["(415) 555-2671, 415.555.2671", "[phone], [phone]"],
    ["030 1234567; 0171/1234567; 07911 123456", "[phone]; [phone]; [phone]"],
    ["01 23 45 67 89 and 0301234567", "[phone] and [phone]"],
    ["AKIAIOSFODNN7EXAMPLE", "[key]"],
    ["id wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKE1", "id [key]"],
    ["eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl", "[key]"],
    ["sk-ant-api03-abcdefghijklmnop", "[key]"],
    [`ghp_${"a1".repeat(18)}, sk_${"live"}_${"a1".repeat(12)}`, "[key], [key]"],
    ['{"apiKey":"0123456789","a":1}', '{"apiKey":"[key]","a":1}'],
    ["AWS_SECRET_ACCESS_KEY=abcdefgh", "AWS_SECRET_ACCESS_KEY=[key]"],
    ["password: hunter22", "password: [key]"],
    ["-----BEGIN PRIVATE KEY-----\nMII, cut off", "[key]"],
    [
      "Authorization: Bearer abcdefghij0123456789",
      "Authorization: Bearer [key]",
    ],
    [
      "-----BEGIN RSA PRIVATE KEY-----\nMII\n-----END RSA PRIVATE KEY-----\nEnd",
      "[key]\nEnd",
    ],
  ])("%j becomes %j", (text, expected) => {
    expect(redact(text)).toBe(expected);
  });

  test.each([
    "No. 41111111111111114111111111111111",
    "01.02.2026 10:30, 01/02/2026, 02/2026, 2026-11-28T10:30:00.000Z",
    "192.168.0.1, 3.14159265, 1,234,567, v1.2.3, 1764341545123",
    "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY1",
    "da39a3ee5e6b4b0d3255bfef95601890afd80709",
    "The bearer of good news",
    "The token count is 1234567",
    "",
    "a@b, @home, a@@b.c and user@host",
    "4111-1111-1111-1112",
    "4111    1111 1111 1111",
    "",
  ])("%j stays as it is", (text) => {
    expect(redact(text)).toBe(text);
  });

  const digits = (count: number) =>
    fc.array(fc.nat(9), { minLength: count, maxLength: count });

  test("finds numbers of cards, however they are grouped, and their check digit decides", () => {
    const card = fc
      .tuple(fc.integer({ min: 12, max: 18 }).chain(digits), fc.nat(8))
      .map(([first, wrong]) => {
        const sum = first.reduceRight((all, digit, index) => {
          const isDoubled = (first.length - index) % 2 === 1;
          const weighted = isDoubled ? digit * 2 : digit;
          return all + Math.floor(weighted / 10) + (weighted % 10);
        }, 0);
        const right = (10 - (sum % 10)) % 10;
        return { first, right, wrong: (right + wrong + 1) % 10 };
      });
    const gap = fc.constantFrom("", "", "", " ", "-", ".", "\u00a0", " - ");
    const gaps = fc.array(gap, { minLength: 18, maxLength: 18 });
    fc.assert(
      fc.property(card, gaps, ({ first, right, wrong }, between) => {
        const grouped = (last: number) =>
          first.map((digit, index) => `${digit}${between[index]}`).join("") +
          last;
        expect(redactionRules.card(`No. ${grouped(right)}!`)).toBe(
          "No. [card]!",
        );
        // A part of it may be a card's all the same, where a gap ends it.
        const solid = `${first.join("")}${wrong}`;
        expect(redactionRules.card(solid)).toBe(solid);
      }),
      { numRuns: rounds(100, 2_000) },
    );
  });

  test("finds e-mail addresses, phone numbers and keys in any text", () => {
    const text = fc.string({ unit: "binary" });
    // Others may end in characters that nobody uses.
    const address = fc
      .emailAddress()
      .filter((one) => /[\w.%+'-]@/.test(one))
      .map((one) => one.slice(one.indexOf("@") - 1));
    const hex = (count: number) =>
      digits(count).map((list) =>
        list.map((digit) => digit.toString(16)).join(""),
      );
    const phone = fc
      .tuple(fc.integer({ min: 1, max: 99 }), digits(8))
      .map(([country, number]) => `+${country} ${number.join("")}`);
    const key = hex(24).map((one) => `sk_test_${one}`);
    const secret = fc.oneof(address, phone, key);
    fc.assert(
      fc.property(text, secret, text, (left, one, right) => {
        fc.pre(!`${left} ${right}`.includes(one));
        expect(redact(`${left} ${one} ${right}`)).not.toContain(one);
      }),
      { numRuns: rounds(200, 5_000) },
    );
  });

  test("takes long texts, whatever they are made of", () => {
    // Far too long for anything whose time grows faster than its text.
    const LENGTH = 400_000;
    const piece = fc.oneof(
      fc.constantFrom(
        ...["a", "1", "@", ".", "-", "_", "/", "+", " ", "0", "(", "=", ":"],
        ...["a@", "a.", "@a.", "1 ", "1-", "+1", "01 ", "eyJ", "eyJa.", "sk-"],
        ...["secret=", "token:", "Bearer ", "AKIA", "A1a", "😀", "ü", "\\"],
        ...["-----BEGIN PRIVATE KEY-----", "-----END ", "0 000 "],
      ),
      fc.string({ unit: "binary", minLength: 1, maxLength: 5 }),
    );
    const pieces = fc.array(piece, { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(fc.array(pieces, { minLength: 1, maxLength: 2 }), (runs) => {
        const text = runs
          .map((unit) => unit.join(""))
          .map((unit) => unit.repeat(Math.ceil(LENGTH / unit.length)))
          .join("");
        expect(typeof redact(text)).toBe("string");
      }),
      { numRuns: rounds(40, 1_000) },
    );
  });
});

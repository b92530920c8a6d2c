import { expect, test } from "@jest/globals";
import { RecentMap } from "@lambdallm/core/feature";

test("What was not used for longest is forgotten first", () => {
  const map = new RecentMap<string, number>(2);
  map.set("a", 1).set("b", 2);
  expect(map.get("a")).toBe(1);
  map.set("c", 3);
  expect([...map]).toEqual([
    ["a", 1],
    ["c", 3],
  ]);
  map.set("a", 4).set("d", 5);
  expect([...map]).toEqual([
    ["a", 4],
    ["d", 5],
  ]);
});

test("Asking for what is not there forgets nothing, and looking whether it is there is no use of it", () => {
  const map = new RecentMap<string, number>(1);
  map.set("a", 1);
  expect(map.get("b")).toBeUndefined();
  expect(map.has("b")).toBe(false);
  expect(map.has("a")).toBe(true);
  expect(map.size).toBe(1);
});

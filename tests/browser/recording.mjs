/** Who finds the way from the console to the recordings. Run by test_modules.py. */

import assert from "node:assert/strict";
import { test } from "node:test";

const { mayOpenRecordings } = await import("./console/recording.js");

test("the recordings are for those who may open them, which administrators may without being told so", () => {
  for (const scope of ["recordings:read", "recordings:own", "admin"]) assert.ok(mayOpenRecordings(["desk", scope]), scope);
  for (const scopes of [["desk"], ["calls:control", "calls:supervise"], [], undefined]) assert.ok(!mayOpenRecordings(scopes));
});
